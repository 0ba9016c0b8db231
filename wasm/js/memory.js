// The memory of the engine, in which its log and its asks are read. Set once, when the module has been loaded.

let loaded;

/** Takes what the module's `init` gives. */
export function setExports(exports) {
  loaded = exports.memory;
}

export const memory = () => loaded;
