// What is tried in a page and in a worker. Gives plain data, which `run.mjs` compares.

import { Scheduler, WorkError } from 'windlass';

/** A small tree, with a fetch that answers. */
async function answered() {
  const s = new Scheduler();
  const id = s.add(async (ctx) => (await fetch('/hello.txt', { signal: ctx.signal })).text());
  s.sequence([(ctx) => ctx.sleep(1), () => ({ sleep: 1 }).sleep]);
  const { succeeded } = await s.run();
  return [succeeded, await s.result(id)];
}

/** A fetch that never answers, and is aborted. */
async function aborted() {
  const s = new Scheduler();
  let seen;
  const id = s.add(async (ctx) => {
    try {
      await fetch('/never', { signal: ctx.signal });
    } catch (error) {
      seen = error.message;
      throw error;
    }
  });
  s.add({ run: (ctx) => (s.state(id) === 'waiting' ? s.abort(id, { reason: new Error('enough') }) : 'running') });
  const summary = await s.run();
  return [summary.aborted, seen];
}

/** A failure. */
async function failed() {
  const s = new Scheduler();
  s.add({ name: 'bad', run: () => Promise.reject(new TypeError('no')) });
  const error = await s.run().catch((error) => error);
  return [error instanceof WorkError, error.message, error.cause instanceof TypeError];
}

/** Many turns, each in a task of its own, with what is left of the ways to get one. */
async function yielded() {
  const s = new Scheduler({ budget: 1e-6 });
  let calls = 0;
  for (let i = 0; i < 50; i += 1) s.add(() => void (calls += 1));
  await s.run();
  return calls;
}

const without = (name) => Object.defineProperty(globalThis, name, { value: undefined, configurable: true });

export async function inPlace() {
  const results = { answered: await answered(), aborted: await aborted(), failed: await failed(), yields: [await yielded()] };
  without('scheduler');
  results.yields.push(await yielded());
  without('MessageChannel');
  results.yields.push(await yielded());
  return results;
}

/** The same in a worker, whose file is this module with a message at its end. */
export function inWorker() {
  return new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}
