// From what people write to what the engine takes. The invariant: everything is checked here, before anything is added.

import { graphOrder } from './graph.js';
import { batchWork, gateWork } from './sources.js';

/** Numbers of the engine's kinds, and which keys a spec of that kind may have besides the common ones. */
const KINDS = {
  work: [0, ['run', 'abort', 'reset', 'onFailure']],
  parallel: [1, ['children', 'concurrency', 'until', 'onFailure']],
  sequence: [4, ['children', 'onFailure']],
  graph: [7, ['nodes', 'concurrency', 'onFailure']],
  batch: [0, ['items', 'each', 'concurrency', 'onFailure']],
  when: [0, ['condition', 'every', 'after', 'mode', 'then']],
};
const COMMON = ['kind', 'name', 'retries', 'backoff', 'timeout', 'drain', 'paused', 'detached', 'deps'];
const QUORUM = 2;
const RACE = 3;
const AFTER = 5;
const AFTER_SUCCESS = 6;
const [RESETS, ABORTS, PAUSED, DETACHED, FINISH, IGNORE, POLICY] = [16, 32, 64, 128, 256, 512, 1024];
const POLICIES = { stop: POLICY, finish: POLICY | FINISH, ignore: POLICY | IGNORE };

/** Everything about one node to be added, and about those below it. */
class Plan {
  kind = 'work';
  name = '';
  shape = 0;
  run = undefined;
  abort = undefined;
  reset = undefined;
  /** What `this` is in these. */
  owner = undefined;
  width = 0xffffffff;
  parameter = 0;
  timeout = Infinity;
  drain = Infinity;
  retry = undefined;
  children = undefined;
  deps = undefined;
  /** Nodes and edges that it takes, with all below. */
  nodes = 1;
  edges = 0;
}

/** Checks a spec and makes a plan of it. Throws a TypeError or a RangeError that names the field. */
export function planOf(spec, forced) {
  const plan = new Plan();
  if (typeof spec === 'function') {
    plan.run = spec;
    plan.name = spec.name || 'work';
    return plan;
  }
  if (typeof spec !== 'object' || spec === null) throw new TypeError('a work is a function or an object');
  const kind = forced ?? spec.kind ?? 'work';
  const known = Object.hasOwn(KINDS, kind) && KINDS[kind];
  if (!known) throw new TypeError(`kind: ${String(kind)} is not a kind of node`);
  for (const key in spec) {
    if (spec[key] !== undefined && !COMMON.includes(key) && !known[1].includes(key)) {
      throw new TypeError(`${key}: not an option of ${kind}`);
    }
  }
  plan.kind = kind;
  plan.shape = known[0];
  common(plan, spec);
  FILL[kind](plan, spec);
  plan.name = spec.name ?? (plan.run?.name && kind === 'work' ? plan.run.name : kind);
  return plan;
}

const FILL = {
  work(plan, spec) {
    plan.run = called(spec, 'run', true);
    plan.abort = called(spec, 'abort');
    plan.reset = called(spec, 'reset');
    plan.owner = spec;
    if (plan.abort) plan.shape |= ABORTS;
    if (plan.reset) plan.shape |= RESETS;
  },
  parallel(plan, spec) {
    const { until = 'all' } = spec;
    if (until === 'any' || typeof until === 'number') {
      plan.shape += QUORUM - 1;
      plan.parameter = until === 'any' ? 1 : whole(until, 'until', 0);
    } else if (until === 'first') plan.shape += RACE - 1;
    else if (until !== 'all') throw new TypeError("until: 'all', 'any', 'first' or a number");
    members(plan, spec.children);
    plan.width = width(spec);
  },
  sequence(plan, spec) {
    members(plan, spec.children);
  },
  graph(plan, spec) {
    plan.width = width(spec);
    const { nodes } = spec;
    if (typeof nodes !== 'object' || nodes === null) throw new TypeError('nodes: an object of works by name');
    for (const { name, work, deps } of graphOrder(nodes)) {
      const child = planOf(work);
      if (work.name === undefined) child.name = name;
      child.deps = deps;
      adopt(plan, child);
      plan.edges += deps.length;
    }
  },
  batch(plan, spec) {
    Object.assign(plan, batchWork(spec, width(spec)));
    plan.shape |= RESETS;
  },
  when(plan, spec) {
    if (spec.then === undefined) throw new TypeError('then: the work behind the gate');
    const then = planOf(spec.then);
    if (spec.after !== undefined) {
      if (spec.condition !== undefined) throw new TypeError('condition: not together with after');
      const { mode = 'success' } = spec;
      if (mode !== 'success' && mode !== 'end') throw new TypeError("mode: 'success' or 'end'");
      plan.shape = (plan.shape & ~15) | (mode === 'end' ? AFTER : AFTER_SUCCESS);
      plan.parameter = whole(spec.after, 'after', 1);
      adopt(plan, then);
    } else {
      called(spec, 'condition', true);
      plan.run = gateWork(spec, millis(spec.every ?? 100, 'every'));
    }
  },
};

function common(plan, spec) {
  const { name, deps, paused, detached, onFailure } = spec;
  if (name !== undefined && typeof name !== 'string') throw new TypeError('name: a string');
  if (deps !== undefined && !Array.isArray(deps)) throw new TypeError('deps: names of nodes of the same graph');
  if (paused) plan.shape |= PAUSED;
  if (detached) plan.shape |= DETACHED;
  if (onFailure !== undefined) {
    if (!Object.hasOwn(POLICIES, onFailure)) throw new TypeError("onFailure: 'stop', 'finish' or 'ignore'");
    plan.shape |= POLICIES[onFailure];
  }
  plan.timeout = millis(spec.timeout ?? Infinity, 'timeout');
  plan.drain = millis(spec.drain ?? Infinity, 'drain');
  if (spec.retries !== undefined || spec.backoff !== undefined) plan.retry = retryOf(spec);
}

/** The seven numbers of a retry policy: times, base, percent, cap, floor, within, jitter. */
function retryOf({ retries = 0, backoff }) {
  const times = retries === Infinity ? 65535 : Math.min(whole(retries, 'retries', 0), 65535);
  if (backoff === undefined) return [times, -1, 0, 0, 0, Infinity, 0];
  if (typeof backoff === 'number') return [times, millis(backoff, 'backoff'), 100, Infinity, 0, Infinity, 0];
  const { base = 1000, factor = 2, max = 512_000, min = 0, within = Infinity, jitter = 'none' } = backoff;
  const spread = typeof jitter === 'number' ? 2 + Math.round(jitter * 100) : ['none', 'full', 'equal'].indexOf(jitter);
  if (spread < 0 || !(spread <= 102)) throw new RangeError("backoff.jitter: 'none', 'full', 'equal' or 0 to 1");
  if (typeof factor !== 'number' || !(factor >= 0)) throw new RangeError('backoff.factor: 0 or more');
  return [
    times,
    millis(base, 'backoff.base'),
    Math.min(Math.round(factor * 100), 65535),
    millis(max, 'backoff.max'),
    millis(min, 'backoff.min'),
    millis(within, 'backoff.within'),
    spread,
  ];
}

function members(plan, children) {
  if (children === undefined) return;
  if (typeof children?.[Symbol.iterator] !== 'function') throw new TypeError('children: works, in an array');
  for (const child of children) adopt(plan, planOf(child));
}

function adopt(plan, child) {
  (plan.children ??= []).push(child);
  plan.nodes += child.nodes;
  plan.edges += child.edges;
}

function called(spec, key, needed) {
  const hook = spec[key];
  if (hook === undefined && !needed) return undefined;
  if (typeof hook !== 'function') throw new TypeError(`${key}: a function`);
  return hook;
}

function width({ concurrency = Infinity }) {
  return concurrency === Infinity ? 0xffffffff : Math.min(whole(concurrency, 'concurrency', 1), 0xffffffff);
}

/** A time in ms: 0 or more, or Infinity. */
export function millis(value, name) {
  if (typeof value !== 'number' || !(value >= 0)) throw new RangeError(`${name}: milliseconds, 0 or more`);
  return value;
}

export function whole(value, name, least) {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${name}: a whole number from ${least} on`);
  return value;
}
