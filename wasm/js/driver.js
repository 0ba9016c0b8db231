// When the engine is polled: after something has happened, when its deadline comes, and never else.
// The invariants: one timer at most; no task longer than the budget, but for the calls of users' functions since the clock was asked: the last one, or a
// few after such as took no time; nothing at all while idle.

import { LONGEST } from './host.js';
import { ASK_ROW_LENGTH, NEXT_DONE, NEXT_NOW, NEXT_ON_WAKE } from './numbers.js';

/** Calls that may go by without a look at the clock, while they take less than a hundredth of the budget. */
const FEW = 3;

export class Driver {
  #host;
  #budget;
  /** A clock for the budget: it is asked after each call of a function, so it is the cheapest there is. */
  #tick;
  #core;
  #onEnd;
  #running = false;
  /** A turn is under way, or is to come: after this task, or in one of its own. */
  #turning = false;
  #stirred = false;
  #yielded = false;
  /** When the present task began, as far as this driver can know. What others did in it before the first start is theirs. */
  #slice;
  /** When the clock was asked last, and how many calls it need not be asked after. */
  #asked = 0;
  #unasked = 0;
  #timer = undefined;
  #timerAt = Infinity;
  /** Asks that the last slice had no time for, as places in the engine's memory. */
  #at = 0;
  #end = 0;
  #forgetPage;
  #generation = 0;

  constructor(host, budget, core, onEnd) {
    this.#host = host;
    this.#budget = budget;
    this.#core = core;
    this.#onEnd = onEnd;
    this.#tick = host.tick ? () => host.tick() : () => host.now();
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#slice ??= this.#tick();
    // A tab that was hidden had its timers slowed down.
    this.#forgetPage = this.#host.onVisible?.(() => this.#task());
    this.stir();
  }

  stop() {
    this.#running = false;
    this.#generation += 1;
    this.#stirred = this.#yielded = false;
    this.#at = this.#end = 0;
    this.#arm(Infinity);
    this.#forgetPage?.();
    this.#forgetPage = undefined;
  }

  /** Something has happened: a turn at the end of this task. */
  stir() {
    if (!this.#running || this.#turning || this.#stirred || this.#yielded) return;
    this.#stirred = true;
    const generation = this.#generation;
    queueMicrotask(() => {
      if (generation !== this.#generation) return;
      this.#stirred = false;
      if (!this.#turning && !this.#yielded) this.#turn();
    });
  }

  /** A turn at the beginning of a task. */
  #task() {
    if (!this.#running || this.#turning) return;
    this.#slice = this.#tick();
    this.#turn();
  }

  #yield() {
    if (this.#yielded) return;
    this.#yielded = true;
    const generation = this.#generation;
    this.#host.yield(() => {
      if (generation !== this.#generation) return;
      this.#yielded = false;
      this.#task();
    });
  }

  #isOver() {
    this.#asked = this.#tick();
    this.#unasked = 0;
    const spent = this.#asked - this.#slice;
    // A clock that was set back tells nothing.
    return spent >= this.#budget || spent < 0;
  }

  /** The same, after a call: the clock's answer takes longer than many a function. */
  #isOverNow() {
    if (this.#unasked > 0) {
      this.#unasked -= 1;
      return false;
    }
    const last = this.#asked;
    const over = this.#isOver();
    if (this.#asked - last < this.#budget / 100) this.#unasked = FEW;
    return over;
  }

  #turn() {
    // Where the last slice was long ago this is a guess, and costs a trip through the host's queue.
    if (this.#isOver()) {
      this.#yield();
      return;
    }
    this.#turning = true;
    let next;
    try {
      next = this.#crank();
    } finally {
      this.#turning = false;
    }
    if (!this.#running) return;
    if (next === undefined) this.#yield();
    else if (next === NEXT_DONE) {
      this.stop();
      this.#onEnd();
    } else this.#arm(next === NEXT_ON_WAKE ? Infinity : next + this.#core.origin);
  }

  /** Polls and calls functions until nothing more is to be done now; nothing if the time is up before. */
  #crank() {
    const core = this.#core;
    for (let next = NEXT_NOW; ; ) {
      while (this.#at < this.#end) {
        const at = this.#at;
        this.#at += ASK_ROW_LENGTH;
        core.runner.ask(core.words, at);
        if (!this.#running) return NEXT_ON_WAKE;
        if (this.#isOverNow()) return undefined;
      }
      if (next !== NEXT_NOW && !core.dirty) return next;
      next = core.poll();
      const asks = core.read();
      this.#at = core.asksAt;
      this.#end = this.#at + asks;
      if (!this.#running) return NEXT_ON_WAKE;
      if (this.#isOver()) return undefined;
    }
  }

  #arm(at) {
    if (this.#timerAt === at) return;
    if (this.#timer !== undefined) this.#host.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#timerAt = at;
    if (at === Infinity) return;
    const delay = Math.min(Math.max(Math.ceil(at - this.#host.now()), 0), LONGEST);
    this.#timer = this.#host.setTimer(() => {
      this.#timer = undefined;
      this.#timerAt = Infinity;
      if (!this.#yielded) this.#task();
    }, delay);
  }
}
