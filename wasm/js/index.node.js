// Windlass in Node: the module is read from its file when this is imported.

import { readFileSync } from 'node:fs';
import { bind, imports } from './module.js';

const module = new WebAssembly.Module(readFileSync(new URL('../pkg/windlass_wasm_bg.wasm', import.meta.url)));
bind(new WebAssembly.Instance(module, imports));

export { SchedulerError, WorkError } from './errors.js';
export { Scheduler } from './scheduler.js';
