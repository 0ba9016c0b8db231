// `npm run bench`: nanoseconds a task in Node and in headless Chromium, against the queues that people use. `--node` leaves the browser out.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure } from './tasks.mjs';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const SIZES = [
  [10_000, 25],
  [100_000, 5],
];

function show(place, n, rounds, results) {
  const ours = results['windlass, batch'];
  console.log(`\n${place}: ${n} tasks, 64 at once, median of ${rounds} rounds`);
  for (const [name, ns] of Object.entries(results)) {
    console.log(`${name.padEnd(30)} ${ns.toFixed(0).padStart(6)} ns a task ${(ns / ours).toFixed(1).padStart(6)} x`);
  }
}

/** Bundles the benchmark, serves it under a strict policy, and lets Chromium run it. */
async function inChromium(n, rounds) {
  const { build } = await import('esbuild');
  const { chromium } = await import('playwright-core');
  const bundle = await build({
    entryPoints: [join(here, 'bench/tasks.mjs')],
    bundle: true,
    format: 'esm',
    write: false,
    conditions: ['browser'],
    platform: 'browser',
    alias: { windlass: join(here, 'js/index.web.js') },
  });
  const files = {
    '/': ['text/html', '<!doctype html><title>bench</title>'],
    '/tasks.js': ['text/javascript', bundle.outputFiles[0].text],
    '/windlass_wasm_bg.wasm': ['application/wasm', readFileSync(join(here, 'pkg/windlass_wasm_bg.wasm'))],
  };
  const server = createServer(({ url }, answer) => {
    const [type, body] = files[url] ?? ['text/plain', undefined];
    answer.writeHead(body === undefined ? 404 : 200, {
      'content-type': type,
      'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
    });
    answer.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--js-flags=--expose-gc'],
  });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return await page.evaluate(([n, rounds]) => import('/tasks.js').then(({ measure }) => measure(n, rounds)), [n, rounds]);
  } finally {
    await browser.close();
    server.close();
  }
}

for (const [n, rounds] of SIZES) {
  show(`Node ${process.versions.node}`, n, rounds, await measure(n, rounds));
  if (!process.argv.includes('--node')) show('Chromium', n, rounds, await inChromium(n, rounds));
}
