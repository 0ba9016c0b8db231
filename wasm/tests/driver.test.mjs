// The driver: one timer, short tasks, nothing while idle, and the clock as the only truth. And what can be seen: events, snapshots, disposal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from 'windlass';
import { VirtualHost } from './host.mjs';

function stage(options) {
  const host = new VirtualHost();
  return { host, s: new Scheduler({ host, ...options }) };
}

test('nothing is armed and nothing is polled while all wait', async () => {
  const { host, s } = stage();
  let settle;
  s.add(() => new Promise((resolve) => (settle = resolve)));
  s.when({ condition: () => new Promise(() => {}), then: () => {} });
  void s.run().catch(() => {});
  await host.settle();
  const before = { ...host.counts };
  await host.advance(1e9);
  assert.deepEqual(host.counts, before);
  assert.equal(host.timer, undefined);
  settle();
  await host.settle();
  assert.equal(s.snapshot()[0].state, 'success');
});

test('sleepers share one timer, for the earliest', async () => {
  const { host, s } = stage();
  for (const ms of [300, 100, 200]) s.add({ run: async (ctx) => ctx.sleep(ms) });
  const run = s.run();
  await host.settle();
  assert.equal(host.timer.at - host.time, 100);
  await host.until(run);
  assert.equal(s.now(), 300);
});

test('a delay beyond 2^31-1 ms is taken in parts', async () => {
  const { host, s } = stage();
  let woke;
  s.add(async (ctx) => { await ctx.sleep(2 ** 33); woke = s.now(); });
  await host.until(s.run());
  assert.equal(woke, 2 ** 33);
  assert.ok(host.delays.length > 4);
});

test('a timer that comes early or late: the clock decides', async () => {
  const { host, s } = stage();
  const times = [];
  s.add(async (ctx) => { await ctx.sleep(100); times.push(s.now()); await ctx.sleep(100); times.push(s.now()); });
  const run = s.run();
  await host.settle();
  const { timer } = host;
  host.timer = undefined;
  host.time += 60;
  timer.go();
  await host.settle();
  assert.deepEqual(times, []);
  host.time += 5000;
  host.fire();
  await host.until(run);
  assert.deepEqual(times, [5060, 5160]);
});

test('a page that is shown again is polled at once', async () => {
  const { host, s } = stage();
  let woke = false;
  s.add(async (ctx) => { await ctx.sleep(100); woke = true; });
  const run = s.run();
  await host.settle();
  assert.equal(host.visible.size, 1);
  host.time += 60_000;
  for (const go of host.visible) go();
  await host.settle();
  assert.ok(woke);
  await host.until(run);
  assert.equal(host.visible.size, 0);
});

test('a turn ends when its budget is used up, and goes on in a task of its own', async () => {
  const { host, s } = stage({ budget: 8 });
  const slices = new Map();
  for (let i = 0; i < 20; i += 1) {
    s.add(() => {
      slices.set(host.counts.yields, (slices.get(host.counts.yields) ?? 0) + 1);
      host.time += 3;
    });
  }
  await host.until(s.run());
  assert.deepEqual([...slices.values()], [3, 3, 3, 3, 3, 3, 2]);
});

test('the clock is asked again soon after calls that take no time', async () => {
  const { host, s } = stage({ budget: 8 });
  const slices = new Map();
  for (let i = 0; i < 60; i += 1) {
    s.add(() => {
      if (i < 30) return;
      slices.set(host.counts.yields, (slices.get(host.counts.yields) ?? 0) + 1);
      host.time += 3;
    });
  }
  await host.until(s.run());
  const [first, ...rest] = slices.values();
  assert.ok(first <= 3 + 3, `${first} calls`);
  assert.ok(rest.every((calls) => calls <= 3) && rest.length >= 8);
});

test('microtasks that beget each other do not hold the task for ever', async () => {
  const { host, s } = stage({ budget: 8 });
  let calls = 0;
  s.add(async () => {
    host.time += 1;
    calls += 1;
    return calls < 100 ? 'running' : 'success';
  });
  await host.until(s.run());
  assert.ok(host.counts.yields >= Math.floor(100 / 8), `${host.counts.yields} tasks`);
});

test('works that are added while all is asleep start at once', async () => {
  const { host, s } = stage();
  s.add(async (ctx) => ctx.sleep(1000));
  const run = s.run();
  await host.advance(10);
  let started;
  s.add(() => void (started = s.now()));
  await host.settle();
  assert.equal(started, 10);
  await host.until(run);
});

test('events, to listeners and to a for await', async () => {
  const { host, s } = stage();
  const stream = s.events();
  const heard = [];
  s.addEventListener('retry', (event) => heard.push([event.node, event.attempt, event.delay, event.error.message]));
  s.addEventListener('progress', (event) => heard.push([event.node, event.value]));
  let calls = 0;
  s.add({ name: 'w', retries: 1, backoff: 50, run(ctx) { ctx.progress(++calls / 2); if (calls === 1) throw new Error('once'); } });
  await host.until(s.run());
  assert.deepEqual(heard, [['w', 0.5], ['w', 2, 50, 'once'], ['w', 1]]);
  const lines = [];
  for await (const event of stream) {
    lines.push(event.type === 'state' ? `${event.from} -> ${event.to}` : event.type);
    if (event.to === 'success') break;
  }
  assert.equal(lines[0], 'added');
  assert.ok(lines.includes('retry') && lines.includes('progress') && lines.includes('pending -> running'));
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test('a slow reader loses the oldest events, and knows how many', async () => {
  const { host, s } = stage();
  const stream = s.events({ limit: 2 });
  for (let i = 0; i < 10; i += 1) s.add(() => {});
  await host.until(s.run());
  assert.ok(stream.dropped > 10);
  assert.equal((await stream.next()).done, false);
});

test('a snapshot and the texts', async () => {
  const { host, s } = stage();
  const job = s.sequence({ name: 'job \x01 #1 (odd)', children: [{ name: 'fetch', retries: 2, backoff: 4200, run(ctx) { ctx.progress('half'); throw new Error('no answer'); } }] });
  void s.run().catch(() => {});
  await host.advance(0);
  const [top, fetch] = s.snapshot();
  assert.equal(top.id, job);
  assert.equal(fetch.parent, job);
  assert.deepEqual(
    [fetch.name, fetch.kind, fetch.state, fetch.attempt, fetch.retriesLeft, fetch.error.message, fetch.progress],
    ['fetch', 'work', 'waiting', 1, 2, 'no answer', 'half'],
  );
  assert.equal(s.explain(fetch.id), 'retry 1 of 2 in 4.2 s: no answer');
  assert.equal(s.tree(), '└─ … job \x01 #1 (odd) (sequence): 0 of 1 children done\n   └─ ↻ fetch: retry 1 of 2 in 4.2 s: no answer\n');
});

test('disposal ends everything and is final', async () => {
  const { host, s } = stage();
  let fired = false;
  const id = s.add((ctx) => { ctx.signal.onabort = () => (fired = true); return new Promise(() => {}); });
  const result = assert.rejects(s.result(id), { name: 'AbortError' });
  const run = assert.rejects(s.run(), { name: 'AbortError' });
  const stream = s.events();
  await host.settle();
  s[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
  await Promise.all([run, result]);
  assert.ok(fired);
  for await (const event of stream) assert.ok(event.id);
  assert.throws(() => s.add(() => {}), (error) => error.code === 'disposed');
  assert.equal(host.timer, undefined);
});

test('of many errors, the one that a node shows is kept', async () => {
  const { host, s } = stage({ capacity: 64 });
  const id = s.batch({ onFailure: 'ignore', concurrency: 8, items: Array(5000).keys(), each: (i) => () => { throw new Error(`number ${i}`); } });
  const last = s.add({ name: 'last', run: () => Promise.reject(new Error('kept')) });
  await host.until(s.run({ allowFailures: true }));
  assert.equal(s.state(id), 'success');
  assert.equal(s.explain(last), 'failed: kept');
});

test('on the real clock', async () => {
  const s = new Scheduler();
  const id = s.sequence([async (ctx) => ctx.sleep(5), () => ({ sleep: 1 }), (ctx) => ctx.done(1)].slice(0, 1));
  await s.run();
  assert.equal(s.state(id), 'success');
});
