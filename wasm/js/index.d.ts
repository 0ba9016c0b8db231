/** Names one node for as long as it exists; a stale id is refused and never names another node. */
export type NodeId = number & { readonly __node: unique symbol };

/** Where a node is in its life. A node that waits for its next attempt is `waiting`. */
export type State = 'pending' | 'running' | 'waiting' | 'retrying' | 'aborting' | 'aborted' | 'success' | 'failure';
/** What an onlooker needs to know. `blocked`: it never ran, because a dependency failed. */
export type Status = 'running' | 'waiting' | 'success' | 'failure' | 'aborted' | 'skipped' | 'blocked';
export type Kind = 'work' | 'sequence' | 'parallel' | 'graph' | 'batch' | 'when';
/** What a failed member means: abort the others and fail, let them finish and fail, or let them finish and succeed. */
export type OnFailure = 'stop' | 'finish' | 'ignore';
export type AbortCause = 'user' | 'parentFailed' | 'siblingWon' | 'parentDone' | 'timeout' | 'shutdown' | 'dependency';

/**
 * What `run` returns, or promises. A state: `'running'` is called again after its siblings had their turn, `'waiting'` when it is woken or a child
 * ends, `'success'` aborts children that still live, `'failure'` is a failure. `{ sleep: ms }` is called again after that time. Everything else,
 * nothing included, is the work's value: it succeeds once its children have. A throw, or a rejected promise, is a failure.
 */
export type Outcome = 'running' | 'waiting' | 'success' | 'failure' | { sleep: number } | unknown;

/** What a running work may do. */
export interface Context {
  readonly id: NodeId;
  readonly name: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** How the children did when this call began. */
  readonly children: { readonly live: number; readonly failed: number };
  /** Fires when the work is aborted or times out. A work that has taken it is waited for when it is aborted. */
  readonly signal: AbortSignal;
  /** Adds a work below this one. It is over when its children are. */
  addChild(spec: AnyWork): NodeId;
  /** Resolves after `ms`, on the scheduler's one timer; rejects when the work is aborted or times out. */
  sleep(ms: number): Promise<void>;
  /** Says how far it is: shown in snapshots and as an event. */
  progress(value: unknown): void;
  /** A value that is taken as such, even if it looks like a state. */
  done(value: unknown): unknown;
  /** Fails for good: it is not retried. */
  fatal(error?: unknown): never;
  /** Fails, and is tried again after exactly this time, if there are retries left. */
  retryAfter(ms: number, error?: unknown): never;
}

/** Waits between attempts, in ms. */
export interface Backoff {
  /** The first wait; the default is 1000. */
  base?: number;
  /** By how much each is longer than the one before; the default is 2. */
  factor?: number;
  /** No wait is longer; the default is 512,000. */
  max?: number;
  /** No wait is shorter; the default is 0. */
  min?: number;
  /** No retry later than this after the first attempt began. */
  within?: number;
  /** `'full'`: from 0 to the wait, `'equal'`: from half of it, a number from 0 to 1: so much less or more. The default is `'none'`. */
  jitter?: 'none' | 'full' | 'equal' | number;
}

/** What every kind of node may have. Times are in ms. */
export interface Common {
  name?: string;
  /** How often a failed attempt is repeated; the default is 0. */
  retries?: number;
  /** The waits in between; a number is a constant one. Without it: 1 s, 2 s, 3-4 s, 5-8 s, and so on up to 512 s. */
  backoff?: number | Backoff;
  /** The longest that one attempt may take. */
  timeout?: number;
  /** The longest that an abort may take; then it is ended by force. */
  cleanupTimeout?: number;
  /** Added, but not started before it is resumed. */
  paused?: boolean;
  /** Forgotten as soon as it has ended. Only for a node at the top. */
  detached?: boolean;
  /** Not together with an `until` other than `'all'`, which says it already. */
  onFailure?: OnFailure;
}

/** A work of your own. */
export interface Work extends Common {
  kind?: 'work';
  run(ctx: Context): Outcome;
  /** Cleans up when the work is aborted; may return a promise, which is waited for. */
  abort?(ctx: Context): unknown;
  /** Makes it as new: before each attempt and after a failure or an abort. */
  reset?(): void;
}

/** Members one after the other. */
export interface Sequence extends Common {
  children?: Iterable<AnyWork>;
}

/** Members side by side. */
export interface Parallel extends Common {
  children?: Iterable<AnyWork>;
  /** How many at once; the default is all. A member that waits for a retry does not count. */
  concurrency?: number;
  /** `'all'` must succeed, `'any'` one, so many, or the `'first'` to end decides. The others are aborted. */
  until?: 'all' | 'any' | 'first' | number;
}

/** Members that start when those they depend on have succeeded. */
export interface Graph<Name extends string = string> extends Common {
  nodes: Record<Name, ((ctx: Context) => Outcome) | (AnySpec & { deps?: readonly NoInfer<Name>[] })>;
  /** As of {@link Parallel}. */
  concurrency?: number;
}

/** A member for each item, taken from the source only when there is room. */
export interface Batch<Item = AnyWork> extends Common {
  items: Iterable<Item> | AsyncIterable<Item> | (() => Iterable<Item> | AsyncIterable<Item>);
  /** Makes a work of an item; needed unless the items are works. */
  each?: (item: Item, index: number) => AnyWork;
  concurrency?: number;
}

/** A member behind a gate: a condition that is asked until it is true, or the end of another node. */
export type When = Common & { then: AnyWork } & (
    | { condition(ctx: Context): unknown; every?: number; after?: undefined; mode?: undefined }
    | { after: NodeId; mode?: 'success' | 'end'; condition?: undefined; every?: undefined }
  );

export type AnySpec =
  | Work
  | ({ kind: 'sequence' } & Sequence)
  | ({ kind: 'parallel' } & Parallel)
  | ({ kind: 'graph' } & Graph)
  | ({ kind: 'batch' } & Batch<any>)
  | ({ kind: 'when' } & When);
/** A function is a work without options. */
export type AnyWork = AnySpec | ((ctx: Context) => Outcome);

/** How the nodes at the top came out. */
export interface Summary {
  succeeded: number;
  aborted: number;
  failures: WorkError[];
}

/** One node in a snapshot. */
export interface NodeInfo {
  id: NodeId;
  parent: NodeId | undefined;
  name: string;
  kind: Kind;
  state: State;
  status: Status;
  attempt: number;
  retriesLeft: number;
  /** When it will be looked at without a wake, on the clock of `now()`. */
  deadline: number | undefined;
  /** Why it failed, or why its last attempt did. */
  error: unknown;
  /** The node where that began. */
  origin: NodeId | undefined;
  cause: AbortCause | undefined;
  children: { live: number; succeeded: number; failed: number };
  paused: boolean;
  forced: boolean;
  /** It waits, and nothing that the scheduler knows of will wake it: a function that has not come back, for instance. */
  stalled: boolean;
  progress: unknown;
  value: unknown;
}

interface EventBase<Type extends string> {
  readonly type: Type;
  readonly id: NodeId;
  /** The node's name. */
  readonly node: string;
  readonly at: number;
}

/** What happens, by type. */
export interface EventMap {
  added: EventBase<'added'> & { readonly parent: NodeId | undefined };
  run: EventBase<'run'>;
  state: EventBase<'state'> & { readonly from: State; readonly to: State };
  retry: EventBase<'retry'> & { readonly attempt: number; readonly delay: number; readonly error: unknown };
  failed: EventBase<'failed'> & { readonly error: unknown; readonly origin: NodeId };
  abort: EventBase<'abort'> & { readonly cause: AbortCause; readonly by: NodeId | undefined };
  forced: EventBase<'forced'>;
  timeout: EventBase<'timeout'>;
  opened: EventBase<'opened'>;
  paused: EventBase<'paused'>;
  resumed: EventBase<'resumed'>;
  freed: EventBase<'freed'>;
  full: EventBase<'full'>;
  progress: EventBase<'progress'> & { readonly value: unknown };
  /** An `abort` or a `reset` of yours threw. */
  cleanupfailed: EventBase<'cleanupfailed'> & { readonly error: unknown };
}
export type WorkEvent = EventMap[keyof EventMap];

/** Events for `for await`. The oldest are dropped, and counted, when more than the limit wait to be read. */
export interface EventStream extends AsyncIterableIterator<WorkEvent> {
  readonly dropped: number;
  return(): Promise<IteratorResult<WorkEvent>>;
}

/** Where the scheduler gets its time from; for tests on virtual time, and for places without the usual timers. */
export interface Host {
  now(): number;
  /** A cheap clock for the budget of a task; the default is `now`. */
  tick?(): number;
  setTimer(go: () => void, ms: number): unknown;
  clearTimer(timer: any): void;
  /** Calls `go` soon, in a task of its own. */
  yield(go: () => void): void;
  /** Calls `go` whenever timers may have been held back; gives back what ends that. */
  onVisible?(go: () => void): () => void;
}

export interface SchedulerOptions {
  /** The most nodes at once, up to 2,097,152; the default is 4096. */
  capacity?: number;
  /** Of the jitter; the default is 0. */
  seed?: number;
  /** How many ms a task may take before others get their turn; the default is 8. */
  budget?: number;
  host?: Host;
}

export interface AddOptions {
  parent?: NodeId;
}

type Listener<Type extends keyof EventMap> = ((event: Event & EventMap[Type]) => void) | { handleEvent(event: Event & EventMap[Type]): void };

/** Runs a tree of works. */
export class Scheduler extends EventTarget {
  constructor(options?: SchedulerOptions);
  readonly capacity: number;
  /** Nodes that exist. */
  readonly size: number;

  add(spec: AnyWork, options?: AddOptions): NodeId;
  sequence(spec: Sequence | readonly AnyWork[], options?: AddOptions): NodeId;
  parallel(spec: Parallel | readonly AnyWork[], options?: AddOptions): NodeId;
  graph<Name extends string>(spec: Graph<Name>, options?: AddOptions): NodeId;
  batch<Item = AnyWork>(spec: Batch<Item>, options?: AddOptions): NodeId;
  when(spec: When, options?: AddOptions): NodeId;

  /** Runs until every node has ended. Rejects with a `WorkError`, or an `AggregateError` of several; after the signal, with its reason. */
  run(options?: { signal?: AbortSignal; allowFailures?: boolean }): Promise<Summary>;
  /** The value of a work; rejects with a `WorkError`, or with the reason of the abort. */
  result(id: NodeId): Promise<unknown>;

  /** Asks a node and all below it to end; what has not within `cleanupTimeout` ms is ended by force. */
  abort(id: NodeId, options?: { reason?: unknown; cleanupTimeout?: number }): void;
  /** Aborts everything, and refuses what is new from now on. */
  shutdown(options?: { reason?: unknown; cleanupTimeout?: number }): void;
  pause(id: NodeId): void;
  resume(id: NodeId): void;
  /** Starts an ended node again. */
  restart(id: NodeId): void;
  /** Calls a waiting work again. */
  wake(id: NodeId): void;
  /** Forgets an ended node at the top, and all below it. */
  remove(id: NodeId): void;

  /** Ms since the scheduler was made. */
  now(): number;
  state(id: NodeId): State;
  /** All nodes, parents before their children. */
  snapshot(): NodeInfo[];
  /** Why a node does not move, in one sentence. */
  explain(id: NodeId): string;
  tree(): string;

  events(options?: { limit?: number }): EventStream;
  addEventListener<Type extends keyof EventMap>(
    type: Type,
    listener: Listener<Type> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof EventMap>(
    type: Type,
    listener: Listener<Type> | null,
    options?: boolean | EventListenerOptions,
  ): void;

  /** Ends everything at once, and gives the memory back. */
  [Symbol.dispose](): void;
}

/** A node failed; `cause` is what was thrown where it began. */
export class WorkError extends Error {
  readonly name: 'WorkError';
  readonly id: NodeId;
  readonly node: string;
  readonly origin: NodeId;
}

/** A call was refused, and nothing was changed. */
export class SchedulerError extends Error {
  readonly name: 'SchedulerError';
  readonly code:
    | 'unknownNode'
    | 'full'
    | 'edgesFull'
    | 'aborting'
    | 'ended'
    | 'wrongState'
    | 'zeroConcurrency'
    | 'wrongKind'
    | 'cycle'
    | 'duplicate'
    | 'other'
    | 'disposed';
}
