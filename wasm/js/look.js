// A snapshot of all nodes, as plain objects.

import {
  CAUSES,
  FLAG_FORCED,
  FLAG_PAUSED,
  FLAG_STALLED,
  NODE_ROW_ATTEMPT,
  NODE_ROW_CAUSE,
  NODE_ROW_DEADLINE,
  NODE_ROW_ERROR,
  NODE_ROW_FAILED,
  NODE_ROW_FLAGS,
  NODE_ROW_ID,
  NODE_ROW_LABEL,
  NODE_ROW_LENGTH,
  NODE_ROW_LIVE,
  NODE_ROW_ORIGIN,
  NODE_ROW_PARENT,
  NODE_ROW_RETRIES_LEFT,
  NODE_ROW_STATE,
  NODE_ROW_STATUS,
  NODE_ROW_SUCCEEDED,
  STATES,
  STATUSES,
} from './numbers.js';

/** Numbers of the errors that nodes show. */
export function* shownErrors(rows) {
  for (let at = NODE_ROW_ERROR; at < rows.length; at += NODE_ROW_LENGTH) yield rows[at];
}

/** One object for each row, parents before their children. */
export function snapshotOf(rows, labels, faults) {
  const nodes = [];
  for (let at = 0; at < rows.length; at += NODE_ROW_LENGTH) {
    const row = rows.subarray(at, at + NODE_ROW_LENGTH);
    const known = (number) => (number < 0 ? undefined : number);
    const flags = row[NODE_ROW_FLAGS];
    const error = row[NODE_ROW_ERROR];
    const { name, kind, extra, value } = labels[row[NODE_ROW_LABEL]];
    nodes.push({
      id: row[NODE_ROW_ID],
      parent: known(row[NODE_ROW_PARENT]),
      name,
      kind,
      state: STATES[row[NODE_ROW_STATE]],
      status: STATUSES[row[NODE_ROW_STATUS]],
      attempt: row[NODE_ROW_ATTEMPT],
      retriesLeft: row[NODE_ROW_RETRIES_LEFT],
      deadline: known(row[NODE_ROW_DEADLINE]),
      error: error === 0 ? undefined : faults.reason(error),
      origin: known(row[NODE_ROW_ORIGIN]),
      cause: CAUSES[row[NODE_ROW_CAUSE]],
      children: { live: row[NODE_ROW_LIVE], succeeded: row[NODE_ROW_SUCCEEDED], failed: row[NODE_ROW_FAILED] },
      paused: (flags & FLAG_PAUSED) !== 0,
      forced: (flags & FLAG_FORCED) !== 0,
      stalled: (flags & FLAG_STALLED) !== 0,
      progress: extra?.progress,
      value,
    });
  }
  return nodes;
}
