// The numbers that the engine and this side exchange, and what they are called. Written by a test from `wasm/src/numbers.rs`:
// `WINDLASS_BLESS=1 cargo test -p windlass-wasm numbers`.

export const LIMIT_NODES = 2097152;
export const LIMIT_ASKS = 67108864;
export const LIMIT_CONCURRENCY = 4294967295;

export const ALL_NODES = -1;
export const ALL_FOR_EVER = -2;

export const KIND_WORK = 0;
export const KIND_PARALLEL = 1;
export const KIND_QUORUM = 2;
export const KIND_RACE = 3;
export const KIND_SEQUENCE = 4;
export const KIND_AFTER = 5;
export const KIND_AFTER_SUCCESS = 6;
export const KIND_GRAPH = 7;

export const SHAPE_KIND = 15;
export const SHAPE_RESETS = 16;
export const SHAPE_ABORTS = 32;
export const SHAPE_PAUSED = 64;
export const SHAPE_DETACHED = 128;
export const SHAPE_STOP = 256;
export const SHAPE_FINISH = 512;
export const SHAPE_IGNORE = 1024;

export const JITTER_NONE = 0;
export const JITTER_FULL = 1;
export const JITTER_EQUAL = 2;
export const JITTER_PERCENT = 3;

export const NEXT_NOW = -1;
export const NEXT_ON_WAKE = -2;
export const NEXT_DONE = -3;

export const ASK_RUN = 0;
export const ASK_ABORT = 1;
export const ASK_WOKE = 2;
export const ASK_RESET = 3;
export const ASK_DROP = 4;

export const ASK_ROW_WHAT = 0;
export const ASK_ROW_LABEL = 1;
export const ASK_ROW_TICKET = 2;
export const ASK_ROW_ATTEMPT = 3;
export const ASK_ROW_LIVE = 4;
export const ASK_ROW_FAILED = 5;
export const ASK_ROW_LENGTH = 6;

export const CLAIM_NO = 0;
export const CLAIM_YES = 1;
export const CLAIM_LATER = 2;

export const ANSWER_RUNNING = 0;
export const ANSWER_WAITING = 1;
export const ANSWER_SLEEP = 2;
export const ANSWER_SUCCESS = 3;
export const ANSWER_FAILURE = 4;
export const ANSWER_FATAL = 5;
export const ANSWER_RETRY_AFTER = 6;
export const ANSWER_JOIN = 7;

export const ACT_WAKE = 0;
export const ACT_PAUSE = 1;
export const ACT_RESUME = 2;
export const ACT_RESTART = 3;
export const ACT_REMOVE = 4;

export const ERROR_UNKNOWN_NODE = -1;
export const ERROR_FULL = -2;
export const ERROR_EDGES_FULL = -3;
export const ERROR_ABORTING = -4;
export const ERROR_ENDED = -5;
export const ERROR_WRONG_STATE = -6;
export const ERROR_ZERO_CONCURRENCY = -7;
export const ERROR_WRONG_KIND = -8;
export const ERROR_CYCLE = -9;
export const ERROR_DUPLICATE = -10;
export const ERROR_OTHER = -11;
export const ERROR_NO_USE = -12;

export const EVENT_ADDED = 0;
export const EVENT_RUN = 1;
export const EVENT_STATE = 2;
export const EVENT_RETRY = 3;
export const EVENT_FAILED = 4;
export const EVENT_ABORT = 5;
export const EVENT_FORCED = 6;
export const EVENT_TIMEOUT = 7;
export const EVENT_OPENED = 8;
export const EVENT_PAUSED = 9;
export const EVENT_FREED = 10;
export const EVENT_FULL = 11;

export const EVENT_ROW_WHAT = 0;
export const EVENT_ROW_LABEL = 1;
export const EVENT_ROW_ID = 2;
export const EVENT_ROW_AT = 3;
export const EVENT_ROW_A = 4;
export const EVENT_ROW_B = 5;
export const EVENT_ROW_C = 6;
export const EVENT_ROW_LENGTH = 7;

export const NODE_ROW_LABEL = 0;
export const NODE_ROW_ID = 1;
export const NODE_ROW_PARENT = 2;
export const NODE_ROW_STATE = 3;
export const NODE_ROW_STATUS = 4;
export const NODE_ROW_ATTEMPT = 5;
export const NODE_ROW_RETRIES_LEFT = 6;
export const NODE_ROW_DEADLINE = 7;
export const NODE_ROW_ERROR = 8;
export const NODE_ROW_ORIGIN = 9;
export const NODE_ROW_CAUSE = 10;
export const NODE_ROW_LIVE = 11;
export const NODE_ROW_SUCCEEDED = 12;
export const NODE_ROW_FAILED = 13;
export const NODE_ROW_FLAGS = 14;
export const NODE_ROW_LENGTH = 15;

export const FLAG_PAUSED = 1;
export const FLAG_FORCED = 2;
export const FLAG_STALLED = 4;

export const STATE_PENDING = 0;
export const STATE_RUNNING = 1;
export const STATE_WAITING = 2;
export const STATE_RETRYING = 3;
export const STATE_ABORTING = 4;
export const STATE_ABORTED = 5;
export const STATE_SUCCESS = 6;
export const STATE_FAILURE = 7;

export const STATES = ['pending', 'running', 'waiting', 'retrying', 'aborting', 'aborted', 'success', 'failure'];
export const STATUSES = ['running', 'waiting', 'success', 'failure', 'aborted', 'skipped', 'blocked'];
export const CAUSES = ['user', 'parentFailed', 'siblingWon', 'parentDone', 'timeout', 'shutdown', 'dependency'];
export const SETTINGS = ['concurrency', 'onFailure', 'pollEvery', 'itemNodes', 'detached'];
export const JITTERS = ['none', 'full', 'equal'];
export const EVENTS = ['added', 'run', 'state', 'retry', 'failed', 'abort', 'forced', 'timeout', 'opened', 'paused', 'freed', 'full'];

/** Why a call was refused, from -1 down. */
export const ERRORS = {
  unknownNode: 'no such node',
  full: 'the node table is full',
  edgesFull: 'the table of dependencies is full',
  aborting: 'nothing can start here, it is being aborted',
  ended: 'the parent has ended',
  wrongState: 'not possible in this state',
  zeroConcurrency: 'a concurrency of 0 starts nothing',
  wrongKind: 'this kind of node does not take this',
  cycle: 'the dependency would close a circle',
  duplicate: 'the dependency is already there',
  other: 'refused',
};

/** The engine's own reasons, from -1 down. */
export const REASONS = ['timed out', 'panicked', 'child failed', 'child aborted', 'quorum out of reach', 'gate can never open', 'callback refused', 'table full', 'generator added nothing'];
