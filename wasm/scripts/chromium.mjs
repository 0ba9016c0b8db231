// Bundles a module, serves it under a strict content security policy, and calls what it exports in a page of headless Chromium.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** What `exported(...args)` of the module gives, which must be plain data. `files` are served besides, by path. */
export async function inChromium(entry, exported, args, files = {}) {
  const bundle = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    format: 'esm',
    write: false,
    platform: 'browser',
    alias: { windlass: join(here, 'js/index.web.js') },
  });
  const served = {
    '/': ['text/html', '<!doctype html><title>windlass</title>'],
    '/bundle.js': ['text/javascript', bundle.outputFiles[0].text],
    '/pkg/windlass_wasm_bg.wasm': ['application/wasm', readFileSync(join(here, 'pkg/windlass_wasm_bg.wasm'))],
    ...files,
  };
  const server = createServer(({ url }, answer) => {
    // Asked for by those who want to wait.
    if (url === '/never') return;
    const [type, body] = served[url] ?? ['text/plain', undefined];
    answer.writeHead(body === undefined ? 404 : 200, { 'content-type': type, 'content-security-policy': POLICY });
    answer.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--js-flags=--expose-gc'],
  });
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const result = await page.evaluate(
      ([exported, args]) => import('/bundle.js').then((module) => module[exported](...args)),
      [exported, args],
    );
    if (errors.length > 0) throw new AggregateError(errors, 'the page has thrown');
    return result;
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}
