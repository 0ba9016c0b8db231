// A snapshot of all nodes, as plain objects.

import { CAUSES } from './errors.js';
import { STATES } from './events.js';

const STATUSES = ['running', 'waiting', 'success', 'failure', 'aborted', 'blocked'];
const ROW = 16;
const ERROR = 9;

/** Numbers of the errors that nodes show. */
export function* shownErrors(rows) {
  for (let at = ERROR; at < rows.length; at += ROW) yield rows[at];
}

/** One object for each row, parents before their children. */
export function snapshotOf(rows, labels, faults) {
  const nodes = [];
  for (let at = 0; at < rows.length; at += ROW) {
    const [label, id, parent, , state, status, attempt, retriesLeft, deadline, error, origin, cause, live, succeeded, failed, flags] =
      rows.subarray(at, at + ROW);
    const { name, kind, extra, value } = labels[label];
    nodes.push({
      id,
      parent: parent < 0 ? undefined : parent,
      name,
      kind,
      state: STATES[state],
      status: STATUSES[status],
      attempt,
      retriesLeft,
      deadline: deadline < 0 ? undefined : deadline,
      error: error === 0 ? undefined : faults.reason(error),
      origin: origin < 0 ? undefined : origin,
      cause: CAUSES[cause],
      children: { live, succeeded, failed },
      paused: (flags & 1) !== 0,
      forced: (flags & 2) !== 0,
      stalled: (flags & 4) !== 0,
      progress: extra?.progress,
      value,
    });
  }
  return nodes;
}
