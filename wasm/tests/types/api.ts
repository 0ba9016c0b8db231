// What must compile, and (after `@ts-expect-error`) what must not.

import { Scheduler, SchedulerError, WorkError, type Context, type NodeId, type NodeInfo, type State } from 'windlass';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<_ extends true>(): void {}

const s = new Scheduler({ capacity: 100, seed: 1, budget: 8 });
const id = s.add(async (ctx) => {
  is<Same<typeof ctx, Context>>();
  is<Same<typeof ctx.signal, AbortSignal>>();
  is<Same<typeof ctx.attempt, number>>();
  await fetch('https://example.org', { signal: ctx.signal });
  await ctx.sleep(10);
  const child = ctx.addChild({ name: 'child', run: () => ({ sleep: 5 }) });
  is<Same<typeof child, NodeId>>();
  ctx.progress(0.5);
  if (ctx.attempt > 3) ctx.fatal(new Error('gone'));
});
is<Same<typeof id, NodeId>>();

s.add({ name: 'w', run: () => 'running', abort: async () => {}, reset() {}, retries: 3, backoff: { base: 100, jitter: 'full' }, timeout: 1000 });
s.add({ kind: 'sequence', children: [() => {}, { run() {} }, { kind: 'parallel', children: [], until: 'any' }] });
s.sequence([() => {}]);
s.parallel({ children: [() => {}], concurrency: 2, until: 2 });
s.graph({ nodes: { a: () => {}, b: { run() {}, deps: ['a'] } } });
s.batch({ items: [1, 2], each: (item, index) => { is<Same<typeof item, number>>(); is<Same<typeof index, number>>(); return () => {}; } });
async function* pages() { yield { url: '/1' }; }
s.batch({ items: pages(), each: ({ url }) => ({ name: url, run: () => url.length }) });
s.batch({ items: [() => {}] });
s.when({ condition: () => true, then: () => {}, every: 10 });
s.when({ after: id, mode: 'end', then: () => {} }, { parent: id });

const nodes: NodeInfo[] = s.snapshot();
const state: State = s.state(id);
is<Same<ReturnType<typeof s.explain>, string>>();
s.addEventListener('retry', (event) => { is<Same<typeof event.delay, number>>(); });
s.addEventListener('state', (event) => { is<Same<typeof event.to, State>>(); event.preventDefault(); });
async function read(): Promise<void> {
  for await (const event of s.events({ limit: 10 })) {
    if (event.type === 'state') is<Same<typeof event.from, State>>();
    if (event.type === 'progress') is<Same<typeof event.value, unknown>>();
    // @ts-expect-error: not before the type is known
    event.delay;
  }
  const { succeeded, failures } = await s.run({ signal: AbortSignal.timeout(1000), allowFailures: true });
  is<Same<typeof failures, WorkError[]>>();
  is<Same<typeof succeeded, number>>();
}
function caught(error: unknown): void {
  if (error instanceof WorkError) is<Same<typeof error.id, NodeId>>();
  // @ts-expect-error: not a code
  if (error instanceof SchedulerError && error.code === 'unheard of') return;
}
s.abort(id, { reason: new Error('enough'), cleanupTimeout: 100 });
s[Symbol.dispose]();

// @ts-expect-error: a number is not an id
s.abort(7);
// @ts-expect-error: not an option
s.add({ run() {}, retires: 3 });
// @ts-expect-error: not a state of a policy
s.parallel({ onFailure: 'explode' });
// @ts-expect-error: a dependency that is not there
s.graph({ nodes: { a: () => {}, b: { run() {}, deps: ['c'] } } });
// @ts-expect-error: a condition or a node, not both
s.when({ condition: () => true, after: id, then: () => {} });
// @ts-expect-error: a work has a run
s.add({ name: 'empty' });
// @ts-expect-error: not an event
s.addEventListener('explosion', () => {});
// @ts-expect-error: milliseconds
s.add({ run() {}, timeout: '5s' });

export { caught, nodes, read, state };
