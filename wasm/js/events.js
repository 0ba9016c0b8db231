// The engine's log as events for people: objects of plain values, through EventTarget and through `for await`.

import { CAUSES } from './errors.js';

export const STATES = ['pending', 'running', 'waiting', 'retrying', 'aborting', 'aborted', 'success', 'failure'];

/** What the rows of the log are called, in the order of their numbers. */
const TYPES = ['added', 'run', 'state', 'retry', 'failed', 'abort', 'forced', 'timeout', 'opened', 'paused', 'freed', 'full'];

/** One event; which fields it has besides `type`, `id`, `node` and `at` depends on its type. */
export class WorkEvent extends Event {
  constructor(type, fields) {
    super(type);
    Object.assign(this, fields);
  }
}

/** The fields of a row; none for a row that is not an event. */
export function eventOf(what, node, at, a, b, c, faults) {
  const event = { type: TYPES[what], id: node.id, node: node.name, at };
  if (what === 0) event.parent = a < 0 ? undefined : a;
  else if (what === 2) [event.from, event.to] = [STATES[a], STATES[b]];
  else if (what === 3) [event.attempt, event.delay, event.error] = [a, b, faults.reason(c)];
  else if (what === 4) [event.error, event.origin] = [faults.reason(a), b];
  else if (what === 5) [event.cause, event.by] = [CAUSES[a], b < 0 ? undefined : b];
  else if (what === 9 && a === 0) event.type = 'resumed';
  return event;
}

/** A bounded queue of events that is read with `for await`. The oldest are dropped, and counted, when the reader is slow. */
export class EventStream {
  dropped = 0;
  #limit;
  #queue = [];
  #reader;
  #onEnd;

  constructor(limit, onEnd) {
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  push(event) {
    if (this.#reader) {
      this.#reader({ value: event, done: false });
      this.#reader = undefined;
      return;
    }
    if (this.#queue.length >= this.#limit) {
      this.#queue.shift();
      this.dropped += 1;
    }
    this.#queue.push(event);
  }

  next() {
    if (this.#queue.length > 0) return Promise.resolve({ value: this.#queue.shift(), done: false });
    if (!this.#onEnd) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      // Two readers at once take turns: the one before gets nothing more.
      this.#reader?.({ value: undefined, done: true });
      this.#reader = resolve;
    });
  }

  return() {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.(this);
    this.#reader?.({ value: undefined, done: true });
    this.#reader = undefined;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
