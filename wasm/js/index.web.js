// Windlass in a browser or a worker: the module is fetched, from beside this file, before the import is over.

import init from '../pkg/windlass_wasm.js';
import { setExports } from './memory.js';

setExports(await init());

export { SchedulerError, WorkError } from './errors.js';
export { Scheduler } from './scheduler.js';
