// Errors that nodes point to by number: the engine's reasons are numbers, and what was thrown stays here.
// The invariant: no error is forgotten while a node may still show it, and few are kept longer.

import { ownReason } from './errors.js';
import { shownErrors } from './look.js';

export class Faults {
  #errors = new Map();
  #number = 0;

  /** Keeps what was thrown, and gives its number. */
  keep(error) {
    this.#number = (this.#number % 0xffffffff) + 1;
    this.#errors.set(this.#number, error);
    return this.#number;
  }

  /** What this number stands for: an error of a user's function, or one of the engine's own reasons. */
  reason(number) {
    return number > 0 ? this.#errors.get(number) : ownReason(number);
  }

  message(number) {
    const reason = this.reason(number);
    return reason instanceof Error || reason instanceof DOMException ? reason.message : String(reason);
  }

  /** Forgets, once there are many, the errors that no node points to. */
  sweep(engine, nodes) {
    // A node points to three at most, so that each sweep makes room for many more.
    if (this.#errors.size < 6 * nodes.labels.length + 64) return;
    const kept = new Set(shownErrors(engine.rows()));
    for (const node of nodes.labels) if (node?.extra) kept.add(node.extra.error).add(node.extra.failure);
    for (const number of this.#errors.keys()) if (!kept.has(number)) this.#errors.delete(number);
  }
}
