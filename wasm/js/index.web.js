// Windlass in a browser or a worker: the module is fetched, from beside this folder, before the import is over.

import { bind, imports } from './module.js';

const answer = await fetch(new URL('../pkg/windlass_wasm_bg.wasm', import.meta.url));
if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
// Not streamed, which would depend on the type that the server gives it: it is small.
bind((await WebAssembly.instantiate(await answer.arrayBuffer(), imports)).instance);

export { SchedulerError, WorkError } from './errors.js';
export { Scheduler } from './scheduler.js';
