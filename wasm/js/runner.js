// Calls the users' functions when the engine asks for it, and brings back what they say.
// The invariant: what is called, is called while the engine is at rest, so it may call anything; and each call is answered at most once.

import { JOIN, Value, sleepOf } from './answers.js';
import { Context } from './context.js';
import { Verdict, timeoutError } from './errors.js';
import {
  ANSWER_FAILURE,
  ANSWER_FATAL,
  ANSWER_JOIN,
  ANSWER_RETRY_AFTER,
  ANSWER_RUNNING,
  ANSWER_SLEEP,
  ANSWER_SUCCESS,
  ANSWER_WAITING,
  ASK_ABORT,
  ASK_DROP,
  ASK_RESET,
  ASK_ROW_ATTEMPT,
  ASK_ROW_FAILED,
  ASK_ROW_LABEL,
  ASK_ROW_LIVE,
  ASK_ROW_TICKET,
  ASK_ROW_WHAT,
  ASK_RUN,
  ASK_WOKE,
  CLAIM_YES,
} from './numbers.js';
import { planOf } from './plan.js';

/** Strings that are states and not values. */
const SAYS = { running: ANSWER_RUNNING, waiting: ANSWER_WAITING, success: ANSWER_SUCCESS, failure: ANSWER_FAILURE };

export class Runner {
  #core;

  constructor(core) {
    this.#core = core;
  }

  /** One ask: the words from `at` on. */
  ask(words, at) {
    const core = this.#core;
    const node = core.nodes.labels[words[at + ASK_ROW_LABEL]];
    const what = words[at + ASK_ROW_WHAT];
    // Its last reset comes when it has ended; all else is too late then.
    if (node === undefined || (node.state !== undefined && what !== ASK_RESET)) return;
    const ticket = words[at + ASK_ROW_TICKET];
    const attempt = words[at + ASK_ROW_ATTEMPT];
    if (what === ASK_RUN) {
      // Calls since the poll may have aborted or paused it.
      if (core.dirty && core.engine.claim(node.id, ticket) !== CLAIM_YES) return;
      this.#start(new Context(this, node, ticket, attempt, words[at + ASK_ROW_LIVE], words[at + ASK_ROW_FAILED]));
    } else if (what === ASK_ABORT) this.#cleanUp(node, new Context(this, node, ticket, attempt, 0, 0));
    else if (what === ASK_WOKE) node.attempt?._woke(core.now());
    else if (what === ASK_RESET) this.#reset(node);
    else if (what === ASK_DROP && node.attempt) this.cut(node, timeoutError());
  }

  /** Ends the call that is going on; what it still says is dropped. */
  cut(node, reason) {
    const { attempt } = node;
    if (!attempt) return;
    node.attempt = undefined;
    attempt._live = false;
    attempt._kill(reason);
    attempt._onEnd?.();
  }

  // ---- for a context ----

  now() {
    return this.#core.now();
  }

  add(parent, spec) {
    return this.#core.put(parent, planOf(spec));
  }

  nap(context, until) {
    const { engine } = this.#core;
    if (engine?.nap(context._node.id, context._ticket, until)) this.#core.stir();
  }

  progress(node, value) {
    node.more().progress = value;
    this.#core.emit('progress', node, { value });
  }

  // ---- calls and answers ----

  #start(context) {
    const node = context._node;
    node.attempt = context;
    let value;
    try {
      value = node.run.call(node.owner, context);
      if (typeof value?.then === 'function') {
        value.then(
          (value) => this.#said(context, value),
          (error) => this.#threw(context, error),
        );
        return;
      }
    } catch (error) {
      this.#threw(context, error);
      return;
    }
    this.#said(context, value);
  }

  #said(context, value) {
    if (!this.#counts(context)) return;
    if (value === undefined || value === JOIN) return this.#end(context, ANSWER_JOIN, 0, 0);
    if (typeof value === 'string' && Object.hasOwn(SAYS, value)) {
      if (value === 'failure') return this.#fail(context, ANSWER_FAILURE, 0, new Error("it returned 'failure'"));
      return this.#end(context, SAYS[value], 0, 0);
    }
    const sleep = sleepOf(value);
    if (sleep === undefined) {
      context._node.value = value instanceof Value ? value.value : value;
      this.#end(context, ANSWER_JOIN, 0, 0);
    } else if (sleep >= 0) this.#end(context, ANSWER_SLEEP, sleep, 0);
    else this.#fail(context, ANSWER_FAILURE, 0, new RangeError('sleep: milliseconds, 0 or more'));
  }

  #threw(context, error) {
    if (!this.#counts(context)) return;
    if (!(error instanceof Verdict)) this.#fail(context, ANSWER_FAILURE, 0, error);
    else if (error.after === undefined) this.#fail(context, ANSWER_FATAL, 0, error.error);
    else this.#fail(context, ANSWER_RETRY_AFTER, error.after, error.error);
  }

  #fail(context, what, after, error) {
    const number = this.#core.faults.keep(error);
    context._node.more().error = number;
    this.#end(context, what, after, number);
  }

  /** Whether anybody waits for what this call says. */
  #counts(context) {
    if (!context._live) return false;
    context._live = false;
    if (context._onEnd) context._onEnd();
    return context._onEnd === undefined;
  }

  #end(context, what, millis, error) {
    const node = context._node;
    node.attempt = undefined;
    const core = this.#core;
    if (core.engine?.answer(node.id, context._ticket, what, millis, error)) core.stir();
  }

  /** Waits for what goes on, calls the work's `abort`, and reports that the node is clean. */
  #cleanUp(node, cleaning) {
    const waits = [];
    const { attempt, owner } = node;
    if (attempt?._live) {
      attempt._kill(this.#core.abortReason(node));
      // A function that never took its signal does not know of the abort, and is not waited for.
      if (attempt._controller || attempt._sleepers) waits.push(new Promise((end) => (attempt._onEnd = end)));
      else attempt._live = false;
    }
    node.attempt = cleaning;
    if (owner && node.kind === 'work' && owner.abort !== undefined) {
      const report = (error) => this.#core.emit('cleanupfailed', node, { error });
      try {
        waits.push(Promise.resolve(owner.abort(cleaning)).catch(report));
      } catch (error) {
        report(error);
      }
    }
    const clean = () => this.#counts(cleaning) && this.#end(cleaning, ANSWER_SUCCESS, 0, 0);
    if (waits.length === 0) clean();
    else void Promise.all(waits).then(clean);
  }

  #reset(node) {
    try {
      node.owner.reset();
    } catch (error) {
      this.#core.emit('cleanupfailed', node, { error });
    }
  }
}

