// The engine's log as events for people: objects of plain values, through EventTarget and through `for await`.

import {
  CAUSES,
  EVENTS,
  EVENT_ABORT,
  EVENT_ADDED,
  EVENT_FAILED,
  EVENT_PAUSED,
  EVENT_RETRY,
  EVENT_ROW_A,
  EVENT_ROW_AT,
  EVENT_ROW_B,
  EVENT_ROW_C,
  EVENT_ROW_WHAT,
  EVENT_STATE,
  STATES,
} from './numbers.js';

/** One event; which fields it has besides `type`, `id`, `node` and `at` depends on its type. */
export class WorkEvent extends Event {
  constructor(type, fields) {
    super(type);
    Object.assign(this, fields);
  }
}

/** The event that a row of the log tells of. */
export function eventOf(log, row, node, faults) {
  const what = log[row + EVENT_ROW_WHAT];
  const a = log[row + EVENT_ROW_A];
  const b = log[row + EVENT_ROW_B];
  const event = { type: EVENTS[what], id: node.id, node: node.name, at: log[row + EVENT_ROW_AT] };
  if (what === EVENT_ADDED) event.parent = a < 0 ? undefined : a;
  else if (what === EVENT_STATE) [event.from, event.to] = [STATES[a], STATES[b]];
  else if (what === EVENT_RETRY) [event.attempt, event.delay, event.error] = [a, b, faults.reason(log[row + EVENT_ROW_C])];
  else if (what === EVENT_FAILED) [event.error, event.origin] = [faults.reason(a), b];
  else if (what === EVENT_ABORT) [event.cause, event.by] = [CAUSES[a], b < 0 ? undefined : b];
  else if (what === EVENT_PAUSED && a === 0) event.type = 'resumed';
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
