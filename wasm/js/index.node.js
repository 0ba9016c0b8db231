// Windlass in Node: the module is read from its file when this is imported.

import { readFileSync } from 'node:fs';
import { initSync } from '../pkg/windlass_wasm.js';
import { setExports } from './memory.js';

setExports(initSync({ module: readFileSync(new URL('../pkg/windlass_wasm_bg.wasm', import.meta.url)) }));

export { SchedulerError, WorkError } from './errors.js';
export { Scheduler } from './scheduler.js';
