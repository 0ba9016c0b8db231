// The scheduler that people use: the engine's numbers made into works, promises and errors.
// The invariant: a user's function is called while the engine is not, so it may call anything here. See `driver.js` for when.

import { Engine } from '../pkg/windlass_wasm.js';
import { ANSWER, JOIN, Value, sleepOf } from './answers.js';
import { Attempt, Context } from './context.js';
import { Driver } from './driver.js';
import { CAUSES, SchedulerError, Verdict, WorkError, abortError, checked, ownReason, timeoutError } from './errors.js';
import { EventStream, STATES, WorkEvent, eventOf } from './events.js';
import { systemHost } from './host.js';
import { snapshotOf } from './look.js';
import { millis, planOf, whole } from './plan.js';

/** What the scheduler knows of a node besides the engine. */
class Record {
  id = -1;
  state = undefined;
  value = undefined;
  progress = undefined;
  /** The call that is going on. */
  attempt = undefined;
  /** Number of the error it gave last. */
  error = 0;
  failure = undefined;
  abortReason = undefined;
  /** A promise of the result, if somebody has asked. */
  result = undefined;

  constructor(label, plan, parent) {
    this.label = label;
    this.name = plan.name;
    this.kind = plan.kind;
    this.plan = plan;
    this.parent = parent;
  }
}

const RUN = 0;
const ABORT = 1;
const WOKE = 2;
const RESET = 3;

export class Scheduler extends EventTarget {
  #engine;
  #memory;
  #driver;
  #host;
  #origin;
  #capacity;
  /** By label; what is freed leaves a hole, whose label is used again. */
  #records = [];
  #holes = [];
  #byIndex = new Map();
  #used = 0;
  #edges = 0;
  #errors = new Map();
  #errorNumber = 0;
  #streams = new Set();
  #listened = false;
  #rows = [];
  #pumping = false;
  /** Something outside a poll has changed since the last poll began. */
  #dirty = false;
  #run;

  constructor({ capacity = 4096, seed = 0, budget = 8, host = systemHost() } = {}) {
    super();
    if (whole(capacity, 'capacity', 1) > 2 ** 21) throw new RangeError('capacity: at most 2097152');
    whole(seed, 'seed', 0);
    if (!(millis(budget, 'budget') > 0)) throw new RangeError('budget: milliseconds, above 0');
    this.#capacity = capacity;
    this.#host = host;
    this.#origin = host.now();
    this.#engine = new Engine(capacity, capacity, seed);
    this.#memory = Engine.memory();
    this.#driver = new Driver(host, budget, {
      poll: () => this.#poll(),
      ask: (words, at) => this.#ask(words, at),
      end: () => this.#finish(),
      origin: this.#origin,
    });
  }

  // ---- adding ----

  add(spec, options) {
    return this.#plant(planOf(spec), options);
  }

  sequence(spec, options) {
    return this.#plant(planOf(members(spec), 'sequence'), options);
  }

  parallel(spec, options) {
    return this.#plant(planOf(members(spec), 'parallel'), options);
  }

  graph(spec, options) {
    return this.#plant(planOf(spec, 'graph'), options);
  }

  batch(spec, options) {
    return this.#plant(planOf(spec, 'batch'), options);
  }

  when(spec, options) {
    return this.#plant(planOf(spec, 'when'), options);
  }

  // ---- running ----

  run({ signal, allowFailures = false } = {}) {
    this.#alive();
    const run = (this.#run ??= newRun());
    if (signal) {
      const stop = () => {
        run.stop ??= { reason: signal.reason };
        this.#abortAll(signal.reason);
      };
      if (signal.aborted) stop();
      else {
        signal.addEventListener('abort', stop, { once: true });
        run.cleanUp.push(() => signal.removeEventListener('abort', stop));
      }
    }
    this.#driver.start();
    return run.promise.then((summary) => {
      if (run.stop) throw run.stop.reason;
      const { failures } = summary;
      if (failures.length === 0 || allowFailures) return summary;
      if (failures.length === 1) throw failures[0];
      throw new AggregateError(failures, `${failures.length} works failed`);
    });
  }

  result(id) {
    const record = this.#record(id);
    if (!record.result) {
      record.result = Promise.withResolvers?.() ?? withResolvers();
      if (record.state !== undefined) this.#settle(record);
    }
    return record.result.promise;
  }

  // ---- acting ----

  abort(id, { reason, drain = Infinity } = {}) {
    const record = this.#record(id);
    if (record.state === undefined) record.abortReason = reason;
    this.#act(this.#engine.abort(id, this._now() + millis(drain, 'drain')));
  }

  shutdown({ reason, drain = Infinity } = {}) {
    this.#alive();
    this.#blame(reason);
    this.#engine.shutdown(this._now() + millis(drain, 'drain'));
    this.#act(0);
  }

  pause(id) {
    this.#act(this.#engine.pause(this.#record(id).id));
  }

  resume(id) {
    this.#act(this.#engine.resume(this.#record(id).id));
  }

  restart(id) {
    this.#act(this.#engine.restart(this.#record(id).id));
  }

  wake(id) {
    this.#act(this.#engine.wake(this.#record(id).id));
  }

  remove(id) {
    this.#act(this.#engine.remove(this.#record(id).id));
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    if (!this.#engine) return;
    this.#driver.stop();
    const reason = abortError('the scheduler was disposed of');
    const run = this.#run;
    this.#run = undefined;
    for (const record of this.#records) {
      record?.attempt?.kill(reason);
      if (record?.attempt) record.attempt.live = false;
      if (record?.result && record.state === undefined) record.result.reject(reason);
    }
    this.#engine.free();
    this.#engine = undefined;
    for (const stream of [...this.#streams]) stream.return();
    for (const cleanUp of run?.cleanUp ?? []) cleanUp();
    if (run) {
      run.stop ??= { reason };
      run.resolve(run.summary);
    }
  }

  // ---- looking ----

  get capacity() {
    return this.#capacity;
  }

  /** Nodes in the table. */
  get size() {
    return this.#used;
  }

  /** Milliseconds since the scheduler was made. */
  now() {
    return this._now();
  }

  state(id) {
    this.#record(id);
    return STATES[this.#engine.state(id)];
  }

  snapshot() {
    this.#alive();
    return snapshotOf(this.#engine.rows(), this.#records, (number) => this.#reason(number));
  }

  explain(id) {
    return this.#text(this.#engine.explain(this.#record(id).id, this._now()));
  }

  tree() {
    this.#alive();
    return this.#text(this.#engine.tree(this._now()));
  }

  // ---- events ----

  addEventListener(...args) {
    this.#listened = true;
    this.#engine?.watch(true);
    super.addEventListener(...args);
  }

  events({ limit = 1024 } = {}) {
    this.#alive();
    const stream = new EventStream(whole(limit, 'limit', 1), (stream) => {
      this.#streams.delete(stream);
      if (!this.#listened && this.#streams.size === 0) this.#engine?.watch(false);
    });
    this.#streams.add(stream);
    this.#engine.watch(true);
    return stream;
  }

  // ---- for the context of a running function ----

  _now() {
    return this.#host.now() - this.#origin;
  }

  _nap(attempt, until) {
    if (this.#engine?.nap(attempt.record.id, attempt.ticket, until)) this.#stir();
  }

  _addBelow(attempt, spec) {
    this.#alive();
    if (!attempt.live) throw new SchedulerError('ended', 'the function that adds this has ended');
    return this.#put(attempt.record, planOf(spec));
  }

  _progress(record, value) {
    record.progress = value;
    if (this.#listened || this.#streams.size > 0) {
      this.#emit({ type: 'progress', id: record.id, node: record.name, at: this._now(), value });
    }
  }

  // ---- from here on private: adding ----

  #plant(plan, options) {
    this.#alive();
    const parent = options?.parent;
    return this.#put(parent === undefined ? undefined : this.#record(parent), plan);
  }

  /** Adds a plan: all of it or nothing. */
  #put(parent, plan) {
    if (this.#used + plan.nodes > this.#capacity) throw new SchedulerError('full');
    if (this.#edges + plan.edges > this.#capacity) throw new SchedulerError('edgesFull');
    const record = this.#insert(parent, plan, undefined);
    this.#stir();
    if (this.#listened || this.#streams.size > 0) this.#pump();
    return record.id;
  }

  #insert(parent, plan, siblings) {
    const engine = this.#engine;
    const { width, parameter, timeout, drain, retry, deps } = plan;
    if (timeout !== Infinity || drain !== Infinity) engine.limits(timeout, drain);
    if (width !== 0xffffffff || parameter !== 0) engine.shape(width, parameter);
    if (retry !== undefined) engine.retry(...retry);
    if (deps !== undefined) for (const place of deps) engine.depend(siblings[place]);
    const label = this.#holes.length > 0 ? this.#holes.pop() : this.#records.length;
    const id = engine.add(parent === undefined ? -1 : parent.id, plan.shape, label);
    if (id < 0) {
      if (label < this.#records.length) this.#holes.push(label);
      checked(id);
    }
    const record = new Record(label, plan, parent);
    record.id = id;
    this.#records[label] = record;
    this.#byIndex.set(id % 2 ** 21, record);
    this.#used += 1;
    if (deps !== undefined) this.#edges += deps.length;
    if (plan.children !== undefined) {
      const ids = [];
      for (const child of plan.children) ids.push(this.#insert(record, child, ids).id);
    }
    return record;
  }

  // ---- acting ----

  #alive() {
    if (!this.#engine) throw new SchedulerError('disposed');
  }

  #record(id) {
    this.#alive();
    const record = this.#byIndex.get(id % 2 ** 21);
    if (record?.id !== id) throw new SchedulerError('unknownNode');
    return record;
  }

  /** After a call that changed something: its events, and a turn of the driver. */
  #act(answer) {
    checked(answer);
    this.#pump();
    this.#stir();
  }

  #stir() {
    this.#dirty = true;
    this.#driver.stir();
  }

  #blame(reason) {
    for (const record of this.#byIndex.values()) {
      if (record.parent === undefined && record.state === undefined) record.abortReason = reason;
    }
  }

  #abortAll(reason) {
    this.#blame(reason);
    this.#engine.abortAll(Infinity);
    this.#act(0);
  }

  // ---- the driver's turn ----

  /** One poll: what happened, what is asked, and when to poll again. */
  #poll() {
    this.#dirty = false;
    const next = this.#engine.poll(this._now());
    const asks = this.#pump();
    return { next, asks, isDirty: () => this.#dirty };
  }

  /** Reads the log and the asks, and acts on the log. */
  #pump() {
    const engine = this.#engine;
    const { buffer } = this.#memory;
    const rows = engine.logCount() * 7;
    const words = engine.askCount() * 6;
    if (rows === 0 && words === 0) return undefined;
    const log = rows > 0 ? new Float64Array(buffer, engine.log(), rows).slice() : undefined;
    const asks = words > 0 ? new Uint32Array(buffer, engine.asks(), words).slice() : undefined;
    engine.clear();
    if (log) this.#take(log);
    return asks;
  }

  #take(log) {
    this.#rows.push(log);
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      // A listener may cause more of them.
      for (let log; (log = this.#rows.shift()); ) {
        for (let at = 0; at < log.length && this.#engine; at += 7) this.#happened(log, at);
      }
    } finally {
      this.#pumping = false;
    }
    if (this.#errors.size > 2 * this.#capacity + 64) this.#forgetErrors();
  }

  #happened(log, at) {
    const what = log[at];
    const record = this.#records[log[at + 1]];
    // Added just now, and not known yet.
    if (record === undefined || (record.id !== log[at + 2] && what !== 0)) return;
    const [a, b] = [log[at + 4], log[at + 5]];
    if (what === 2 && (b >= 5 || b === 0)) b === 0 ? this.#renewed(record) : this.#ended(record, b);
    else if (what === 4) record.failure = { number: a, origin: b };
    else if (what === 5) record.attempt?.kill(this.#abortReason(record, a));
    else if (what === 10) this.#freed(record);
    if (this.#listened || this.#streams.size > 0) {
      this.#emit(eventOf(what, record, log[at + 3], a, b, log[at + 6], (number) => this.#reason(number)));
    }
  }

  #renewed(record) {
    if (record.state !== undefined) record.result = undefined;
    record.state = record.value = record.failure = record.abortReason = undefined;
  }

  #ended(record, state) {
    record.state = STATES[state];
    const { attempt } = record;
    if (attempt) {
      // Ended by force, or before its function was called.
      attempt.kill(this.#abortReason(record, 0));
      attempt.live = false;
      record.attempt = undefined;
    }
    if (record.result) this.#settle(record);
    if (record.parent === undefined && this.#run) {
      const { summary } = this.#run;
      if (state === 6) summary.succeeded += 1;
      else if (state === 5) summary.aborted += 1;
      else summary.failures.push(this.#workError(record));
    }
  }

  #freed(record) {
    this.#records[record.label] = undefined;
    this.#holes.push(record.label);
    this.#byIndex.delete(record.id % 2 ** 21);
    this.#used -= 1;
    this.#edges -= record.plan.deps?.length ?? 0;
  }

  /** One ask of the engine. */
  #ask(words, at) {
    const record = this.#records[words[at + 1]];
    if (record === undefined || record.state !== undefined) return;
    const ticket = words[at + 2];
    const what = words[at];
    if (what === RUN) {
      // Calls since the poll may have aborted or paused it.
      if (this.#dirty && this.#engine.claim(record.id, ticket) !== 1) return;
      this.#start(record, new Attempt(this, record, ticket, words[at + 3], words[at + 4], words[at + 5]));
    } else if (what === ABORT) this.#cleanUp(record, ticket, words[at + 3]);
    else if (what === WOKE) record.attempt?.woke(this._now());
    else if (what === RESET) this.#reset(record);
    else if (record.attempt) {
      record.attempt.live = false;
      record.attempt.kill(timeoutError());
      record.attempt = undefined;
    }
  }

  #start(record, attempt) {
    record.attempt = attempt;
    const { plan } = record;
    let value;
    try {
      value = plan.run.call(plan.owner, new Context(attempt));
      if (typeof value?.then === 'function') {
        value.then(
          (value) => this.#said(attempt, value),
          (error) => this.#threw(attempt, error),
        );
        return;
      }
    } catch (error) {
      this.#threw(attempt, error);
      return;
    }
    this.#said(attempt, value);
  }

  #said(attempt, value) {
    if (typeof value === 'string' && Object.hasOwn(ANSWER, value) && ANSWER[value] <= ANSWER.failure && value !== 'sleep') {
      if (value === 'failure') this.#threw(attempt, new Error("returned 'failure'"));
      else this.#answer(attempt, ANSWER[value], 0, 0);
      return;
    }
    const sleep = sleepOf(value);
    if (sleep !== undefined) {
      if (sleep >= 0) this.#answer(attempt, ANSWER.sleep, sleep, 0);
      else this.#threw(attempt, new RangeError('sleep: milliseconds, 0 or more'));
      return;
    }
    if (value === JOIN) value = undefined;
    if (attempt.live && attempt.reason === undefined) attempt.record.value = value instanceof Value ? value.value : value;
    this.#answer(attempt, ANSWER.join, 0, 0);
  }

  #threw(attempt, error) {
    if (!this.#begins(attempt)) return;
    let what = ANSWER.failure;
    let after = 0;
    if (error instanceof Verdict) {
      what = error.after === undefined ? ANSWER.fatal : ANSWER.retryAfter;
      after = error.after ?? 0;
      error = error.error;
    }
    const number = (this.#errorNumber = (this.#errorNumber % 0xffffffff) + 1);
    this.#errors.set(number, error);
    attempt.record.error = number;
    this.#end(attempt, what, after, number);
  }

  #answer(attempt, what, millis, error) {
    if (this.#begins(attempt)) this.#end(attempt, what, millis, error);
  }

  /** Whether anybody waits for what this attempt says. */
  #begins(attempt) {
    if (!attempt.live) return false;
    attempt.live = false;
    if (attempt.reason === undefined) return true;
    attempt.onEnd?.();
    return false;
  }

  #end(attempt, what, millis, error) {
    const { record } = attempt;
    record.attempt = undefined;
    if (this.#engine?.answer(record.id, attempt.ticket, what, millis, error)) this.#stir();
  }

  /** Lets what goes on come to its end, calls the work's `abort`, and reports that the node is clean. */
  #cleanUp(record, ticket, number) {
    const waits = [];
    const { attempt, plan } = record;
    // A function that never took its signal does not know of the abort, and is not waited for.
    if (attempt?.live) {
      if (attempt.reason === undefined) attempt.kill(this.#abortReason(record, 0));
      if (attempt.controller || attempt.sleepers) {
        waits.push(new Promise((resolve) => (attempt.onEnd = resolve)));
      } else attempt.live = false;
    }
    const cleaning = new Attempt(this, record, ticket, number, 0, 0);
    record.attempt = cleaning;
    if (plan.abort) {
      const report = (error) => this.#emit({ type: 'cleanupfailed', id: record.id, node: record.name, at: this._now(), error });
      try {
        waits.push(Promise.resolve(plan.abort.call(plan.owner, new Context(cleaning))).catch(report));
      } catch (error) {
        report(error);
      }
    }
    if (waits.length === 0) this.#answer(cleaning, ANSWER.success, 0, 0);
    else void Promise.all(waits).then(() => this.#answer(cleaning, ANSWER.success, 0, 0));
  }

  #reset({ plan }) {
    try {
      plan.reset.call(plan.owner);
    } catch (error) {
      this.#emit({ type: 'cleanupfailed', error });
    }
  }

  #finish() {
    const run = this.#run;
    this.#run = undefined;
    for (const cleanUp of run.cleanUp) cleanUp();
    run.resolve(run.summary);
  }

  // ---- results, errors, texts ----

  #settle(record) {
    const { result, state } = record;
    if (state === 'success') result.resolve(record.value);
    else if (state === 'failure') result.reject(this.#workError(record));
    else result.reject(this.#abortReason(record, 0));
  }

  #workError(record) {
    const { number = 0, origin = record.id } = record.failure ?? {};
    const cause = this.#reason(number);
    const began = origin === record.id ? undefined : this.#byIndex.get(origin % 2 ** 21);
    const where = began && began.id === origin ? ` at ${began.name}` : '';
    const text = cause instanceof Error ? cause.message : String(cause);
    return new WorkError(`${record.name} failed${where}: ${text}`, { cause, id: record.id, node: record.name, origin });
  }

  #reason(number) {
    if (number > 0) return this.#errors.get(number) ?? new Error('forgotten');
    return ownReason(number);
  }

  #abortReason(record, cause) {
    for (let at = record; at; at = at.parent) if (at.abortReason !== undefined) return at.abortReason;
    return abortError(CAUSES[cause]);
  }

  /** Errors that no node points to any more. */
  #forgetErrors() {
    const kept = new Set(this.#engine.reasons());
    for (const record of this.#records) if (record) kept.add(record.error);
    for (const number of this.#errors.keys()) if (!kept.has(number)) this.#errors.delete(number);
  }

  #emit(event) {
    for (const stream of this.#streams) stream.push(event);
    if (this.#listened) {
      const { type, ...fields } = event;
      this.dispatchEvent(new WorkEvent(type, fields));
    }
  }

  /** Puts names and messages in the place of their numbers. */
  #text(text) {
    return text.replace(/\x01(.{4})|\x02 \((\d+)\)/gs, (_, label, error) => {
      if (error !== undefined) return String(this.#reason(Number(error))?.message ?? this.#reason(Number(error)));
      let number = 0;
      for (const digit of label) number = number * 64 + digit.charCodeAt(0) - 48;
      return this.#records[number]?.name ?? '?';
    });
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
