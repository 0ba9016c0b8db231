// What a running function gets: its signal, its attempt, naps, children, progress.
// The invariant: an attempt that is over is inert. Its naps are rejected, its signal has fired, and what it still says is dropped.

import { Value } from './answers.js';
import { Verdict, abortError } from './errors.js';
import { millis } from './plan.js';

/** One call of a work's `run` or `abort`, as the scheduler sees it. */
export class Attempt {
  live = true;
  controller = undefined;
  sleepers = undefined;
  /** Why it was cut short. */
  reason = undefined;
  /** Called when the function has come to its end. */
  onEnd = undefined;

  constructor(scheduler, record, ticket, number, children, failed) {
    this.scheduler = scheduler;
    this.record = record;
    this.ticket = ticket;
    this.number = number;
    this.children = children;
    this.failed = failed;
  }

  /** Cuts it short: the signal fires and naps are rejected. */
  kill(reason) {
    if (this.reason !== undefined) return;
    this.reason = reason;
    const { sleepers } = this;
    this.sleepers = undefined;
    if (sleepers) for (const sleeper of sleepers) sleeper.reject(reason);
    this.controller?.abort(reason);
  }

  /** Ends the naps that are over by now. */
  woke(now) {
    const { sleepers } = this;
    if (!sleepers) return;
    this.sleepers = undefined;
    for (const sleeper of sleepers) {
      if (sleeper.until > now) this.nap(sleeper);
      else sleeper.resolve();
    }
  }

  nap(sleeper) {
    (this.sleepers ??= []).push(sleeper);
    let first = Infinity;
    for (const { until } of this.sleepers) first = Math.min(first, until);
    if (first < Infinity) this.scheduler._nap(this, first);
  }
}

/** What the user's function sees of its attempt. */
export class Context {
  #attempt;

  constructor(attempt) {
    this.#attempt = attempt;
  }

  get id() {
    return this.#attempt.record.id;
  }

  get name() {
    return this.#attempt.record.name;
  }

  get attempt() {
    return this.#attempt.number;
  }

  get children() {
    return { live: this.#attempt.children, failed: this.#attempt.failed };
  }

  get scheduler() {
    return this.#attempt.scheduler;
  }

  get signal() {
    const attempt = this.#attempt;
    if (!attempt.controller) {
      attempt.controller = new AbortController();
      if (attempt.reason !== undefined) attempt.controller.abort(attempt.reason);
    }
    return attempt.controller.signal;
  }

  addChild(spec) {
    return this.#attempt.scheduler._addBelow(this.#attempt, spec);
  }

  sleep(ms) {
    const attempt = this.#attempt;
    millis(ms, 'sleep');
    if (attempt.reason !== undefined) return Promise.reject(attempt.reason);
    if (!attempt.live) return Promise.reject(abortError('the function has ended'));
    return new Promise((resolve, reject) => {
      attempt.nap({ until: attempt.scheduler._now() + ms, resolve, reject });
    });
  }

  progress(value) {
    if (this.#attempt.live) this.#attempt.scheduler._progress(this.#attempt.record, value);
  }

  done(value) {
    return new Value(value);
  }

  fatal(error) {
    throw new Verdict(error);
  }

  retryAfter(ms, error) {
    throw new Verdict(error, millis(ms, 'retryAfter'));
  }
}
