// What a function's result means to the scheduler.

export const JOIN = Symbol('join');
export const RUNNING = 'running';
export const WAITING = 'waiting';

/** A result that is a value whatever it looks like. */
export class Value {
  constructor(value) {
    this.value = value;
  }
}

/** Numbers of the answers, as the engine takes them. */
export const ANSWER = { running: 0, waiting: 1, sleep: 2, success: 3, failure: 4, fatal: 5, retryAfter: 6, join: 7 };

/** The time of a `{sleep: ms}`; none for all else. */
export function sleepOf(value) {
  if (typeof value !== 'object' || value === null || typeof value.sleep !== 'number') return undefined;
  return Object.keys(value).length === 1 ? value.sleep : undefined;
}
