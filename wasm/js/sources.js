// Works that add their children themselves: a batch, which takes from an iterator as it has room, and a gate behind a condition.

import { SchedulerError } from './errors.js';
import { JOIN, RUNNING, WAITING } from './answers.js';

const NOTHING = Symbol('nothing');

/** A batch's `run` and `reset`. It holds at most one item that it has not added yet, so nothing is lost when the table is full. */
export function batchWork({ items, each, onFailure }, concurrency) {
  if (each !== undefined && typeof each !== 'function') throw new TypeError('each: a function from item to work');
  const source = typeof items === 'function' ? items : () => items;
  if (typeof items !== 'function') iteratorOf(items);
  let iterator;
  let index = 0;
  let held = NOTHING;

  function take(step) {
    if (step.done) {
      iterator = null;
      return false;
    }
    held = each ? each(step.value, index) : step.value;
    index += 1;
    return true;
  }

  return {
    run(ctx) {
      let { live, failed } = ctx.children;
      if (failed > 0 && (onFailure ?? 'stop') === 'stop') return JOIN;
      if (iterator === undefined) iterator = iteratorOf(source());
      while (live < concurrency) {
        if (held !== NOTHING) {
          try {
            ctx.addChild(held);
          } catch (error) {
            // A child's end makes room.
            if (error instanceof SchedulerError && error.code === 'full' && live > 0) return WAITING;
            throw error;
          }
          held = NOTHING;
          live += 1;
          continue;
        }
        if (iterator === null) return JOIN;
        const step = iterator.next();
        if (typeof step?.then === 'function') return step.then((step) => (take(step), RUNNING));
        take(step);
      }
      return iterator === null && held === NOTHING ? JOIN : WAITING;
    },
    reset() {
      const last = iterator;
      iterator = undefined;
      held = NOTHING;
      index = 0;
      // An attempt that ended early lets the source go.
      if (last) Promise.resolve(last.return?.()).catch(() => {});
    },
  };
}

function iteratorOf(items) {
  const open = items?.[Symbol.asyncIterator] ?? items?.[Symbol.iterator];
  if (typeof open !== 'function') throw new TypeError('items: an iterable, or a function that returns one');
  return open.call(items);
}

/** A gate's `run`: asks the condition until it says yes, then adds what is behind it. */
export function gateWork({ condition, then }, every) {
  return async (ctx) => {
    if (!(await condition(ctx))) return { sleep: every };
    ctx.addChild(then);
    return JOIN;
  };
}
