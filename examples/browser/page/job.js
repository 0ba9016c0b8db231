// One run of the job: the compiled half, its downloads, and the driver that polls it.
// The invariant: it is polled when a download has ended, when its deadline has come, when it was acted on, and never else; what happened is kept until
// `news` is asked for.

import { Driver } from './driver.js';
import { Fetcher } from './fetcher.js';
import { Demo } from './pkg/windlass_demo.js';

/** Ledgers in a checkpoint of the archive. */
const FREQUENCY = 64;
const RETRIES = 5;
/** The most before the first retry, in ms. */
const BASE = 300;
/** The longest that a turn may hold up the page, in ms. */
const BUDGET = 8;

export class Job {
  #demo;
  #driver;
  /** When it began, on the clock of `performance.now()`. */
  origin;
  isOver = false;

  /** `changed()` is called after each poll, `over()` once, after the last. */
  constructor({ concurrency, conditions, changed, over }) {
    this.origin = performance.now();
    const fetcher = new Fetcher('archive', conditions, () => this.#driver.stir());
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    this.#demo = new Demo(fetcher, FREQUENCY, concurrency, RETRIES, BASE, seed);
    this.#driver = new Driver({
      budget: BUDGET,
      now: () => this.now(),
      poll: () => {
        changed();
        return this.#demo.poll(this.now());
      },
      over: () => {
        this.isOver = true;
        over();
      },
    });
  }

  /** Milliseconds since it began. */
  now() {
    return performance.now() - this.origin;
  }

  news() {
    return JSON.parse(this.#demo.news());
  }

  standing() {
    return JSON.parse(this.#demo.standing());
  }

  explain(id) {
    return this.#demo.explain(BigInt(id), this.now());
  }

  abort(id) {
    this.#act(() => this.#demo.abort(known(id)));
  }

  pause(id) {
    this.#act(() => this.#demo.pause(known(id)));
  }

  resume(id) {
    this.#act(() => this.#demo.resume(known(id)));
  }

  /** Gives its memory back. */
  dispose() {
    this.#driver.stop();
    this.#demo.free();
  }

  #act(act) {
    if (this.isOver) return;
    try {
      act();
    } catch (error) {
      // The node has ended between the last drawing and the click.
      console.info(String(error));
    }
    this.#driver.stir();
  }
}

function known(id) {
  return id === undefined ? undefined : BigInt(id);
}
