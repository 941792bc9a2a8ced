// The live page of the stampede, in a real browser. Run by `cargo xtask ci browser`.
//
// STAMPEDE is the program, CHROMIUM the browser, WORK a folder that holds node_modules and receives
// the database and the screenshots. FRAMES is how many frames of full load are watched.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';
import {after, afterEach, before, beforeEach, test} from 'node:test';

const {STAMPEDE, CHROMIUM, FRAMES = '50'} = process.env;
const work = resolve(process.env.WORK);
const {chromium} = createRequire(join(work, 'package.json'))('playwright-core');
const PATIENCE = 60_000;

let server, browser, page, problems;

// Starts the program; resolves to its address.
async function serve(port = 0) {
  const child = spawn(STAMPEDE, [`--serve=${port}`, '--database', join(work, 'page.sqlite')],
    {stdio: ['ignore', 'pipe', 'inherit']});
  const address = await new Promise((found, failed) => {
    let text = '';
    child.stdout.on('data', part => {
      text += part;
      const match = /http:\S+/.exec(text);
      if (match) found(match[0]);
    });
    child.on('exit', code => failed(new Error(`the program ended with ${code}: ${text}`)));
    child.on('error', failed);
  });
  return {child, address};
}

async function stop({child}) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise(done => child.once('exit', done));
  child.kill('SIGINT');
  await ended;
}

async function open(options = {}) {
  const context = await browser.newContext({viewport: {width: 1200, height: 900}, ...options});
  const opened = await context.newPage();
  opened.setDefaultTimeout(PATIENCE);
  opened.on('pageerror', error => problems.push(error));
  opened.on('request', request => {
    if (!request.url().startsWith(server.address)) problems.push(new Error(request.url()));
  });
  await opened.goto(server.address);
  await live(opened);
  return opened;
}

const live = one => one.locator('#state', {hasText: /^live$/}).waitFor();
const choose = (one, name) => one.getByLabel(name, {exact: true}).check();
const tile = (one, name) => one.locator(`#tiles > div:has(small:text-is("${name}")) b`);
const number = text => Number(text.replaceAll(',', '').replace('/s', ''));

// Waits until the number in a tile is as it should be.
async function until(one, name, isRight) {
  for (const deadline = Date.now() + PATIENCE; ;) {
    const text = await tile(one, name).textContent();
    if (isRight(number(text))) return;
    assert.ok(Date.now() < deadline, `${name} stays at ${text}`);
    await frames(one, 1);
  }
}

// Waits for so many frames more.
async function frames(one, more) {
  const before = await one.evaluate(() => seen.frames);
  await one.waitForFunction(least => seen.frames >= least, before + more, {timeout: PATIENCE});
}

// Sets a slider, as a hand would, and waits until the server says the same.
async function slide(one, id, value) {
  await one.locator('#' + id).fill(String(value));
  await one.waitForFunction(([id, value]) => settings[id] === value, [id, value]);
}

before(async () => {
  server = await serve();
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});

beforeEach(async () => {
  problems = [];
  page = await open();
  for (const [id, value] of [['load', 400], ['skew', 10], ['work', 50], ['disconnects', 0]]) {
    await slide(page, id, value);
  }
  await choose(page, 'off');
  await choose(page, 'none');
  await choose(page, 'callers');
  await page.waitForFunction(() =>
    settings.coalescing === 0 && settings.cache === 0 && settings.driver === 0);
});

after(async () => {
  await browser?.close();
  if (server) await stop(server);
});

afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  assert.deepEqual(problems, []);
});

test('coalescing in the process cuts the queries', async () => {
  await until(page, 'queries', queries => queries > 100);
  await choose(page, 'in the process');
  await slide(page, 'work', 500);
  await until(page, 'queries', queries => queries > 0 && queries < 100);
  await page.locator('#flights li', {hasText: /\d+ followers/}).first().waitFor();
  await until(page, 'errors', errors => errors === 0);
});

test('the layer coalesces, by callers and by tasks', async () => {
  await choose(page, 'by the layer');
  await slide(page, 'load', 1_000);
  await slide(page, 'work', 500);
  for (const driver of ['callers', 'a task']) {
    await choose(page, driver);
    await until(page, 'queries', queries => queries > 0 && queries < 100);
    await page.locator('#flights li', {hasText: /\d+ followers/}).first().waitFor();
    await until(page, 'errors', errors => errors === 0);
  }
});

test('each process has a row, and between them a key is queried for once', async t => {
  assert.equal(await page.locator('#rows tr').count(), 3);
  // All for one key: a query takes half a second, so three processes ask for six a second by
  // themselves, and for two together.
  await slide(page, 'skew', 30);
  await slide(page, 'work', 500);
  await slide(page, 'load', 1_000);
  await choose(page, 'between processes');
  await frames(page, 1);
  if (/there is no/.test(await page.locator('#said').textContent())) {
    return t.skip('there is no Redis');
  }
  const rows = page.locator('#rows tr');
  const followed = async row => number(await rows.nth(row).locator('td').nth(4).textContent());
  for (const driver of ['callers', 'a task']) {
    await choose(page, driver);
    for (const row of [0, 1, 2]) {
      for (const deadline = Date.now() + PATIENCE; !(await followed(row) > 100);) {
        assert.ok(Date.now() < deadline, `process ${row + 1} does not follow`);
        await frames(page, 1);
      }
    }
    await until(page, 'errors', errors => errors === 0);
  }
});

test('a cache spares queries, and coalescing those of what expires', async () => {
  await choose(page, 'for a second');
  await slide(page, 'load', 1_000);
  await until(page, 'cache hits', hits => hits > 500);
  await until(page, 'queries', queries => queries < 500);
  await choose(page, 'in the process');
  await until(page, 'cache hits', hits => hits > 500);
  await choose(page, 'none');
  await until(page, 'cache hits', hits => hits === 0);
});

test('each slider acts', async () => {
  await choose(page, 'in the process');
  await slide(page, 'load', 100);
  await until(page, 'requests', requests => requests > 0 && requests < 200);
  await slide(page, 'disconnects', 100);
  await until(page, 'clients left', left => left > 0);
  await slide(page, 'disconnects', 0);
  // All for one key: one flight, and never more than two queries beside it in a fifth of a second.
  await slide(page, 'load', 1_000);
  await slide(page, 'work', 500);
  await slide(page, 'skew', 30);
  await page.locator('#flights li', {hasText: /^item-1process/}).first().waitFor();
  await slide(page, 'load', 0);
  await until(page, 'requests open', open => open === 0);
});

test('a leader that is killed hands over, and a task is not killed with its client', async () => {
  await choose(page, 'in the process');
  await slide(page, 'work', 500);
  await slide(page, 'load', 1_000);
  await page.locator('#flights li', {hasText: /\d+ followers/}).first().waitFor();
  const before = number(await tile(page, 'handed over').textContent());
  // One that lands in that very moment has left by itself.
  const handedOver = async () => number(await tile(page, 'handed over').textContent());
  for (const deadline = Date.now() + PATIENCE; !(await handedOver() > before);) {
    assert.ok(Date.now() < deadline, 'nothing is handed over');
    await page.getByRole('button', {name: 'Kill a leader'}).click();
    await page.locator('#said', {hasText: /The client that led item-\d+ /}).waitFor();
    await frames(page, 3);
  }
  await choose(page, 'a task');
  await page.waitForFunction(() => settings.driver === 1);
  // The flights that callers drove have landed when their requests have.
  await slide(page, 'load', 0);
  await until(page, 'requests open', open => open === 0);
  await slide(page, 'load', 1_000);
  await page.locator('#flights li', {hasText: /\d+ followers/}).first().waitFor();
  const driven = number(await tile(page, 'handed over').textContent());
  await page.getByRole('button', {name: 'Kill a leader'}).click();
  await slide(page, 'load', 0);
  await until(page, 'requests open', open => open === 0);
  assert.equal(number(await tile(page, 'handed over').textContent()), driven);
});

test('with nothing in flight there is nothing to kill', async () => {
  await slide(page, 'load', 0);
  await until(page, 'requests open', open => open === 0);
  await page.getByRole('button', {name: 'Kill a leader'}).click();
  await page.locator('#said', {hasText: 'no flight that others could join'}).waitFor();
});

test('a reload keeps what was set and what was drawn', async () => {
  await choose(page, 'in the process');
  await slide(page, 'load', 650);
  await frames(page, 15);
  await page.reload();
  await live(page);
  assert.ok(await page.getByLabel('in the process').isChecked());
  assert.equal(await page.locator('#load').inputValue(), '650');
  await frames(page, 1);
  const line = await page.locator('svg[role=img] path').first().getAttribute('d');
  assert.ok(line.match(/[ML]/g).length > 15, line);
});

test('two pages at once show the same', async () => {
  const other = await open();
  await choose(page, 'in the process');
  await choose(other, 'a task');
  await slide(other, 'skew', 7);
  for (const one of [page, other]) {
    await one.waitForFunction(() =>
      settings.coalescing === 1 && settings.driver === 1 && settings.skew === 7);
    assert.ok(await one.getByLabel('in the process').isChecked());
    assert.ok(await one.getByLabel('a task').isChecked());
    assert.equal(await one.locator('output[for=skew]').textContent(), '0.7');
  }
});

test('everything can be reached and set by keyboard', async () => {
  const reached = new Set();
  await page.locator('body').press('Tab');
  for (let presses = 0; presses < 16; presses++) {
    reached.add(await page.evaluate(() => document.activeElement.name || document.activeElement.id));
    await page.keyboard.press('Tab');
  }
  for (const control of ['coalescing', 'cache', 'driver', 'load', 'skew', 'work', 'disconnects', 'kill']) {
    assert.ok(reached.has(control), `${control} is not among ${[...reached]}`);
  }
  await page.getByLabel('off').focus();
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => settings.coalescing === 1);
  await page.locator('#load').focus();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => settings.load === 450);
});

test('what is not known is refused, and so are other sites', async () => {
  const ask = (path, headers) => page.evaluate(async ([path, headers]) =>
    (await fetch(path, {method: 'POST', headers})).status, [path, headers]);
  const ours = {'x-stampede': '1'};
  assert.equal(await ask('/set/load/100', {}), 403);
  assert.equal(await ask('/set/load/9999', ours), 400);
  assert.equal(await ask('/set/colour/1', ours), 400);
  assert.equal(await page.locator('#load').inputValue(), '400');
});

test('it is readable in light and dark and on a phone', async () => {
  await choose(page, 'in the process');
  await slide(page, 'load', 1_000);
  await frames(page, 40);
  await page.screenshot({path: join(work, 'light.png'), fullPage: true});
  const dark = await open({colorScheme: 'dark'});
  const phone = await open({viewport: {width: 360, height: 740}, deviceScaleFactor: 2, hasTouch: true});
  await frames(phone, 2);
  const backs = [];
  for (const one of [page, dark]) {
    backs.push(await one.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  assert.notEqual(...backs);
  await dark.screenshot({path: join(work, 'dark.png'), fullPage: true});
  await phone.screenshot({path: join(work, 'phone.png'), fullPage: true});
  const beside = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(beside, 0, 'the page is wider than the phone');
  const clipped = await page.evaluate(() => [...document.querySelectorAll('svg text')]
    .filter(text => text.getBBox().x < 0).map(text => text.textContent));
  assert.deepEqual(clipped, []);
  for (const label of await phone.locator('#charts svg[role=img]').all()) {
    assert.match(await label.getAttribute('aria-label'), /over the last 60 s: .* \S+/);
  }
});

test('under full load no frame of the feed is dropped', async () => {
  await choose(page, 'in the process');
  await slide(page, 'load', 5_000);
  await frames(page, 5);
  const rates = [];
  const first = await page.evaluate(() => seen.frames);
  while (await page.evaluate(() => seen.frames) < first + Number(FRAMES)) {
    await frames(page, 1);
    rates.push(number(await tile(page, 'requests').textContent()));
  }
  const {lost, hellos} = await page.evaluate(() => seen);
  assert.deepEqual([lost, hellos], [0, 1]);
  const mean = Math.round(rates.reduce((sum, rate) => sum + rate, 0) / rates.length);
  console.log(`${FRAMES} frames, none lost, ${mean} requests/s`);
});

test('a server that goes away is told, and one that comes back is taken up', async () => {
  const port = new URL(server.address).port;
  await slide(page, 'load', 500);
  await page.locator('#load').focus();
  await stop(server);
  await page.locator('#state.away', {hasText: 'away'}).waitFor();
  assert.ok(await page.locator('#load').isDisabled());
  // Meanwhile somebody else answers there, after which a browser by itself does not try again.
  const other = createServer((_, answer) => answer.writeHead(404).end()).listen(port, '127.0.0.1');
  await once(other, 'request');
  await page.waitForFunction(() => feed.readyState === EventSource.CLOSED);
  other.closeAllConnections();
  other.close();
  await once(other, 'close');
  server = await serve(port);
  await live(page);
  await page.waitForFunction(() => settings.load === 400);
  assert.ok(await page.locator('#load').isEnabled());
  assert.equal(await page.evaluate(() => document.activeElement.id), 'load');
  await frames(page, 3);
});

// A browser has six connections for all pages of a server.
test('a page that nobody sees keeps no connection', async () => {
  const hide = isHidden => page.evaluate(isHidden => {
    Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  await hide(true);
  assert.equal(await page.evaluate(() => feed.readyState), 2);
  const other = await open();
  await slide(other, 'load', 650);
  await hide(false);
  await page.waitForFunction(() => settings.load === 650);
  await frames(page, 3);
});
