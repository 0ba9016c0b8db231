// The same job for each contender: so many tasks that do nothing, at most 64 at once. And the measuring, in turns, so that a slow spell of the machine
// meets all of them.

import async from 'async';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import { Scheduler } from 'windlass';

const CONCURRENCY = 64;

/** How each runs `n` tasks; every task counts, so that none is lost. */
const CONTENDERS = {
  'windlass, batch': async (n, task) => {
    const s = new Scheduler({ capacity: 256 });
    s.batch({ items: Array(n).keys(), each: () => task, concurrency: CONCURRENCY });
    await s.run();
  },
  'windlass, batch with retries': async (n, task) => {
    const s = new Scheduler({ capacity: 256 });
    s.batch({ items: Array(n).keys(), each: () => ({ run: task, retries: 3 }), concurrency: CONCURRENCY });
    await s.run();
  },
  'windlass, add': async (n, task) => {
    const s = new Scheduler({ capacity: n + 1 });
    const parent = s.parallel({ concurrency: CONCURRENCY });
    for (let i = 0; i < n; i += 1) s.add(task, { parent });
    await s.run();
    s[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
  },
  'p-queue': async (n, task) => {
    const queue = new PQueue({ concurrency: CONCURRENCY });
    for (let i = 0; i < n; i += 1) void queue.add(task);
    await queue.onIdle();
  },
  'p-queue + p-retry': async (n, task) => {
    const queue = new PQueue({ concurrency: CONCURRENCY });
    for (let i = 0; i < n; i += 1) void queue.add(() => pRetry(task, { retries: 3 }));
    await queue.onIdle();
  },
  'p-limit': async (n, task) => {
    const limit = pLimit(CONCURRENCY);
    const all = [];
    for (let i = 0; i < n; i += 1) all.push(limit(task));
    await Promise.all(all);
  },
  'async.queue': async (n, task) => {
    const queue = async.queue(async () => task(), CONCURRENCY);
    for (let i = 0; i < n; i += 1) void queue.pushAsync(0).catch(() => {});
    await queue.drain();
  },
};

/** Nanoseconds a task: the median of some rounds, by contender. */
export async function measure(n, rounds) {
  const times = new Map(Object.keys(CONTENDERS).map((name) => [name, []]));
  // Compilers are done with the engine after a hundred thousand tasks or so.
  for (let round = -Math.ceil(rounds / 10); round < rounds; round += 1) {
    for (const [name, run] of Object.entries(CONTENDERS)) {
      let done = 0;
      // What the one before has left is not this one's to clear up.
      globalThis.gc?.({ type: 'minor' });
      const start = performance.now();
      await run(n, async () => void (done += 1));
      const ns = ((performance.now() - start) * 1e6) / n;
      if (done !== n) throw new Error(`${name} ran ${done} of ${n} tasks`);
      if (round >= 0) times.get(name).push(ns);
    }
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, all.sort((a, b) => a - b)[all.length >> 1]]));
}
