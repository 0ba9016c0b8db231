// `npm run test:browser`: the package in a page and in a worker of headless Chromium, under a strict content security policy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inChromium } from '../../scripts/chromium.mjs';

const EXPECTED = {
  answered: [2, 'hello'],
  aborted: [1, 'enough'],
  failed: [true, 'bad failed: no', true],
  yields: [50, 50, 50],
};
const FILES = {
  '/hello.txt': ['text/plain', 'hello'],
  '/worker.js': ['text/javascript', "import { inPlace } from '/bundle.js'; postMessage(await inPlace());"],
};

for (const place of ['inPlace', 'inWorker']) {
  test(place, async () => assert.deepEqual(await inChromium('tests/browser/page.mjs', place, [], FILES), EXPECTED));
}
