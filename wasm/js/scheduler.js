// The scheduler that people use: works in, promises, errors and events out.
// The invariant: a user's function is called while the engine is at rest, so it may call anything here. `driver.js` says when.

import { Engine } from './module.js';
import { Core } from './core.js';
import { Driver } from './driver.js';
import { abortError } from './errors.js';
import { EventStream } from './events.js';
import { systemHost } from './host.js';
import { snapshotOf } from './look.js';
import { ACT_PAUSE, ACT_REMOVE, ACT_RESTART, ACT_RESUME, ACT_WAKE, ALL_FOR_EVER, ALL_NODES, LIMIT_NODES, STATES } from './numbers.js';
import { millis, planOf, whole } from './plan.js';
import { Runner } from './runner.js';

export class Scheduler extends EventTarget {
  #core;
  #capacity;

  constructor({ capacity = 4096, seed = 0, budget = 8, host = systemHost() } = {}) {
    super();
    if (whole(capacity, 'capacity', 1) > LIMIT_NODES) throw new RangeError(`capacity: at most ${LIMIT_NODES}`);
    whole(seed, 'seed', 0);
    if (millis(budget, 'budget') === 0) throw new RangeError('budget: milliseconds, above 0');
    this.#capacity = capacity;
    const core = new Core(Engine, host, capacity, seed, this);
    core.runner = new Runner(core);
    core.driver = new Driver(host, budget, core, () => this.#end());
    this.#core = core;
  }

  // ---- adding ----

  add(spec, options) {
    return this.#put(planOf(spec), options);
  }

  sequence(spec, options) {
    return this.#put(planOf(members(spec), 'sequence'), options);
  }

  parallel(spec, options) {
    return this.#put(planOf(members(spec), 'parallel'), options);
  }

  graph(spec, options) {
    return this.#put(planOf(spec, 'graph'), options);
  }

  batch(spec, options) {
    return this.#put(planOf(spec, 'batch'), options);
  }

  when(spec, options) {
    return this.#put(planOf(spec, 'when'), options);
  }

  // ---- running ----

  async run({ signal, allowFailures = false } = {}) {
    const core = this.#core;
    core.alive();
    const run = (core.run ??= newRun());
    if (signal) {
      const stop = () => {
        run.stop ??= { reason: signal.reason };
        core.blame(signal.reason);
        core.nodes.tops(({ id }) => core.engine.abort(id, Infinity));
        core.acted();
      };
      if (signal.aborted) stop();
      else {
        signal.addEventListener('abort', stop, { once: true });
        run.cleanUp.push(() => signal.removeEventListener('abort', stop));
      }
    }
    core.driver.start();
    const summary = await run.promise;
    if (run.stop) throw run.stop.reason;
    const { failures } = summary;
    if (failures.length === 0 || allowFailures) return summary;
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, `${failures.length} works failed`);
  }

  result(id) {
    const node = this.#core.find(id);
    const extra = node.more();
    if (!extra.result) {
      extra.result = withResolvers();
      if (node.state !== undefined) this.#core.settle(node);
    }
    return extra.result.promise;
  }

  // ---- acting ----

  abort(id, { reason, cleanupTimeout = Infinity } = {}) {
    const core = this.#core;
    const node = core.find(id);
    const by = core.now() + millis(cleanupTimeout, 'cleanupTimeout');
    if (node.state === undefined && reason !== undefined) node.more().abortReason = reason;
    core.engine.abort(id, by);
    core.acted();
  }

  shutdown({ reason, cleanupTimeout = Infinity } = {}) {
    const core = this.#core;
    core.alive();
    const by = core.now() + millis(cleanupTimeout, 'cleanupTimeout');
    core.blame(reason);
    core.engine.abort(ALL_FOR_EVER, by);
    core.acted();
  }

  wake(id) {
    this.#act(ACT_WAKE, id);
  }

  pause(id) {
    this.#act(ACT_PAUSE, id);
  }

  resume(id) {
    this.#act(ACT_RESUME, id);
  }

  restart(id) {
    this.#act(ACT_RESTART, id);
  }

  remove(id) {
    this.#act(ACT_REMOVE, id);
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    const core = this.#core;
    if (!core.engine) return;
    const reason = abortError('the scheduler was disposed of');
    core.driver.stop();
    core.engine.free();
    core.engine = undefined;
    for (const node of core.nodes.labels) {
      if (node?.attempt) core.runner.cut(node, reason);
      if (node?.extra?.result && node.state === undefined) node.extra.result.reject(reason);
    }
    for (const stream of [...core.streams]) void stream.return();
    if (core.run) {
      core.run.stop ??= { reason };
      this.#end();
    }
  }

  // ---- looking ----

  get capacity() {
    return this.#capacity;
  }

  get size() {
    return this.#core.nodes.used;
  }

  now() {
    return this.#core.now();
  }

  state(id) {
    this.#core.find(id);
    return STATES[this.#core.engine.state(id)];
  }

  snapshot() {
    const core = this.#core;
    core.alive();
    return snapshotOf(core.engine.rows(), core.nodes.labels, core.faults);
  }

  explain(id) {
    const core = this.#core;
    core.find(id);
    return core.text(core.engine.text(id, core.now()));
  }

  tree() {
    const core = this.#core;
    core.alive();
    return core.text(core.engine.text(ALL_NODES, core.now()));
  }

  // ---- events ----

  addEventListener(...args) {
    super.addEventListener(...args);
    this.#core.listened = true;
    this.#core.engine?.watch(true);
  }

  events({ limit = 1024 } = {}) {
    const core = this.#core;
    core.alive();
    const stream = new EventStream(whole(limit, 'limit', 1), () => {
      core.streams.delete(stream);
      core.engine?.watch(core.watched);
    });
    core.streams.add(stream);
    core.engine.watch(true);
    return stream;
  }

  #put(node, options) {
    const parent = options?.parent;
    return this.#core.put(parent === undefined ? undefined : this.#core.find(parent), node);
  }

  #act(what, id) {
    this.#core.find(id);
    this.#core.acted(this.#core.engine.act(what, id));
  }

  #end() {
    const { run } = this.#core;
    this.#core.run = undefined;
    for (const cleanUp of run.cleanUp) cleanUp();
    run.resolve(run.summary);
  }
}

/** An array of works is a composite with default settings. */
function members(spec) {
  return Array.isArray(spec) ? { children: spec } : spec;
}

function withResolvers() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

function newRun() {
  return { ...withResolvers(), cleanUp: [], stop: undefined, summary: { succeeded: 0, aborted: 0, failures: [] } };
}
