// Clicks through the demo page in Chromium: node demo.mjs ADDRESS CATCHUP ARCHIVE
// ADDRESS serves the page; CATCHUP is the program for hosts, and ARCHIVE the directory of the same archive: both must come to the same last ledger.
// It waits for conditions, never for a time; each wait is bounded.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { gunzipSync, gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const [address, catchup, archive] = process.argv.slice(2);
if (!archive) {
  console.error('usage: node demo.mjs ADDRESS CATCHUP ARCHIVE');
  process.exit(2);
}
const PATIENCE = 60_000;

const said = execFileSync(catchup, ['run', '--archive', archive, '--progress', 'none'], { encoding: 'utf8' });
const [, ledger, hash] = /to (\d+), hash ([0-9a-f]{64})/.exec(said);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
});

/** A page on which nothing has gone wrong but what was asked for. */
async function open(options) {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) errors.push(message.text());
  });
  await page.goto(address);
  return { page, errors };
}

const phase = (page, name) => page.waitForSelector(`#phase[data-phase="${name}"]`);
const number = async (page, id) => Number((await page.textContent(`#${id}`)).replace(/\D/g, ''));

async function arrives(page) {
  await phase(page, 'success');
  assert.equal(await page.textContent('#hash'), hash);
  assert.equal(await page.textContent('#ledger'), ledger);
  assert.equal(await page.getAttribute('#applied', 'max'), ledger);
  assert.equal(await page.$eval('#applied', (bar) => bar.value === bar.max), true);
  assert.equal(await page.$eval('#verified', (bar) => bar.value === bar.max), true);
}

const steps = {
  async 'arrives where the program for hosts does'(page) {
    await arrives(page);
    assert.equal(await page.locator('[role=treeitem]').count(), 6);
    assert.equal(await page.textContent('#restart'), 'Start again');
    assert.equal(await page.isDisabled('#abort'), true);
    assert.equal(await page.textContent('#held'), '0');
  },

  async 'pauses, and goes on'(page) {
    await page.click('#restart');
    await phase(page, 'running');
    await page.waitForFunction(() => document.querySelector('#verified').max > 1);
    await page.click('#pause');
    await phase(page, 'paused');
    assert.equal(await page.textContent('#pause'), 'Resume');
    const before = await number(page, 'downloads');
    await page.click('#node-pause:has-text("Resume this")');
    await phase(page, 'running');
    await arrives(page);
    assert.ok((await number(page, 'downloads')) > before);
  },

  async 'cures failed downloads by trying again'(page) {
    await page.selectOption('#failures', '0.1');
    await page.click('#restart');
    await page.waitForFunction(() => document.querySelector('#retries').textContent !== '0');
    await page.waitForSelector('#troubles li:not(.quiet)');
    await arrives(page);
    assert.equal(await number(page, 'downloads'), 1 + 3 * 48 + (await number(page, 'retries')));
  },

  async 'fails, and says why, when all downloads do'(page) {
    await page.selectOption('#failures', '1');
    await page.click('#restart');
    await phase(page, 'failure');
    assert.match(await page.textContent('#summary'), /stellar-history\.json.*(503|ended|bytes)/);
    assert.equal(await page.isHidden('#result'), true);
    await page.selectOption('#failures', '0');
    await page.click('#restart');
    await arrives(page);
  },

  async 'aborts, cleans up, and starts again'(page) {
    // Downloads that never end by themselves: the abort must end them.
    await page.route('**/ledger/**', () => {});
    await page.click('#restart');
    await page.waitForSelector('.row:has-text("download")');
    await page.click('#abort');
    await phase(page, 'aborted');
    assert.match(await page.textContent('#summary'), /has cleaned up/);
    assert.equal(await page.isDisabled('#pause'), true);
    await page.unroute('**/ledger/**');
    await page.click('#restart');
    await phase(page, 'running');
    // In the middle of a run: what is there ends first.
    await page.waitForSelector('.row:has-text("download")');
    await page.click('#restart');
    await arrives(page);
  },

  async 'notices what was tampered with'(page) {
    const name = 'results-0000007f.xdr.gz';
    let asked = 0;
    await page.route(`**/${name}*`, async (route) => {
      asked += 1;
      const response = await route.fetch();
      const records = gunzipSync(await response.body());
      records[records.length >> 1] ^= 1;
      await route.fulfill({ response, body: gzipSync(records) });
    });
    await page.click('#restart');
    await phase(page, 'failure');
    await page.unroute(`**/${name}*`);
    assert.ok((await page.textContent('#summary')).includes(name));
    assert.equal(asked, 6);
    // The checkpoint before is the last that was applied.
    assert.equal(await page.$eval('#applied', (bar) => bar.value), 63);
  },

  async 'is walked through with keys, and one work can be aborted'(page) {
    await page.click('#restart');
    await page.waitForSelector('.row:has-text("ledger headers")[data-state=running]');
    await page.focus('.row[aria-selected=true]');
    assert.equal(await page.textContent('#node-name'), 'catch up');
    for (const name of ['archive state', 'ledger headers']) {
      await page.keyboard.press('ArrowDown');
      await page.waitForFunction((name) => document.querySelector('#node-name').textContent === name, name);
    }
    await page.waitForSelector('#node-abort:enabled');
    await page.focus('#node-abort');
    await page.keyboard.press('Enter');
    await phase(page, 'failure');
    assert.match(await page.textContent('#summary'), /abort/i);
  },

  async 'keeps up with a thousand nodes'(page) {
    await page.selectOption('#concurrency', '80');
    await page.selectOption('#connection', 'fast');
    await page.click('#restart');
    await arrives(page);
    assert.match(await page.textContent('#nodes'), /, 966$/);
  },

  async 'has a time line that is walked through with keys'(page) {
    const canvas = page.locator('#gantt');
    const looked = async (key) => {
      await page.keyboard.press(key);
      const text = await canvas.getAttribute('aria-valuetext');
      assert.equal(await page.textContent('#bar'), text);
      return text;
    };
    await canvas.focus();
    const first = await looked('ArrowRight');
    assert.match(first, /^archive state, [0-9,]+ ms$/);
    const headers = await looked('ArrowDown');
    assert.match(headers, /^ledger-.*: download, [0-9,]+ ms$/);
    assert.match(await looked('ArrowRight'), /^ledger-.*: (check|download), [0-9,]+ ms$/);
    assert.equal(await looked('ArrowLeft'), headers);
    assert.match(await looked('End'), /: apply, [0-9,]+ ms$/);
    const last = Number(await canvas.getAttribute('aria-valuenow'));
    assert.equal(last, Number(await canvas.getAttribute('aria-valuemax')));
    assert.ok(last > 3 * 48);
    assert.equal(await looked('Home'), first);
    assert.equal(await looked('ArrowUp'), first);
  },
};

try {
  const { page, errors } = await open({ viewport: { width: 1280, height: 900 } });
  for (const [name, step] of Object.entries(steps)) {
    await step(page);
    assert.deepEqual(errors, []);
    console.log(`ok  ${name}`);
  }
  for (const width of [360, 1280]) {
    const narrow = await open({ viewport: { width, height: 800 }, colorScheme: 'dark' });
    await phase(narrow.page, 'success');
    const wide = await narrow.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px of contents on ${width} px`);
    assert.deepEqual(narrow.errors, []);
    await narrow.page.close();
  }
  console.log('ok  fits a phone and a desk');
} finally {
  await browser.close();
}
