// What a work may say, and what follows: values, states, naps, failures, retries, timeouts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler, SchedulerError, WorkError } from 'windlass';
import { VirtualHost } from './host.mjs';

function stage(options) {
  const host = new VirtualHost();
  return { host, s: new Scheduler({ host, ...options }) };
}

test('a value, a promise of one, and nothing', async () => {
  const { host, s } = stage();
  const ids = [s.add(() => 7), s.add(async () => 'text'), s.add(() => {}), s.add(() => null)];
  const results = ids.map((id) => s.result(id));
  assert.deepEqual(await host.until(s.run()), { succeeded: 4, aborted: 0, failures: [] });
  assert.deepEqual(await Promise.all(results), [7, 'text', undefined, null]);
  assert.equal(await s.result(ids[0]), 7, 'asked for after the end');
});

test('states: running is called again, waiting is called when woken, success ends', async () => {
  const { host, s } = stage();
  let calls = 0;
  const id = s.add(() => ['running', 'waiting', 'success'][calls++]);
  const run = s.run();
  await host.advance(0);
  assert.equal(calls, 2);
  assert.equal(s.state(id), 'waiting');
  s.wake(id);
  await host.until(run);
  assert.equal(calls, 3);
  assert.equal(s.state(id), 'success');
});

test('a wake that comes while the function runs is not lost', async () => {
  const { host, s } = stage();
  let calls = 0;
  const id = s.add(() => {
    calls += 1;
    if (calls === 2) return 'success';
    s.wake(id);
    return 'waiting';
  });
  await host.until(s.run());
  assert.equal(calls, 2);
});

test('a string that looks like a state is a value if it is said to be one', async () => {
  const { host, s } = stage();
  const id = s.add((ctx) => ctx.done('running'));
  await host.until(s.run());
  assert.equal(await s.result(id), 'running');
});

test('sleep: the function is called again after it', async () => {
  const { host, s } = stage();
  const times = [];
  s.add(() => {
    times.push(s.now());
    return times.length < 3 ? { sleep: 50 } : 'success';
  });
  await host.until(s.run());
  assert.deepEqual(times, [0, 50, 100]);
});

test('ctx.sleep: naps, also several at once, on one timer', async () => {
  const { host, s } = stage();
  const order = [];
  s.add(async (ctx) => {
    await Promise.all([30, 10, 20].map((ms) => ctx.sleep(ms).then(() => order.push([ms, s.now()]))));
    await ctx.sleep(5);
    order.push(['end', s.now()]);
  });
  await host.until(s.run());
  assert.deepEqual(order, [[10, 10], [20, 20], [30, 30], ['end', 35]]);
});

test('a rejected promise and a throw are failures with their cause', async () => {
  for (const run of [async () => Promise.reject(new Error('no answer')), () => { throw new Error('no answer'); }]) {
    const { host, s } = stage();
    const id = s.add({ name: 'fetch', run });
    const result = assert.rejects(s.result(id), WorkError);
    await assert.rejects(host.until(s.run()), (error) => {
      assert.ok(error instanceof WorkError && error instanceof Error);
      assert.equal(error.message, 'fetch failed: no answer');
      assert.equal(error.cause.message, 'no answer');
      assert.equal(error.id, id);
      assert.equal(error.node, 'fetch');
      return true;
    });
    await result;
    assert.equal(s.explain(id), 'failed: no answer');
  }
});

test('what is thrown need not be an error', async () => {
  const { host, s } = stage();
  s.add({ name: 'odd', run: () => Promise.reject('a string') });
  s.add({ name: 'odder', run: () => Promise.reject(undefined) });
  await assert.rejects(host.until(s.run()), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors.map(({ cause }) => cause), ['a string', undefined]);
    return true;
  });
});

test('retries with backoff, and the attempt that it is', async () => {
  const { host, s } = stage();
  const attempts = [];
  let resets = 0;
  s.add({
    retries: 3,
    backoff: { base: 100, factor: 2, max: 300 },
    reset: () => (resets += 1),
    run(ctx) {
      attempts.push([ctx.attempt, s.now()]);
      if (attempts.length < 4) throw new Error('not yet');
    },
  });
  await host.until(s.run());
  assert.deepEqual(attempts, [[1, 0], [2, 100], [3, 300], [4, 600]]);
  assert.equal(resets, 4, 'at the start, and before each retry');
});

test('the same seed gives the same delays, another one others', async () => {
  const times = async (seed) => {
    const { host, s } = stage({ seed });
    const times = [];
    s.add({ retries: 5, backoff: { base: 100, jitter: 'full' }, run() { times.push(s.now()); throw new Error('no'); } });
    await assert.rejects(host.until(s.run()), WorkError);
    return times;
  };
  assert.deepEqual(await times(1), await times(1));
  assert.notDeepEqual(await times(1), await times(2));
});

test('a jitter of 0 leaves the delays as they are', async () => {
  const { host, s } = stage({ seed: 1 });
  s.add({ retries: 3, backoff: { base: 100, jitter: 0 }, run: () => Promise.reject(new Error('no')) });
  await assert.rejects(host.until(s.run()), WorkError);
  assert.equal(s.now(), 100 + 200 + 400);
});

test('ctx.fatal is not retried, and ctx.retryAfter waits as long as it says', async () => {
  const { host, s } = stage();
  const calls = [];
  s.add({ name: 'gone', retries: 9, run: (ctx) => ctx.fatal(new Error('404')) });
  s.add({
    name: 'busy',
    retries: 1,
    run(ctx) {
      calls.push(s.now());
      if (calls.length === 1) ctx.retryAfter(12_345, new Error('503'));
    },
  });
  await assert.rejects(host.until(s.run()), /gone failed: 404/);
  assert.deepEqual(calls, [0, 12_345]);
});

test('a timeout fires the signal, fails the attempt, and what is said later counts for nothing', async () => {
  const { host, s } = stage();
  const reasons = [];
  let release;
  const id = s.add({
    name: 'slow',
    timeout: 100,
    retries: 1,
    backoff: 10,
    run(ctx) {
      if (ctx.attempt === 2) return 'second';
      ctx.signal.addEventListener('abort', () => reasons.push([ctx.signal.reason.name, s.now()]));
      return new Promise((resolve) => (release = () => resolve('first')));
    },
  });
  const run = s.run();
  await host.advance(100);
  assert.deepEqual(reasons, [['TimeoutError', 100]]);
  release();
  await host.until(run);
  assert.equal(await s.result(id), 'second');
});

test('fetch-like functions take the signal', async () => {
  const { host, s } = stage();
  const fetching = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const id = s.add((ctx) => fetching(ctx.signal));
  const result = assert.rejects(s.result(id), /enough/);
  const run = s.run();
  await host.settle();
  s.abort(id, { reason: new Error('enough') });
  assert.equal((await host.until(run)).aborted, 1);
  assert.equal(s.state(id), 'aborted');
  await result;
});

test('bad options are named, and nothing is added', () => {
  const { s } = stage();
  const bad = [
    [{}, /run: a function/],
    [undefined, /a work is a function or an object/],
    [{ run() {}, retires: 3 }, /retires: a work has no use for it/],
    [{ run() {}, retries: -1 }, /retries/],
    [{ run() {}, timeout: '5s' }, /timeout: milliseconds/],
    [{ run() {}, timeout: NaN }, /timeout/],
    [{ run() {}, backoff: { jitter: 'some' } }, /backoff.jitter/],
    [{ run() {}, backoff: { jitter: -1 } }, /backoff.jitter/],
    [{ run() {}, name: 7 }, /name: a string/],
    [{ run() {}, onFailure: 'explode' }, /onFailure/],
    [{ kind: 'toString' }, /not a kind/],
    [{ kind: 'sequence', children: [{}] }, /run: a function/],
    [{ kind: 'parallel', concurrency: 0 }, /concurrency/],
    [{ kind: 'sequence', concurrency: 2 }, /concurrency: a sequence has no use for it/],
    [{ kind: 'parallel', until: 'any', onFailure: 'stop' }, /onFailure: a parallel until any has no use for it/],
    [{ kind: 'parallel', until: 2, onFailure: 'finish' }, /onFailure: a parallel until 2 has no use for it/],
    [{ kind: 'parallel', children: [() => {}, { run() {}, detached: true }] }, /detached: a node below another has no use for it/],
    [{ kind: 'graph', nodes: { a: { run() {}, detached: true } } }, /detached: a node below another/],
    [{ kind: 'when', condition() {}, then: { run() {}, detached: true } }, /detached: a node below another/],
    [{ run() {}, cleanupTimeout: '5s' }, /cleanupTimeout: milliseconds/],
    [{ run() {}, drain: 5 }, /drain: a work has no use for it/],
    [{ kind: 'graph', nodes: { a: { run() {}, deps: ['b'] } } }, /depends on b/],
    [{ kind: 'graph', nodes: { a: { run() {}, deps: ['b'] }, b: { run() {}, deps: ['a'] } } }, /a, b wait for each other/],
    [{ kind: 'graph', nodes: { a: { run() {}, deps: 'b' }, b: () => {} } }, /nodes.a: deps/],
    [{ kind: 'graph', nodes: { a: { run() {}, deps: ['b', 'b'] }, b: () => {} } }, /twice/],
    [{ run() {}, deps: ['a'] }, /deps: a work has no use for it/],
    [{ kind: 'batch' }, /items/],
    [{ kind: 'when', condition() {} }, /then/],
  ];
  for (const [spec, message] of bad) assert.throws(() => s.add(spec), message);
  assert.equal(s.size, 0);
  for (const options of [{ capacity: 0 }, { capacity: 1e9 }, { seed: -1 }, { budget: 0 }]) {
    assert.throws(() => new Scheduler(options), RangeError);
  }
});

test('what only a node at the top can be is refused below another one', async () => {
  const { host, s } = stage();
  const parent = s.parallel([]);
  const refused = { name: 'TypeError', message: 'detached: a node below another has no use for it' };
  assert.throws(() => s.add({ run() {}, detached: true }, { parent }), refused);
  s.add((ctx) => assert.throws(() => ctx.addChild({ run() {}, detached: true }), refused));
  assert.equal(s.size, 2);
  s.add({ run() {}, detached: true });
  assert.equal((await host.until(s.run())).succeeded, 3);
  assert.equal(s.size, 2);
});

test('a full table refuses all of it, and nothing is lost', async () => {
  const { host, s } = stage({ capacity: 3 });
  s.add(() => {});
  assert.throws(() => s.sequence([() => {}, () => {}]), (error) => error instanceof SchedulerError && error.code === 'full');
  assert.equal(s.size, 1);
  s.sequence([() => {}]);
  assert.equal((await host.until(s.run())).succeeded, 2);
});

test('ids that name nothing are refused', async () => {
  const { host, s } = stage();
  const id = s.add(() => {});
  await host.until(s.run());
  s.remove(id);
  const again = s.add(() => {});
  assert.notEqual(again, id);
  for (const stale of [id, -1, 0, NaN, 1.5, 'x', undefined]) {
    for (const act of ['abort', 'pause', 'resume', 'restart', 'wake', 'remove', 'explain', 'state', 'result']) {
      assert.throws(() => s[act](stale), (error) => error.code === 'unknownNode', `${act}(${stale})`);
    }
  }
});
