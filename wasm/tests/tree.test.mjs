// Composites, children, aborts, pauses, restarts, and calls from inside callbacks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler, WorkError } from 'windlass';
import { VirtualHost } from './host.mjs';

function stage(options) {
  const host = new VirtualHost();
  return { host, s: new Scheduler({ host, ...options }) };
}

/** A work that logs its name at start and end, and takes so long. */
const logged = (log, name, ms = 0) => ({
  name,
  async run(ctx) {
    log.push(`+${name}`);
    await ctx.sleep(ms);
    log.push(`-${name}`);
  },
});

test('a sequence runs one after the other, a parallel all at once', async () => {
  const log = [];
  const { host, s } = stage();
  s.sequence([logged(log, 'a', 20), logged(log, 'b', 10)]);
  await host.until(s.run());
  s.parallel([logged(log, 'c', 20), logged(log, 'd', 10)]);
  await host.until(s.run());
  assert.deepEqual(log, ['+a', '-a', '+b', '-b', '+c', '+d', '-d', '-c']);
});

test('concurrency bounds a parallel', async () => {
  const { host, s } = stage();
  let live = 0;
  let most = 0;
  const work = async (ctx) => {
    most = Math.max(most, ++live);
    await ctx.sleep(5);
    live -= 1;
  };
  s.parallel({ children: Array(20).fill(work), concurrency: 3 });
  await host.until(s.run());
  assert.equal(most, 3);
  assert.equal(live, 0);
});

test('until: any, first, and a quorum', async () => {
  const fail = async (ctx) => { await ctx.sleep(1); throw new Error('no'); };
  const slow = async (ctx) => { ctx.signal; await ctx.sleep(1000); };
  const quick = async (ctx) => void (await ctx.sleep(10));
  for (const [until, children, ends, at] of [
    ['any', [fail, quick, slow], 'success', 10],
    ['first', [fail, quick, slow], 'failure', 1],
    ['first', [quick, slow], 'success', 10],
    [2, [fail, quick, quick, slow], 'success', 10],
    [2, [fail, fail, slow], 'failure', 1],
  ]) {
    const { host, s } = stage();
    const id = s.parallel({ children, until });
    await host.until(s.run({ allowFailures: true }));
    assert.equal(s.state(id), ends, `until ${until}`);
    assert.equal(s.now(), at, `until ${until}`);
  }
});

test('a graph starts each node after its dependencies, and blocks what depends on a failure', async () => {
  const log = [];
  const { host, s } = stage();
  const id = s.graph({
    name: 'build',
    nodes: {
      link: { ...logged(log, 'link'), deps: ['one', 'two'] },
      one: logged(log, 'one', 10),
      two: logged(log, 'two', 5),
      test: { run: () => log.push('test'), deps: ['bad', 'link'] },
      bad: () => { throw new Error('broken'); },
    },
  });
  await assert.rejects(host.until(s.run()), /build failed at bad: broken/);
  assert.deepEqual(log, ['+one', '+two', '-two', '-one', '+link', '-link']);
  const statuses = Object.fromEntries(s.snapshot().map(({ name, status }) => [name, status]));
  assert.deepEqual(statuses, { build: 'failure', one: 'success', two: 'success', bad: 'failure', link: 'success', test: 'blocked' });
  assert.match(s.tree(), /test: blocked: bad did not succeed/);
  assert.equal(s.explain(id), 'failed: broken at bad');
});

test('a failed member aborts the others, and their signals fire', async () => {
  const { host, s } = stage();
  let fired;
  s.parallel({
    children: [
      async (ctx) => { ctx.signal.onabort = () => (fired = ctx.signal.reason.message); await ctx.sleep(1000); },
      async (ctx) => { await ctx.sleep(10); throw new Error('bad'); },
    ],
  });
  await assert.rejects(host.until(s.run()), WorkError);
  assert.equal(s.now(), 10);
  assert.match(fired, /parentFailed/);
});

test('onFailure: the rest may finish, or the failure be ignored', async () => {
  for (const [onFailure, ends] of [['finish', 'failure'], ['ignore', 'success']]) {
    const log = [];
    const { host, s } = stage();
    const children = [() => { throw new Error('bad'); }, logged(log, 'rest', 10)];
    const id = s.parallel({ children, onFailure });
    await host.until(s.run({ allowFailures: true }));
    assert.deepEqual(log, ['+rest', '-rest']);
    assert.equal(s.state(id), ends);
  }
});

test('onFailure of a work: what a failed child means for it', async () => {
  for (const [onFailure, ends, at] of [['stop', 'failure', 0], ['finish', 'failure', 10], ['ignore', 'success', 10]]) {
    const { host, s } = stage();
    const id = s.add({
      onFailure,
      run(ctx) {
        ctx.addChild(() => { throw new Error('bad'); });
        ctx.addChild((child) => child.sleep(10));
      },
    });
    await host.until(s.run({ allowFailures: true }));
    assert.equal(s.state(id), ends, onFailure);
    assert.equal(s.now(), at, onFailure);
  }
});

test('a work is as successful as the children it adds', async () => {
  const log = [];
  const { host, s } = stage();
  const good = s.add((ctx) => { ctx.addChild(logged(log, 'a', 5)); ctx.addChild(logged(log, 'b', 5)); return 'value'; });
  const bad = s.add({ name: 'parent', run: (ctx) => void ctx.addChild({ name: 'child', run: () => Promise.reject(new Error('no')) }) });
  await assert.rejects(host.until(s.run()), /parent failed at child: no|parent failed: no/);
  assert.equal(await s.result(good), 'value');
  assert.equal(s.state(bad), 'failure');
  assert.deepEqual(log, ['+a', '+b', '-a', '-b']);
});

test('a work that says waiting is called when a child ends, and sees how they do', async () => {
  const { host, s } = stage();
  const seen = [];
  let added = 0;
  s.add((ctx) => {
    seen.push(ctx.children.live);
    if (added === 0) for (; added < 2; added += 1) ctx.addChild({ name: `c${added}`, run: async (c) => c.sleep(10 * (1 + Number(c.name[1]))) });
    return ctx.children.live === 0 && seen.length > 1 ? 'success' : 'waiting';
  });
  await host.until(s.run());
  assert.deepEqual(seen, [0, 1, 0]);
});

test('a child that ends while the function runs is not missed by a function that then waits', async () => {
  const { host, s } = stage();
  let calls = 0;
  s.add(async (ctx) => {
    calls += 1;
    if (calls === 2) return 'success';
    ctx.addChild(async (child) => child.sleep(5));
    await ctx.sleep(50);
    return 'waiting';
  });
  await host.until(s.run());
  assert.equal(calls, 2);
});

for (const [kind, items] of [
  ['an array', () => [1, 2, 3, 4, 5, 6, 7]],
  ['a generator', function* () { yield* [1, 2, 3, 4, 5, 6, 7]; }],
  ['an async generator', async function* () { yield* [1, 2, 3, 4, 5, 6, 7]; }],
]) {
  test(`a batch from ${kind}, so many at once`, async () => {
    const { host, s } = stage({ capacity: 5 });
    const done = [];
    let live = 0;
    let most = 0;
    s.batch({
      items: items(),
      concurrency: 3,
      each: (item, index) => async (ctx) => {
        most = Math.max(most, ++live);
        await ctx.sleep(5);
        live -= 1;
        done.push([item, index]);
      },
    });
    await host.until(s.run());
    assert.deepEqual(done.sort(([a], [b]) => a - b), [1, 2, 3, 4, 5, 6, 7].map((item, index) => [item, index]));
    assert.equal(most, 3);
    assert.equal(s.size, 1, 'the slots of the items are free again');
  });
}

test('a batch waits for room in the table, and loses nothing', async () => {
  const { host, s } = stage({ capacity: 4 });
  let done = 0;
  s.batch({ items: Array(50).keys(), each: () => async (ctx) => { await ctx.sleep(1); done += 1; } });
  await host.until(s.run());
  assert.equal(done, 50);
});

test('a batch whose source or item fails', async () => {
  const { host, s } = stage();
  s.batch({ name: 'source', items: (function* () { yield () => {}; throw new Error('dry'); })() });
  await assert.rejects(host.until(s.run()), /source failed: dry/);
  let returned = false;
  const id = s.batch({
    name: 'items',
    concurrency: 1,
    items: function* () { try { for (let i = 0; ; i += 1) yield i; } finally { returned = true; } },
    each: (i) => () => { if (i === 3) throw new Error('bad item'); },
  });
  await assert.rejects(host.until(s.run()), /bad item/);
  assert.equal(s.state(id), 'failure');
  assert.ok(returned, 'the source was let go');
});

test('when: a condition, and another node', async () => {
  const log = [];
  const { host, s } = stage();
  let asked = 0;
  s.when({ condition: async () => ++asked === 4, every: 25, then: logged(log, 'behind') });
  const first = s.add(logged(log, 'first', 200));
  s.when({ after: first, then: logged(log, 'after') });
  await host.until(s.run());
  assert.equal(asked, 4);
  assert.deepEqual(log, ['+first', '+behind', '-behind', '-first', '+after', '-after']);
});

test('an abort is a phase: signal, clean-up, end; children before parents', async () => {
  const log = [];
  const { host, s } = stage();
  const cleaned = (name) => ({
    name,
    async run(ctx) {
      if (name === 'parent') ctx.addChild(cleaned('child'));
      ctx.signal.addEventListener('abort', () => log.push(`signal ${name}`));
      await ctx.sleep(1000).catch(() => {});
    },
    async abort(ctx) {
      log.push(`clean ${name}`);
      await ctx.sleep(20);
      log.push(`cleaned ${name}`);
    },
  });
  const id = s.add(cleaned('parent'));
  const run = s.run();
  await host.advance(10);
  s.abort(id);
  assert.deepEqual(log, ['signal parent', 'signal child'], 'in the same call');
  await host.until(run);
  assert.deepEqual(log.slice(2), ['clean child', 'cleaned child', 'clean parent', 'cleaned parent']);
  assert.equal(s.now(), 50);
});

test('what does not finish its clean-up in time is ended by force', async () => {
  const { host, s } = stage();
  const id = s.add({ run: () => new Promise(() => {}), abort: () => new Promise(() => {}) });
  const run = s.run();
  await host.advance(5);
  s.abort(id, { cleanupTimeout: 100 });
  await host.until(run);
  assert.equal(s.now(), 105);
  assert.ok(s.snapshot()[0].forced);
});

test('run takes a signal, and rejects with its reason once all is clean', async () => {
  const { host, s } = stage();
  const controller = new AbortController();
  let cleaned = false;
  const sleeps = (ctx) => {
    queueMicrotask(() => controller.abort(new Error('stop it')));
    return ctx.sleep(1e9);
  };
  s.sequence([{ run: sleeps, abort: () => { cleaned = true; } }, () => assert.fail('never starts')]);
  await assert.rejects(host.until(s.run({ signal: controller.signal })), /stop it/);
  assert.ok(cleaned);
  assert.equal(s.state(s.snapshot()[0].id), 'aborted');
  await assert.rejects(host.until(s.run({ signal: AbortSignal.abort(new Error('before')) })), /before/);
});

test('pause, resume, restart, shutdown', async () => {
  const { host, s } = stage();
  let calls = 0;
  const id = s.add({ paused: true, run: () => void (calls += 1) });
  const run = s.run();
  await host.advance(1000);
  assert.equal(calls, 0);
  assert.equal(s.explain(id), 'paused');
  s.resume(id);
  await host.until(run);
  assert.equal(calls, 1);
  s.restart(id);
  await host.until(s.run());
  assert.equal(calls, 2);
  s.shutdown();
  assert.throws(() => s.add(() => {}), (error) => error.code === 'aborting');
});

test('every method can be called from inside a callback', async () => {
  const { host, s } = stage();
  const idle = s.add({ name: 'idle', run: () => 'waiting' });
  const paused = s.add({ name: 'paused', run() {}, paused: true });
  const ended = s.add(() => {});
  const removed = s.add(() => {});
  const inside = async (ctx) => {
    s.pause(idle);
    s.resume(idle);
    s.wake(idle);
    s.resume(paused);
    assert.ok(s.snapshot().length > 3);
    assert.match(s.tree(), /idle/);
    assert.equal(typeof s.explain(ctx.id), 'string');
    assert.equal(typeof s.state(ctx.id), 'string');
    s.add(() => {});
    s.sequence([() => {}]);
    s.parallel([() => {}]);
    s.graph({ nodes: { a: () => {}, b: { run() {}, deps: ['a'] } } });
    s.batch({ items: [() => {}, () => {}] });
    s.when({ after: ended, mode: 'end', then: () => {} });
    ctx.addChild(() => {});
    ctx.progress(0.5);
    void s.run();
    void s.result(idle).catch(() => {});
    if (s.state(ended) === 'success') s.restart(ended);
    if (s.state(removed) === 'success') s.remove(removed);
    s.abort(idle);
  };
  let calls = 0;
  s.add({
    name: 'caller',
    async run(ctx) {
      calls += 1;
      await inside(ctx);
      await ctx.sleep(5);
      await inside(ctx).catch((error) => assert.match(String(error.code), /unknownNode|wrongState/));
    },
    reset: () => void s.tree(),
  });
  s.addEventListener('state', () => void s.snapshot());
  await host.until(s.run({ allowFailures: true }));
  assert.equal(calls, 1);
  assert.ok(s.snapshot().every(({ state }) => ['success', 'aborted'].includes(state)), s.tree());
});

test('a node that is aborted by the one before it in the same turn never starts', async () => {
  const { host, s } = stage();
  let second;
  s.add(() => s.abort(second));
  second = s.add(() => assert.fail('it was aborted'));
  const third = s.add(() => {});
  await host.until(s.run());
  assert.equal(s.state(second), 'aborted');
  assert.equal(s.state(third), 'success');
});

test('a node that is paused by the one before it starts when it is resumed', async () => {
  const { host, s } = stage();
  let second;
  let calls = 0;
  s.add(() => s.pause(second));
  second = s.add(() => void (calls += 1));
  const run = s.run();
  await host.advance(10);
  assert.equal(calls, 0);
  s.resume(second);
  await host.until(run);
  assert.equal(calls, 1);
});

test('nothing is lost where one call asks for more than 65,536 things', async () => {
  const n = 70_000;
  const { host, s } = stage({ capacity: n + 1 });
  let runs = 0;
  let resets = 0;
  const child = { run: () => void (runs += 1), reset: () => void (resets += 1) };
  const id = s.parallel(Array(n).fill(child));
  await host.until(s.run());
  assert.deepEqual([runs, resets], [n, n]);
  s.restart(id);
  await host.until(s.run());
  assert.equal(runs, 2 * n);
  assert.ok(resets >= 2 * n);
});
