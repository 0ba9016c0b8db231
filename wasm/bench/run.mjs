// `npm run bench`: nanoseconds a task in Node and in headless Chromium, against the queues that people use. `--node` leaves the browser out.

import { inChromium } from '../scripts/chromium.mjs';
import { measure } from './tasks.mjs';

const SIZES = [
  [10_000, 100],
  [100_000, 5],
];

function show(place, n, rounds, results) {
  const ours = results['windlass, batch'];
  console.log(`\n${place}: ${n} tasks, 64 at once, median of ${rounds} rounds`);
  for (const [name, ns] of Object.entries(results)) {
    console.log(`${name.padEnd(30)} ${ns.toFixed(0).padStart(6)} ns a task ${(ns / ours).toFixed(1).padStart(6)} x`);
  }
}

for (const [n, rounds] of SIZES) {
  show(`Node ${process.versions.node}`, n, rounds, await measure(n, rounds));
  if (!process.argv.includes('--node')) show('Chromium', n, rounds, await inChromium('bench/tasks.mjs', 'measure', [n, rounds]));
}
