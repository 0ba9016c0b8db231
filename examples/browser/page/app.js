// The page: buttons, numbers, time line and tree around one run of the job.
// The invariant: at most one drawing a frame, and none while nothing changes; what people hear from the live region are turns of the job, not its numbers.

import { Cursor } from './cursor.js';
import { Gantt } from './gantt.js';
import { Job } from './job.js';
import { Nodes } from './nodes.js';
import init from './pkg/windlass_demo.js';
import { Spans } from './spans.js';
import { Tree, put } from './tree.js';

const $ = (id) => document.getElementById(id);
const PHASES = {
  running: 'Running',
  paused: 'Paused',
  aborting: 'Aborting',
  aborted: 'Aborted',
  failure: 'Failed',
  success: 'Caught up',
};
/** What the job is at, by the child of the root that is at work. */
const STAGES = {
  'archive state': 'Asking how far the archive reaches.',
  'ledger headers': 'Downloading the ledger headers, newest checkpoint first, and checking each against its hash.',
  'ledger chain': 'Following the chain of hashes.',
  replay: 'Downloading transactions and results, oldest checkpoint first, and applying every ledger in order.',
};
/** Troubles that are listed; older ones go. */
const LISTED = 100;
/** A hidden page looks at its news so often, in ms. */
const HIDDEN = 1_000;
const CALM = matchMedia('(prefers-reduced-motion: reduce)');

let job;
let nodes = new Nodes();
let spans = new Spans();
let chosen;
let ended;
let isRestarting = false;
let isDrawing = false;
let phase;
const tree = new Tree($('tree'), (node) => {
  chosen = node;
  draw();
});
const gantt = new Gantt($('gantt'), draw);
gantt.reset(concurrency());
const cursor = new Cursor($('gantt'), {
  bars: () => spans.bars,
  at: (left, top) => job && gantt.at(spans, job.origin, ended ?? performance.now(), left, top),
  moved: () => {
    showBar();
    draw();
  },
});

function concurrency() {
  return Number($('concurrency').value);
}

/** What the server shall do to a download, in its own words. */
function conditions() {
  const failing = Number($('failures').value);
  const slow = $('connection').value === 'slow' ? 1 - failing : 0;
  const list = { 503: failing / 2, cut: failing / 2, slow };
  return Object.entries(list)
    .filter(([, share]) => share > 0)
    .map(([fault, share]) => `${fault}=${share.toFixed(3)}`)
    .join(',');
}

function start() {
  job?.dispose();
  isRestarting = false;
  ended = phase = chosen = undefined;
  nodes = new Nodes();
  spans = new Spans();
  cursor.clear();
  tree.clear();
  gantt.reset(concurrency());
  $('troubles').replaceChildren(item('Nothing so far.'));
  job = new Job({ concurrency: concurrency(), conditions, changed: draw, over });
  draw();
}

function over() {
  ended = performance.now();
  if (isRestarting) start();
  else draw();
}

/** Draws in the next frame; a hidden page has none, and only takes the news. */
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  if (document.hidden || CALM.matches) setTimeout(frame, document.hidden ? HIDDEN : HIDDEN / 4);
  else requestAnimationFrame(frame);
}

function frame() {
  isDrawing = false;
  if (!job) return;
  for (const news of job.news()) {
    const node = nodes.take(news);
    if (!node) continue;
    spans.take(node, news);
    if (news.what === 'retry' || news.what === 'failed') note(node, news);
  }
  if (document.hidden) return;
  if (!chosen && nodes.root) {
    tree.draw(nodes);
    tree.choose(nodes.root);
  }
  const standing = job.standing();
  tree.draw(nodes);
  gantt.draw(spans, job.origin, ended ?? performance.now(), cursor.bar);
  show(standing);
  showChosen();
  // Time goes on while the job runs.
  if (!job.isOver) draw();
}

function show(standing) {
  const { state, paused, wanted, verified, applied } = standing;
  const now = paused && state === 'running' ? 'paused' : state === 'waiting' || state === 'pending' ? 'running' : state;
  if (now === 'running') put($('summary'), sentence(now, standing));
  if (now !== phase) {
    phase = now;
    $('phase').dataset.phase = now;
    put($('phase'), PHASES[now] ?? now);
    put($('summary'), sentence(now, standing));
    $('result').hidden = now !== 'success';
    if (standing.last) {
      put($('ledger'), String(standing.last[0]));
      put($('hash'), standing.last[1]);
    }
    $('gantt').setAttribute('aria-label', `Time line of downloads, checks and applied checkpoints. ${PHASES[now]}.`);
  }
  const seconds = ((ended ?? performance.now()) - job.origin) / 1000;
  put($('elapsed'), `${seconds.toFixed(1)} s`);
  bar('verified', verified, wanted);
  bar('applied', applied, wanted);
  put($('downloads'), count(standing.downloads));
  put($('retries'), count(standing.retries));
  put($('transactions'), count(standing.transactions));
  put($('held'), count(standing.held));
  put($('nodes'), `${standing.nodes}, ${standing.high_water}, ${standing.capacity}`);
  const live = !job.isOver && now !== 'aborting';
  put($('restart'), job.isOver ? 'Start again' : 'Restart');
  put($('pause'), now === 'paused' ? 'Resume' : 'Pause');
  $('restart').disabled = isRestarting;
  $('pause').disabled = !live;
  $('abort').disabled = !live;
}

function sentence(phase, { wanted, applied, transactions, checkpoints, explain, forced }) {
  const so = `${count(applied)} of ${count(wanted)} ledgers were applied`;
  switch (phase) {
    case 'success':
      return `${count(applied)} ledgers in ${count(checkpoints)} checkpoints, with ${count(transactions)} transactions, were verified and applied.`;
    case 'failure':
      return `${explain.replace(/^failed: /, '')}. Until then ${so}.`;
    case 'aborted':
      return `The job was aborted, and ${forced ? `${count(forced)} works did not clean up in time` : 'has cleaned up'}. Until then ${so}.`;
    case 'aborting':
      return 'The downloads under way are being cancelled.';
    case 'paused':
      return 'The job is paused. Downloads under way go on, and wait to be looked at.';
    default:
      return STAGES[stage()] ?? 'The job begins.';
  }
}

function stage() {
  for (const child of nodes.root?.children ?? []) if (!child.isDone && child.state !== 'pending') return child.name;
  return undefined;
}

function showChosen() {
  if (!chosen) return;
  put($('node-name'), chosen.name);
  put($('node-about'), chosen.about ?? '');
  const gone = chosen.isGone ? ', no longer in the table' : '';
  put($('node-state'), chosen.says + gone);
  put($('node-attempt'), chosen.attempt > 1 ? `attempt ${chosen.attempt}` : '');
  const explained = chosen.isGone ? chosen.reason : job.explain(chosen.id);
  put($('node-explain'), explained ? `${capital(explained)}.` : '');
  const live = !job.isOver && !chosen.isGone && !chosen.isDone && chosen.state !== 'aborting';
  put($('node-pause'), chosen.isPaused ? 'Resume this' : 'Pause this');
  $('node-pause').disabled = $('node-abort').disabled = !live;
}

/** Says in words what the bar was that is looked at. */
function showBar() {
  const { bar } = cursor;
  const slider = $('gantt');
  slider.ariaValueMax = String(Math.max(spans.bars.length - 1, 0));
  slider.ariaValueNow = String(Math.max(spans.bars.indexOf(bar), 0));
  slider.ariaValueText = bar ? said(bar) : 'no bar';
  put($('bar'), bar ? said(bar) : 'Point at a bar, or go to one with the arrow keys, to see what it was.');
}

function said({ from, to, fill, name, about, reason }) {
  const took = Math.max(Math.round((to ?? performance.now()) - from), 0);
  const what = { wait: 'waiting its turn', retry: 'waiting to retry' }[fill] ?? name;
  const how = { failed: ', failed', aborted: ', aborted' }[fill] ?? (to ? '' : ', going on');
  return `${[about, what].filter(Boolean).join(': ')}${how}, ${count(took)} ms${reason ? `; ${reason}` : ''}`;
}

function bar(id, value, most) {
  const element = $(id);
  element.max = most || 1;
  element.value = value;
  put($(`${id}-text`), most ? `${count(value)} of ${count(most)}` : '');
}

/** Lists what went wrong, newest first. Only where it began: what failed because of that says nothing new. */
function note(node, { what, detail, at, attempt }) {
  if (what === 'failed' && (node.name === 'download' || node.name === 'check' || node.children.size > 0) && node.parent) return;
  const list = $('troubles');
  if (list.firstElementChild?.className === 'quiet') list.replaceChildren();
  const time = document.createElement('time');
  time.textContent = `${((at - job.origin) / 1000).toFixed(1)} s `;
  const said = what === 'retry' ? `${detail}; attempt ${attempt} follows` : `${node.name} failed: ${detail}`;
  const entry = document.createElement('li');
  entry.append(time, said);
  list.prepend(entry);
  while (list.childElementCount > LISTED) list.lastElementChild.remove();
}

function item(text) {
  const entry = document.createElement('li');
  entry.className = 'quiet';
  entry.textContent = text;
  return entry;
}

function count(number) {
  return number.toLocaleString('en');
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

$('restart').addEventListener('click', () => {
  if (!job || job.isOver) start();
  else {
    isRestarting = true;
    job.abort();
  }
});
$('pause').addEventListener('click', () => (phase === 'paused' ? job.resume() : job.pause()));
$('abort').addEventListener('click', () => job.abort());
$('node-abort').addEventListener('click', () => job.abort(chosen.id));
$('node-pause').addEventListener('click', () => (chosen.isPaused ? job.resume(chosen.id) : job.pause(chosen.id)));
document.addEventListener('visibilitychange', draw);

/** What is no failure of the job's, but of the page. */
function giveUp(title, error) {
  job = undefined;
  $('phase').dataset.phase = 'failure';
  put($('phase'), title);
  put($('summary'), `${error?.message ?? error}. Loading the page again may help.`);
  for (const button of document.querySelectorAll('button')) button.disabled = true;
}

addEventListener('error', (event) => event.error && giveUp('Broken', event.error));
addEventListener('unhandledrejection', (event) => giveUp('Broken', event.reason));
try {
  await init();
  start();
} catch (error) {
  giveUp('Not loaded', error);
}
