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

/** The time of a `{sleep: ms}`; none for all else. */
export function sleepOf(value) {
  if (typeof value !== 'object' || value === null || typeof value.sleep !== 'number') return undefined;
  return Object.keys(value).length === 1 ? value.sleep : undefined;
}
