// What can go wrong, as errors: a work that failed, a call that was refused, and an abort.

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

const TEXTS = {
  unknownNode: 'no such node',
  full: 'the node table is full',
  edgesFull: 'the edge table is full',
  aborting: 'nothing can start here, it is being aborted',
  ended: 'the parent has ended',
  wrongState: 'not possible in the state that the node is in',
  zeroWidth: 'a width of 0 would never start anything',
  wrongKind: 'this kind of node does not take this',
  cycle: 'the dependency would close a circle',
  duplicate: 'the dependency is already there',
  other: 'refused',
  disposed: 'the scheduler was disposed of',
};
const CODES = Object.keys(TEXTS);

/** Throws if the engine has answered with an error. */
export function checked(answer) {
  if (answer < 0) throw new SchedulerError(CODES[-1 - answer] ?? 'other');
  return answer;
}

/** The engine's own reasons, from -1 down. */
const REASONS = [
  'timed out',
  'panicked',
  'child failed',
  'child aborted',
  'quorum out of reach',
  'gate can never open',
  'callback refused',
  'table full',
  'generator added nothing',
];

/** The error behind one of the engine's own reasons. */
export function ownReason(number) {
  return number === -1 ? timeoutError() : new Error(REASONS[-1 - number] ?? 'failed');
}

export const CAUSES = [
  'user',
  'parentFailed',
  'siblingWon',
  'parentDone',
  'timeout',
  'shutdown',
  'dependency',
];

export const abortError = (why) => new DOMException(`aborted: ${why}`, 'AbortError');
export const timeoutError = () => new DOMException('timed out', 'TimeoutError');

/** What `ctx.fatal` and `ctx.retryAfter` throw on their way to the scheduler. */
export class Verdict {
  constructor(error, after) {
    this.error = error;
    this.after = after;
  }
}
