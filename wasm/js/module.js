// The compiled engine and the glue that wasm-bindgen has made for it. The invariant: they are bound once, before anything else here is used.

import * as glue from '../pkg/windlass_wasm_bg.js';

export { Engine } from '../pkg/windlass_wasm_bg.js';

/** What the module wants of JavaScript. */
export const imports = { './windlass_wasm_bg.js': glue };

let exported;

/** Binds an instance of the module. */
export function bind({ exports }) {
  exported = exports;
  glue.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
}

/** The memory of the engine, in which its log and its asks are read. */
export const memory = () => exported.memory;
