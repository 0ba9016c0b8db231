// The front page's example, run as it stands, with the output that stands below it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as windlass from 'windlass';

test('the example of the README prints what it says', async () => {
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, code] = /```js\n(.*?)```/s.exec(page);
  const [, output] = /```text\n(.*?)```/s.exec(page);
  assert.ok(code.trim().split('\n').length <= 12);
  const body = code.replace(/^import (.*) from 'windlass';$/m, 'const $1 = windlass;');
  assert.notEqual(body, code);
  const printed = [];
  const AsyncFunction = (async () => {}).constructor;
  await new AsyncFunction('windlass', 'console', body)(windlass, { log: (text) => printed.push(text) });
  assert.equal(printed.join('\n'), output);
});
