// From what happened to nodes, to bars on lanes: who ran when, and how that ended.
// The invariant: bars on one lane do not overlap; a lane belongs to one file or one checkpoint at a time, and goes to the next when that has ended. So there
// are as many lanes as works at a time, however long the job is.

/** Which work opens a lane, and in which group; top to bottom. */
export const GROUPS = ['Archive state', 'Ledger headers', 'Chain of hashes', 'Transactions and results', 'Apply'];
const OWNERS = new Map([
  ['archive state', 0],
  ['ledgers', 1],
  ['ledger chain', 2],
  ['transactions', 3],
  ['results', 3],
  ['turn', 4],
]);
/** What a work's bar is filled with while it runs. */
const FILLS = new Map([
  ['archive state', 'download'],
  ['download', 'download'],
  ['check', 'check'],
  ['ledger chain', 'check'],
  ['turn', 'wait'],
  ['apply', 'apply'],
]);

export class Spans {
  /** All bars: group, lane, fill, from, to (nothing while it goes on), name, about, reason. */
  bars = [];
  /** From and to of each pause of the whole job. */
  pauses = [];
  #taken = GROUPS.map(() => []);
  #lanes = new Map();
  #open = new Map();

  /** Lanes that a group needs for so many checkpoints at a time. */
  static lanes(concurrency) {
    return [1, concurrency, 1, 2 * concurrency, concurrency];
  }

  take(node, { what, detail, at }) {
    if (what === 'paused' || what === 'resumed' || what === 'abort') this.#pause(node, what === 'paused', at);
    if (what === 'retry') {
      this.#close(node, at, 'failed', detail);
      if (OWNERS.has(node.name)) this.#begin(node, 'retry', at, detail);
    } else if (what === 'failed') {
      const bar = this.#open.get(node) ?? node.bar;
      if (bar) bar.reason = detail;
    } else if (what === 'opened') {
      this.#close(node, at);
    } else if (what === 'moved') this.#move(node, detail, at);
  }

  #move(node, state, at) {
    if (state === 'running') {
      if (this.#open.get(node)?.fill === 'retry') this.#close(node, at);
      this.#claim(node);
      if (FILLS.has(node.name) && node.name !== 'turn' && !this.#open.has(node)) this.#begin(node, FILLS.get(node.name), at);
    } else if (state === 'waiting' && node.name === 'turn') {
      this.#claim(node);
      if (!this.#open.has(node)) this.#begin(node, 'wait', at);
    } else if (node.isDone) {
      const fill = { failure: 'failed', aborted: 'aborted' }[state];
      this.#close(node, at, fill);
      const owned = this.#lanes.get(node);
      if (owned) {
        this.#taken[owned.group][owned.lane] = false;
        this.#lanes.delete(node);
      }
    }
  }

  #pause(node, isPaused, at) {
    if (node.parent) return;
    const last = this.pauses.at(-1);
    if (isPaused) this.pauses.push({ from: at, to: undefined });
    else if (last && last.to === undefined) last.to = at;
  }

  /** Takes the lowest lane that is free. */
  #claim(node) {
    const group = OWNERS.get(node.name);
    if (group === undefined || this.#lanes.has(node)) return;
    const taken = this.#taken[group];
    let lane = taken.indexOf(false);
    if (lane < 0) lane = taken.length;
    taken[lane] = true;
    this.#lanes.set(node, { group, lane });
  }

  #begin(node, fill, at, reason) {
    let owner = node;
    while (owner && !this.#lanes.has(owner)) owner = owner.parent;
    if (!owner) return;
    const { group, lane } = this.#lanes.get(owner);
    const bar = { group, lane, fill, from: at, to: undefined, name: node.name, about: node.shortAbout, reason };
    if (node.name === 'turn' || node.name === 'apply') bar.about = (node.parent?.about ?? node.about) || '';
    this.bars.push(bar);
    this.#open.set(node, bar);
    node.bar = bar;
  }

  #close(node, at, fill, reason) {
    const bar = this.#open.get(node);
    if (!bar) return;
    bar.to = at;
    if (fill && (bar.fill !== 'retry' || fill === 'aborted')) bar.fill = fill;
    bar.reason = reason ?? bar.reason;
    this.#open.delete(node);
  }
}
