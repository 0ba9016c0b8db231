// The names that come from Rust, and those of the types.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CAUSES, ERRORS, EVENTS, JITTERS, STATES, STATUSES } from '../js/numbers.js';

const types = readFileSync(new URL('../js/index.d.ts', import.meta.url), 'utf8');
/** The strings that stand between two texts of the types. */
function named(from, to) {
  const [, after] = types.split(from);
  return [...after.split(to)[0].matchAll(/'(\w+)'/g)].map(([, name]) => name);
}

for (const [type, from, to, names] of [
  ['State', 'type State =', ';', STATES],
  ['Status', 'type Status =', ';', STATUSES],
  ['AbortCause', 'type AbortCause =', ';', CAUSES],
  ['jitter', 'jitter?:', ';', JITTERS],
  ['code', 'readonly code:', ';', [...Object.keys(ERRORS), 'disposed']],
]) {
  test(`the type of ${type} has the engine's names`, () => assert.deepEqual(named(from, to), names));
}

test('each event of the engine has its type', () => {
  for (const name of EVENTS) assert.ok(types.includes(`  ${name}: EventBase<'${name}'>`), name);
});
