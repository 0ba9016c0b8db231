// `npm run size`: what a browser downloads, gzipped, and of what it is made. Fails if it has grown beyond the figures kept here.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Bytes that each may take, and those that we aim for. */
const LIMITS = { wasm: [30 * 1024, 30 * 1024], js: [10_100, 8 * 1024] };

const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;
const wasm = gzipped(readFileSync(join(here, 'pkg/windlass_wasm_bg.wasm')));
const bundle = buildSync({
  entryPoints: [join(here, 'js/index.web.js')],
  bundle: true,
  minify: true,
  format: 'esm',
  metafile: true,
  write: false,
});
const js = gzipped(bundle.outputFiles[0].contents);

let grown = false;
for (const [name, size] of Object.entries({ wasm, js })) {
  const [limit, aim] = LIMITS[name];
  grown ||= size > limit;
  console.log(`${name.padEnd(5)} ${String(size).padStart(6)} bytes gzipped; limit ${limit}, aim ${aim}`);
}
console.log('\nminified bytes of the JavaScript, by file');
const [output] = Object.values(bundle.metafile.outputs);
for (const [file, { bytesInOutput }] of Object.entries(output.inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)) {
  console.log(`${String(bytesInOutput).padStart(6)} ${file.split('/').pop()}`);
}
// No module of the host may be wanted: a browser has none.
const wants = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(join(here, 'pkg/windlass_wasm_bg.wasm'))));
const strangers = wants.filter(({ module }) => !module.startsWith('./') && module !== 'wbg');
if (strangers.length > 0) console.error('imports that a browser does not have:', strangers);
process.exit(grown || strangers.length > 0 ? 1 : 0);
