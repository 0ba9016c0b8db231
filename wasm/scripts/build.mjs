// Compiles the engine, binds it to JavaScript, and makes it small: cargo, wasm-bindgen, wasm-opt. What is missing is named.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const version = /^wasm-bindgen = "=(.+)"$/m.exec(readFileSync(join(here, '../Cargo.toml'), 'utf8'))[1];

function run(command, args, hint) {
  try {
    execFileSync(command, args, { cwd: here, stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (error) {
    if (error.code === 'ENOENT') console.error(`${command} is not installed: ${hint}`);
    process.exit(1);
  }
}

const install = `cargo install wasm-bindgen-cli --version ${version} --no-default-features`;
const wasmOpt = join(here, 'node_modules/binaryen/bin/wasm-opt');
if (!existsSync(wasmOpt)) {
  console.error('wasm-opt is not installed: npm ci');
  process.exit(1);
}
run('cargo', ['build', '--package', 'windlass-wasm', '--target', 'wasm32-unknown-unknown', '--profile', 'wasm'], 'https://rustup.rs');
const metadata = execFileSync('cargo', ['metadata', '--format-version', '1', '--no-deps'], { cwd: here, maxBuffer: 2 ** 26 });
const target = JSON.parse(metadata).target_directory;
const compiled = join(target, 'wasm32-unknown-unknown/wasm/windlass_wasm.wasm');
run('wasm-bindgen', ['--target', 'bundler', '--out-dir', 'pkg', '--no-typescript', compiled], install);
const module = 'pkg/windlass_wasm_bg.wasm';
// Nothing of Rust's lies in the lowest kilobyte, which is the far end of the stack.
run(process.execPath, [wasmOpt, '-O3', '--low-memory-unused', '--strip-producers', '--strip-target-features', module, '-o', module], 'npm ci');
