// The engine with everything that the numbers stand for: nodes, errors, events. What the scheduler, the runner and the driver share.
// The invariant: the log is read after every call that may write it, so what is known here is never behind what was done.

import { CAUSES, SchedulerError, WorkError, abortError, checked } from './errors.js';
import { STATES, WorkEvent, eventOf } from './events.js';
import { Faults } from './faults.js';
import { Nodes } from './nodes.js';
import { memory } from './module.js';

const [MOVED, FAILED, ABORTED, FREED] = [2, 4, 5, 10];
const [PENDING, SUCCESS] = [0, 6];
const FIRST_END = 5;

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
        const rows = Math.floor(taken / 2 ** 26);
        if (taken > rows * 2 ** 26) {
          asks = (taken - rows * 2 ** 26) * 6;
          this.asksAt = engine.asks() >>> 2;
        }
        let at = rows > 0 ? engine.log() >>> 3 : 0;
        for (const end = at + rows * 7; at < end && this.engine; at += 7) this.#happened(this.#rows, at);
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

  /** Puts names and messages in the place of their numbers. */
  text(text) {
    return text.replace(/\x01(.{4})|\x02 \((\d+)\)/gs, (_, label, error) => {
      if (error !== undefined) return this.faults.message(Number(error));
      let number = 0;
      for (const digit of label) number = number * 64 + digit.charCodeAt(0) - 48;
      return this.nodes.labels[number]?.name ?? '?';
    });
  }

  #insert(parent, node, siblings) {
    const { engine, nodes } = this;
    const { settings } = node;
    if (settings !== undefined) {
      const { width, parameter, timeout, drain, retry, deps } = settings;
      engine.settings(width, parameter, timeout, drain);
      if (retry !== undefined) engine.retry(...retry);
      if (deps !== undefined) for (const place of deps) engine.depend(siblings[place]);
    }
    node.parent = parent;
    const id = engine.add(parent === undefined ? -1 : parent.id, node.shape, nodes.nextLabel);
    nodes.add(node, checked(id));
    if (settings?.children !== undefined) {
      const ids = [];
      for (const child of settings.children) {
        this.#insert(node, child, ids);
        ids.push(child.id);
      }
    }
  }

  #happened(log, at) {
    const what = log[at];
    const node = this.nodes.labels[log[at + 1]];
    if (node === undefined || node.id !== log[at + 2]) return;
    const a = log[at + 4];
    const b = log[at + 5];
    if (what === MOVED) {
      if (b >= FIRST_END) this.#ended(node, b);
      else if (b === PENDING) this.#renewed(node);
    } else if (what === FAILED) {
      const extra = node.more();
      [extra.failure, extra.origin] = [a, b];
    } else if (what === ABORTED) node.attempt?._kill(this.abortReason(node, a));
    else if (what === FREED) this.nodes.free(node);
    if (this.watched) this.#tell(eventOf(what, node, log[at + 3], a, b, log[at + 6], this.faults));
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
    if (state === SUCCESS) summary.succeeded += 1;
    else if (state === FIRST_END) summary.aborted += 1;
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
