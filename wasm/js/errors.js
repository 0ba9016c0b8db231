// What can go wrong, as errors: a work that failed, a call that was refused, and an abort.

import { ERRORS, ERROR_NO_USE, REASONS, SETTINGS } from './numbers.js';

/** A node failed. `cause` is what its function, or that of the node where it began, threw. */
export class WorkError extends Error {
  constructor(message, { cause, id, node, origin }) {
    super(message, { cause });
    this.id = id;
    this.node = node;
    this.origin = origin;
  }
  get name() {
    return 'WorkError';
  }
}

/** A call was refused. Nothing was changed; `code` says why. */
export class SchedulerError extends Error {
  constructor(code, message = TEXTS[code]) {
    super(message);
    this.code = code;
  }
  get name() {
    return 'SchedulerError';
  }
}

const TEXTS = { ...ERRORS, disposed: 'the scheduler was disposed of' };
const CODES = Object.keys(ERRORS);

/** A setting that makes no sense for a node: of this kind or, where it is for the top, below another one. */
export const noUse = (field, kind) =>
  new TypeError(`${field}: ${field === 'detached' ? 'a node below another' : `a ${kind}`} has no use for it`);

/** Throws if the engine has answered with an error; `kind` is that of the node which was to be added. */
export function checked(answer, kind) {
  if (answer <= ERROR_NO_USE) throw noUse(SETTINGS[ERROR_NO_USE - answer], kind);
  if (answer < 0) throw new SchedulerError(CODES[-1 - answer]);
  return answer;
}

/** The error behind one of the engine's own reasons, of which a timeout is the first. */
export function ownReason(number) {
  return number === -1 ? timeoutError() : new Error(REASONS[-1 - number] ?? 'failed');
}

export const abortError = (why) => new DOMException(`aborted: ${why}`, 'AbortError');
export const timeoutError = () => new DOMException('timed out', 'TimeoutError');

/** What `ctx.fatal` and `ctx.retryAfter` throw on their way to the scheduler. */
export class Verdict {
  constructor(error, after) {
    this.error = error;
    this.after = after;
  }
}
