// The errors that nodes point to: kept while one does, forgotten when none does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Faults } from '../js/faults.js';
import { NODE_ROW_ERROR, NODE_ROW_LENGTH } from '../js/numbers.js';

test('errors are forgotten when no node points to them any more', () => {
  const faults = new Faults();
  const numbers = Array.from({ length: 1000 }, (_, i) => faults.keep(new Error(`number ${i}`)));
  const row = new Float64Array(NODE_ROW_LENGTH);
  row[NODE_ROW_ERROR] = numbers[500];
  const nodes = { labels: [{ extra: { error: numbers[7], failure: 0 } }, undefined, {}] };
  faults.sweep({ rows: () => row }, nodes);
  assert.equal(faults.message(numbers[500]), 'number 500', 'the engine shows it');
  assert.equal(faults.message(numbers[7]), 'number 7', 'its node has not been cranked since');
  assert.equal(faults.reason(numbers[8]), undefined);
});
