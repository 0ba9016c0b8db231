// The golden traces in Node and in headless Chromium. What is missing is named; `--node` and `--chromium` leave the other out.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const driver = process.env.CHROMEDRIVER ?? '/usr/bin/chromedriver';
const runs = [];
if (!process.argv.includes('--chromium')) runs.push(['Node', {}]);
if (!process.argv.includes('--node')) {
  if (!existsSync(driver)) {
    console.error('chromedriver is not installed: install Chromium with its driver, or set CHROMEDRIVER');
    process.exit(1);
  }
  runs.push(['Chromium', { WASM_BINDGEN_USE_BROWSER: '1', CHROMEDRIVER: driver }]);
}
for (const [place, settings] of runs) {
  console.log(`golden traces in ${place}`);
  const { status, error } = spawnSync(
    'cargo',
    ['test', '--package', 'windlass-wasm', '--target', 'wasm32-unknown-unknown', '--test', 'golden'],
    {
      cwd: here,
      stdio: 'inherit',
      env: { ...process.env, CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: 'wasm-bindgen-test-runner', ...settings },
    },
  );
  if (error) console.error(error.message);
  if (status !== 0) process.exit(1);
}
