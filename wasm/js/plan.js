// From what people write to nodes that can be added. The invariant: everything is checked here, before anything is added.

import { noUse } from './errors.js';
import { graphOrder } from './graph.js';
import { Node, Settings } from './nodes.js';
import {
  JITTERS,
  JITTER_PERCENT,
  KIND_AFTER,
  KIND_AFTER_SUCCESS,
  KIND_GRAPH,
  KIND_PARALLEL,
  KIND_QUORUM,
  KIND_RACE,
  KIND_SEQUENCE,
  KIND_WORK,
  LIMIT_CONCURRENCY,
  SHAPE_ABORTS,
  SHAPE_DETACHED,
  SHAPE_FINISH,
  SHAPE_IGNORE,
  SHAPE_PAUSED,
  SHAPE_RESETS,
  SHAPE_STOP,
} from './numbers.js';
import { batchWork, gateWork } from './sources.js';

const COMMON = ['kind', 'name', 'retries', 'backoff', 'timeout', 'cleanupTimeout', 'paused', 'detached', 'onFailure'];
const keys = (...own) => new Set([...COMMON, ...own]);
/** The options of each kind. */
const OPTIONS = {
  work: keys('run', 'abort', 'reset'),
  parallel: keys('children', 'concurrency', 'until'),
  sequence: keys('children'),
  graph: keys('nodes', 'concurrency'),
  batch: keys('items', 'each', 'concurrency'),
  when: keys('condition', 'every', 'after', 'mode', 'then'),
};
const POLICIES = { stop: SHAPE_STOP, finish: SHAPE_FINISH, ignore: SHAPE_IGNORE };

/** Checks a spec and makes a node of it. Throws a TypeError or a RangeError that names the field. */
export function planOf(spec, kind = spec?.kind ?? 'work', inGraph = false) {
  if (typeof spec === 'function') return new Node('work', KIND_WORK, undefined, spec, undefined);
  if (typeof spec !== 'object' || spec === null) throw new TypeError('a work is a function or an object');
  const options = Object.hasOwn(OPTIONS, kind) && OPTIONS[kind];
  if (!options) throw new TypeError(`kind: ${String(kind)} is not a kind of node`);
  let rare = false;
  for (const key in spec) {
    if (key === 'run' || key === 'name') continue;
    if (!options.has(key) && spec[key] !== undefined && !(inGraph && key === 'deps')) throw noUse(key, kind);
    rare = true;
  }
  const { name } = spec;
  if (name !== undefined && typeof name !== 'string') throw new TypeError('name: a string');
  const node = MAKE[kind](spec);
  node._name = name;
  if (rare) common(node, spec);
  return node;
}

const composite = (kind, shape) => {
  const node = new Node(kind, shape, kind, undefined, undefined);
  node.settings = new Settings();
  return node;
};

const MAKE = {
  work(spec) {
    let shape = KIND_WORK;
    called(spec, 'run');
    if (spec.abort !== undefined) shape |= (called(spec, 'abort'), SHAPE_ABORTS);
    if (spec.reset !== undefined) shape |= (called(spec, 'reset'), SHAPE_RESETS);
    return new Node('work', shape, 'work', spec.run, spec);
  },
  parallel({ children, concurrency, until = 'all', onFailure }) {
    const node = composite('parallel', KIND_PARALLEL);
    if (until === 'any' || typeof until === 'number') {
      node.shape = KIND_QUORUM;
      node.settings.parameter = until === 'any' ? 1 : whole(until, 'until', 0);
    } else if (until === 'first') node.shape = KIND_RACE;
    else if (until !== 'all') throw new TypeError("until: 'all', 'any', 'first' or a number");
    if (until !== 'all' && onFailure !== undefined) throw noUse('onFailure', `parallel until ${until}`);
    node.settings.concurrency = limit(concurrency);
    return members(node, children);
  },
  sequence({ children }) {
    return members(composite('sequence', KIND_SEQUENCE), children);
  },
  graph({ nodes, concurrency }) {
    const node = composite('graph', KIND_GRAPH);
    node.settings.concurrency = limit(concurrency);
    if (typeof nodes !== 'object' || nodes === null) throw new TypeError('nodes: an object of works by name');
    for (const { name, work, deps } of graphOrder(nodes)) {
      const child = memberOf(work, true);
      if (work.name === undefined || typeof work === 'function') child._name = name;
      (child.settings ??= new Settings()).deps = deps;
      child.settings.edges += deps.length;
      adopt(node, child);
    }
    return node;
  },
  batch(spec) {
    const source = batchWork(spec, limit(spec.concurrency));
    return new Node('batch', KIND_WORK | SHAPE_RESETS, 'batch', source.run, source);
  },
  when(spec) {
    const { after, condition, every = 100, mode = 'success', then } = spec;
    if (then === undefined) throw new TypeError('then: the work behind the gate');
    const behind = memberOf(then);
    if (after === undefined) {
      called(spec, 'condition');
      return new Node('when', KIND_WORK, 'when', gateWork(spec, millis(every, 'every')), spec);
    }
    if (condition !== undefined) throw new TypeError('condition: not together with after');
    if (mode !== 'success' && mode !== 'end') throw new TypeError("mode: 'success' or 'end'");
    const node = composite('when', mode === 'end' ? KIND_AFTER : KIND_AFTER_SUCCESS);
    node.settings.parameter = whole(after, 'after', 1);
    return adopt(node, behind);
  },
};

/** What every kind may have. */
function common(node, spec) {
  const { timeout, cleanupTimeout, paused, detached, onFailure } = spec;
  if (paused) node.shape |= SHAPE_PAUSED;
  if (detached) node.shape |= SHAPE_DETACHED;
  if (onFailure !== undefined) {
    if (!Object.hasOwn(POLICIES, onFailure)) throw new TypeError("onFailure: 'stop', 'finish' or 'ignore'");
    node.shape |= POLICIES[onFailure];
  }
  if (timeout !== undefined) (node.settings ??= new Settings()).timeout = millis(timeout, 'timeout');
  if (cleanupTimeout !== undefined) (node.settings ??= new Settings()).cleanupTimeout = millis(cleanupTimeout, 'cleanupTimeout');
  if (spec.retries !== undefined || spec.backoff !== undefined) (node.settings ??= new Settings()).retry = retryOf(spec);
}

/** The seven numbers of a retry policy: times, base, percent, cap, floor, within, jitter. */
function retryOf({ retries = 0, backoff }) {
  const times = retries === Infinity ? 65535 : Math.min(whole(retries, 'retries', 0), 65535);
  if (backoff === undefined) return [times, -1, 0, 0, 0, Infinity, 0];
  if (typeof backoff === 'number') return [times, millis(backoff, 'backoff'), 100, Infinity, 0, Infinity, 0];
  if (typeof backoff !== 'object' || backoff === null) throw new TypeError('backoff: milliseconds or an object');
  const { base = 1000, factor = 2, max = 512_000, min = 0, within = Infinity, jitter = 'none' } = backoff;
  const spread = typeof jitter === 'number' ? JITTER_PERCENT + Math.round(jitter * 100) : JITTERS.indexOf(jitter);
  if (!(spread >= 0 && spread <= JITTER_PERCENT + 100) || jitter < 0) {
    throw new RangeError("backoff.jitter: 'none', 'full', 'equal', or 0 to 1");
  }
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

function members(node, children = []) {
  if (typeof children?.[Symbol.iterator] !== 'function') throw new TypeError('children: works, in an array');
  for (const child of children) adopt(node, memberOf(child));
  return node;
}

/** A node that is to be below another one. */
function memberOf(spec, inGraph) {
  const node = planOf(spec, undefined, inGraph);
  if (node.shape & SHAPE_DETACHED) throw noUse('detached');
  return node;
}

function adopt(node, child) {
  const { settings } = node;
  (settings.children ??= []).push(child);
  settings.nodes += child.settings?.nodes ?? 1;
  settings.edges += child.settings?.edges ?? 0;
  return node;
}

function called(spec, key) {
  if (typeof spec[key] !== 'function') throw new TypeError(`${key}: a function`);
}

function limit(concurrency = Infinity) {
  return concurrency === Infinity ? LIMIT_CONCURRENCY : Math.min(whole(concurrency, 'concurrency', 1), LIMIT_CONCURRENCY);
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
