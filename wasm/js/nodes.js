// What is known of each node besides the engine's own tables. One object a node, small, because there may be a million.
// The invariants: a node is found by its id only while it exists, and a label is used again only after its node is gone.

import { SchedulerError } from './errors.js';
import { LIMIT_CONCURRENCY, LIMIT_NODES } from './numbers.js';

/** The index in an id. Faster than a remainder, which is a call for numbers beyond 32 bits. */
const indexOf = (id) => id - Math.floor(id / LIMIT_NODES) * LIMIT_NODES;

export class Node {
  id = -1;
  label = 0;
  parent = undefined;
  /** The call that is going on. */
  attempt = undefined;
  /** How it ended. */
  state = undefined;
  value = undefined;
  /** What few nodes have: see `Extra`. */
  extra = undefined;
  /** What a plain work has not: see `Settings`. */
  settings = undefined;

  constructor(kind, shape, name, run, owner) {
    this.kind = kind;
    this.shape = shape;
    this._name = name;
    this.run = run;
    /** What `this` is in `run`, and where `abort` and `reset` are. */
    this.owner = owner;
  }

  /** That of a function is looked up only when somebody asks: it takes longer than to run it. */
  get name() {
    return (this._name ??= (this.kind === 'work' && this.run.name) || this.kind);
  }

  more() {
    return (this.extra ??= new Extra());
  }
}

class Extra {
  progress = undefined;
  /** Number of the error that its function gave last. */
  error = 0;
  /** Number of the reason for which it failed, and where that began. */
  failure = 0;
  origin = -1;
  abortReason = undefined;
  /** A promise of the result, if somebody has asked. */
  result = undefined;
}

/** All else that can be said of a node before it is added. */
export class Settings {
  concurrency = LIMIT_CONCURRENCY;
  /** A quorum's number, or the node that a gate waits for. */
  parameter = 0;
  timeout = Infinity;
  cleanupTimeout = Infinity;
  retry = undefined;
  children = undefined;
  /** Places among its siblings, in a graph. */
  deps = undefined;
  /** Nodes and edges that it takes, with all below. */
  nodes = 1;
  edges = 0;
}

/** All nodes, by id and by label. */
export class Nodes {
  used = 0;
  edges = 0;
  labels = [];
  #holes = [];
  #byIndex = [];

  /** The label of the node to be added. */
  get nextLabel() {
    return this.#holes.length > 0 ? this.#holes[this.#holes.length - 1] : this.labels.length;
  }

  add(node, id) {
    const label = this.#holes.length > 0 ? this.#holes.pop() : this.labels.length;
    node.id = id;
    node.label = label;
    this.labels[label] = node;
    this.#byIndex[indexOf(id)] = node;
    this.used += 1;
    this.edges += node.settings?.deps?.length ?? 0;
  }

  free(node) {
    this.labels[node.label] = undefined;
    this.#byIndex[indexOf(node.id)] = undefined;
    this.#holes.push(node.label);
    this.used -= 1;
    this.edges -= node.settings?.deps?.length ?? 0;
  }

  /** The node with this id, if there is one. */
  at(id) {
    const node = this.#byIndex[indexOf(id)];
    return node !== undefined && node.id === id ? node : undefined;
  }

  find(id) {
    const node = this.at(id);
    if (node === undefined) throw new SchedulerError('unknownNode');
    return node;
  }

  /** Calls back for each node at the top. */
  tops(each) {
    for (const node of this.labels) if (node !== undefined && node.parent === undefined) each(node);
  }
}
