// What a running function gets: its signal, its attempt, naps, children, progress.
// The invariant: a call that is over is inert. Its naps are rejected, its signal has fired, and what it still says is dropped.
// Fields with a leading underscore are the scheduler's own.

import { Value } from './answers.js';
import { SchedulerError, Verdict, abortError } from './errors.js';
import { millis } from './plan.js';

/** One call of a work's `run` or `abort`. */
export class Context {
  _live = true;
  _controller = undefined;
  _sleepers = undefined;
  /** Why it was cut short. */
  _reason = undefined;
  /** Called when the function has come to its end after it was cut short. */
  _onEnd = undefined;

  constructor(runner, node, ticket, attempt, live, failed) {
    this._runner = runner;
    this._node = node;
    this._ticket = ticket;
    this._childrenLive = live;
    this._childrenFailed = failed;
    this.attempt = attempt;
  }

  get id() {
    return this._node.id;
  }

  get name() {
    return this._node.name;
  }

  get children() {
    return { live: this._childrenLive, failed: this._childrenFailed };
  }

  get signal() {
    if (!this._controller) {
      this._controller = new AbortController();
      if (this._reason !== undefined) this._controller.abort(this._reason);
    }
    return this._controller.signal;
  }

  addChild(spec) {
    if (!this._live) throw new SchedulerError('ended', 'the function that adds this has ended');
    return this._runner.add(this._node, spec);
  }

  sleep(ms) {
    millis(ms, 'sleep');
    if (this._reason !== undefined) return Promise.reject(this._reason);
    if (!this._live) return Promise.reject(abortError('the function has ended'));
    return new Promise((resolve, reject) => {
      (this._sleepers ??= []).push({ until: this._runner.now() + ms, resolve, reject });
      this._nap();
    });
  }

  progress(value) {
    if (this._live) this._runner.progress(this._node, value);
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

  /** Cuts it short: the signal fires and naps are rejected. */
  _kill(reason) {
    if (this._reason !== undefined) return;
    this._reason = reason;
    const sleepers = this._sleepers;
    if (sleepers) for (const sleeper of sleepers) sleeper.reject(reason);
    this._controller?.abort(reason);
  }

  /** Ends the naps that are over by now. */
  _woke(now) {
    const over = this._sleepers?.filter(({ until }) => until <= now) ?? [];
    this._sleepers = this._sleepers?.filter(({ until }) => until > now);
    for (const { resolve } of over) resolve();
    this._nap();
  }

  /** Asks the engine to be told when the first nap is over. */
  _nap() {
    let first = Infinity;
    for (const { until } of this._sleepers ?? []) first = Math.min(first, until);
    if (first < Infinity) this._runner.nap(this, first);
  }
}
