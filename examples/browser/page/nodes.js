// The page's picture of the tree, kept up to date by what the engine reports.
// The invariant: after all news it holds exactly the nodes that are in the engine's table, with their states; `changed` says which rows are to be drawn anew.

const DONE = new Set(['success', 'failure', 'aborted']);

class Node {
  about = undefined;
  state = 'pending';
  attempt = 1;
  reason = undefined;
  isPaused = false;
  isGone = false;
  isRetrying = false;
  children = new Set();

  constructor(id, name, parent) {
    this.id = id;
    this.name = name;
    this.parent = parent;
  }

  get isDone() {
    return DONE.has(this.state);
  }

  /** The file without its folders. */
  get shortAbout() {
    return this.about?.slice(this.about.lastIndexOf('/') + 1) ?? '';
  }

  /** The file's number alone, where the name says of what kind it is, and room is scarce. */
  get number() {
    return /-([0-9a-f]{8})\./.exec(this.about ?? '')?.[1] ?? this.shortAbout;
  }

  /** The state for people. */
  get says() {
    if (this.isPaused && !this.isDone) return 'paused';
    return this.isRetrying ? 'retrying' : this.state;
  }
}

export class Nodes {
  #byId = new Map();
  root = undefined;
  changed = new Set();
  /** Nodes were added or freed. */
  isReshaped = true;

  node(id) {
    return this.#byId.get(id);
  }

  /** Takes one piece of news, and returns the node that it is about. */
  take({ id, name, about, what, detail, attempt }) {
    let node = this.#byId.get(id);
    if (what === 'added') {
      const parent = detail === undefined ? undefined : this.#byId.get(detail);
      node = new Node(id, name, parent);
      this.#byId.set(id, node);
      parent?.children.add(node);
      this.root ??= node;
      this.isReshaped = true;
    }
    if (!node) return undefined;
    node.about = about ?? node.about;
    switch (what) {
      case 'moved':
        node.state = detail;
        if (detail !== 'waiting') node.isRetrying = false;
        if (detail === 'pending') {
          node.attempt = 1;
          node.reason = undefined;
        }
        break;
      case 'retry':
        node.isRetrying = true;
        node.attempt = attempt;
        node.reason = detail;
        break;
      case 'failed':
        node.reason = detail;
        break;
      case 'paused':
      case 'resumed':
        node.isPaused = what === 'paused';
        break;
      case 'abort':
        node.isPaused = false;
        break;
      case 'freed':
        node.isGone = true;
        node.parent?.children.delete(node);
        this.#byId.delete(id);
        this.isReshaped = true;
        break;
    }
    this.changed.add(node);
    return node;
  }
}
