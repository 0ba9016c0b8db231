// The JavaScript of the guide, run as it stands: each program prints the text that stands below it. `cargo xtask test --only js` runs this, once the
// package is built.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as windlass from '../../wasm/js/index.node.js';

const page = readFileSync(new URL('browsers.md', import.meta.url), 'utf8');
const AsyncFunction = (async () => {}).constructor;
const programs = [...page.matchAll(/```js\n(.*?)```\n\n```text\n(.*?)```/gs)];

test('each program of the chapter has its output below it', () => {
  assert.equal(programs.length, page.split('```js\n').length - 1);
  assert.ok(programs.length > 0);
});

for (const [nth, [, code, output]] of programs.entries()) {
  test(`program ${nth + 1} of the chapter prints what it says`, async () => {
    const body = code.replace(/^import (.*) from 'windlass';$/m, 'const $1 = windlass;');
    assert.notEqual(body, code);
    const printed = [];
    await new AsyncFunction('windlass', 'console', body)(windlass, { log: (text) => printed.push(`${text}`.trimEnd()) });
    assert.equal(`${printed.join('\n')}\n`, output);
  });
}
