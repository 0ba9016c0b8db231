// Windlass in a browser or a worker: the module is fetched, from beside this file, before the import is over.

import init from '../pkg/windlass_wasm.js';

await init();

export { SchedulerError, WorkError } from './errors.js';
export { Scheduler } from './scheduler.js';
