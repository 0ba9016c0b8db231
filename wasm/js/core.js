// The engine with everything that the numbers stand for: nodes, errors, events. What the scheduler, the runner and the driver share.
// The invariant: the log is read after every call that may write it, so what is known here is never behind what was done.

import { SchedulerError, WorkError, abortError, checked } from './errors.js';
import { WorkEvent, eventOf } from './events.js';
import { Faults } from './faults.js';
import { Nodes } from './nodes.js';
import { memory } from './module.js';
import {
  ALL_NODES,
  ASK_ROW_LENGTH,
  CAUSES,
  EVENT_ABORT,
  EVENT_FAILED,
  EVENT_FREED,
  EVENT_ROW_A,
  EVENT_ROW_B,
  EVENT_ROW_ID,
  EVENT_ROW_LABEL,
  EVENT_ROW_LENGTH,
  EVENT_ROW_WHAT,
  EVENT_STATE,
  LIMIT_ASKS,
  STATES,
  STATE_ABORTED,
  STATE_PENDING,
  STATE_SUCCESS,
} from './numbers.js';

export class Core {
  nodes = new Nodes();
  faults = new Faults();
  streams = new Set();
  listened = false;
  /** Something outside a poll has changed since the last poll began. */
  dirty = false;
  /** The run that goes on, and how it comes out. */
  run = undefined;
  runner = undefined;
  driver = undefined;
  #host;
  #origin;
  #target;
  #capacity;
  #words = new Uint32Array(0);
  #floats = new Float64Array(0);
  #reading = false;
  /** Where the asks are that were read last, in words of the engine's memory. */
  asksAt = 0;

  constructor(Engine, host, capacity, seed, target) {
    this.#host = host;
    this.#origin = host.now();
    this.#target = target;
    this.#capacity = capacity;
    this.engine = new Engine(capacity, capacity, seed);
  }

  now() {
    return this.#host.now() - this.#origin;
  }

  get origin() {
    return this.#origin;
  }

  get watched() {
    return this.listened || this.streams.size > 0;
  }

  alive() {
    if (!this.engine) throw new SchedulerError('disposed');
  }

  find(id) {
    this.alive();
    return this.nodes.find(id);
  }

  /** Adds a node with all below it, or nothing. */
  put(parent, node) {
    this.alive();
    const { nodes } = this;
    if (nodes.used + (node.settings?.nodes ?? 1) > this.#capacity) throw new SchedulerError('full');
    if (nodes.edges + (node.settings?.edges ?? 0) > this.#capacity) throw new SchedulerError('edgesFull');
    this.#insert(parent, node, undefined);
    this.stir();
    if (this.watched) this.read();
    return node.id;
  }

  /** After a call of the engine: its error, its events, and a turn of the driver. */
  acted(answer = 0) {
    checked(answer);
    this.read();
    this.stir();
  }

  stir() {
    this.dirty = true;
    this.driver.stir();
  }

  poll() {
    this.dirty = false;
    this.faults.sweep(this.engine, this.nodes);
    return this.engine.poll(this.now());
  }

  /** The engine's memory, which an engine's growth makes anew. */
  get words() {
    if (this.#words.length === 0) this.#words = new Uint32Array(memory().buffer);
    return this.#words;
  }

  get #rows() {
    if (this.#floats.length === 0) this.#floats = new Float64Array(memory().buffer);
    return this.#floats;
  }

  /** Acts on the log, and gives the number of words of the asks, if there are any. */
  read() {
    // What a listener causes is read by the loop that has called it.
    if (this.#reading) return 0;
    this.#reading = true;
    let asks = 0;
    try {
      for (let taken; (taken = this.engine?.take()); ) {
        const { engine } = this;
        const rows = Math.floor(taken / LIMIT_ASKS);
        if (taken > rows * LIMIT_ASKS) {
          asks = (taken - rows * LIMIT_ASKS) * ASK_ROW_LENGTH;
          this.asksAt = engine.asks() >>> 2;
        }
        let at = rows > 0 ? engine.log() >>> 3 : 0;
        for (const end = at + rows * EVENT_ROW_LENGTH; at < end && this.engine; at += EVENT_ROW_LENGTH) this.#happened(this.#rows, at);
      }
    } finally {
      this.#reading = false;
    }
    return asks;
  }

  emit(type, node, fields) {
    if (this.watched) this.#tell({ type, id: node.id, node: node.name, at: this.now(), ...fields });
  }

  abortReason(node, cause = 0) {
    for (let at = node; at; at = at.parent) {
      if (at.extra?.abortReason !== undefined) return at.extra.abortReason;
    }
    return abortError(CAUSES[cause]);
  }

  /** Gives all that lives at the top a reason for the abort to come. */
  blame(reason) {
    this.nodes.tops((node) => {
      if (node.state === undefined) node.more().abortReason = reason;
    });
  }

  settle(node) {
    const { result } = node.extra;
    if (node.state === 'success') result.resolve(node.value);
    else result.reject(node.state === 'failure' ? this.workError(node) : this.abortReason(node));
  }

  workError(node) {
    const { failure = 0, origin = node.id } = node.extra ?? {};
    const began = origin === node.id ? undefined : this.nodes.at(origin);
    const text = `${node.name} failed${began ? ` at ${began.name}` : ''}: ${this.faults.message(failure)}`;
    return new WorkError(text, { cause: this.faults.reason(failure), id: node.id, node: node.name, origin });
  }

  /** Puts names and messages in the place of their numbers: `staged.rs` and `log.rs` say how they come. */
  text(text) {
    return text.replace(/\x01 #(\d+)|\x02 \((\d+)\)/g, (_, label, error) =>
      error ? this.faults.message(Number(error)) : (this.nodes.labels[label]?.name ?? '?'),
    );
  }

  #insert(parent, node, siblings) {
    const { engine, nodes } = this;
    const { settings } = node;
    if (settings !== undefined) {
      const { concurrency, parameter, timeout, cleanupTimeout, retry, deps } = settings;
      engine.settings(concurrency, parameter, timeout, cleanupTimeout);
      if (retry !== undefined) engine.retry(...retry);
      if (deps !== undefined) for (const place of deps) engine.depend(siblings[place]);
    }
    node.parent = parent;
    const id = engine.add(parent === undefined ? ALL_NODES : parent.id, node.shape, nodes.nextLabel);
    nodes.add(node, checked(id, node.kind));
    if (settings?.children !== undefined) {
      const ids = [];
      for (const child of settings.children) {
        this.#insert(node, child, ids);
        ids.push(child.id);
      }
    }
  }

  #happened(log, at) {
    const what = log[at + EVENT_ROW_WHAT];
    const node = this.nodes.labels[log[at + EVENT_ROW_LABEL]];
    if (node === undefined || node.id !== log[at + EVENT_ROW_ID]) return;
    const a = log[at + EVENT_ROW_A];
    const b = log[at + EVENT_ROW_B];
    if (what === EVENT_STATE) {
      // The ends are the last of the states, and this is the first of them.
      if (b >= STATE_ABORTED) this.#ended(node, b);
      else if (b === STATE_PENDING) this.#renewed(node);
    } else if (what === EVENT_FAILED) {
      const extra = node.more();
      [extra.failure, extra.origin] = [a, b];
    } else if (what === EVENT_ABORT) node.attempt?._kill(this.abortReason(node, a));
    else if (what === EVENT_FREED) this.nodes.free(node);
    if (this.watched) this.#tell(eventOf(log, at, node, this.faults));
  }

  #renewed(node) {
    node.state = node.value = undefined;
    if (node.extra) {
      node.extra.failure = 0;
      node.extra.result = node.extra.abortReason = undefined;
    }
  }

  #ended(node, state) {
    node.state = STATES[state];
    // Ended by force, or before its function was called.
    if (node.attempt) this.runner.cut(node, this.abortReason(node));
    if (node.extra?.result) this.settle(node);
    if (node.parent !== undefined || !this.run) return;
    const { summary } = this.run;
    if (state === STATE_SUCCESS) summary.succeeded += 1;
    else if (state === STATE_ABORTED) summary.aborted += 1;
    else summary.failures.push(this.workError(node));
  }

  #tell(event) {
    for (const stream of this.streams) stream.push(event);
    if (this.listened) {
      const { type, ...fields } = event;
      this.#target.dispatchEvent(new WorkEvent(type, fields));
    }
  }
}
