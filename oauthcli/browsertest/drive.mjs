// Drives the whole login in headless Chromium, in light and in dark:
//
//     CONNIX_BROWSER=/usr/bin/chromium node drive.mjs PROGRAM [FOLDER FOR SCREENSHOTS]
//
// PROGRAM is browsertest, built. Every page is looked at: it has a heading, is
// not blank, has no accessibility violation that axe knows, fits a small
// screen, loads nothing from elsewhere and writes no error to the console.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {chromium} from 'playwright-core';

const [program, screenshots] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const app = 'Example <Deploy> Tool';
const deadline = 60_000;

// A started program: next() is its next line, end() its exit code.
const running = new Set();
function start(...args) {
  const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit']});
  running.add(child);
  child.on('exit', () => running.delete(child));
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();
  const exit = new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject));
  return {
    async next() {
      const {value, done} = await lines.next();
      assert(!done, 'the program ended early');
      return JSON.parse(value);
    },
    end: () => exit,
  };
}

// A page, and all that is wrong with it.
async function open(browser, colorScheme, expectedErrors = 0) {
  const context = await browser.newContext({colorScheme, viewport: {width: 1280, height: 800}});
  const page = await context.newPage();
  page.setDefaultTimeout(deadline);
  const bad = [];
  page.on('console', m => m.type() === 'error' && bad.push('console: ' + m.text()));
  page.on('pageerror', e => bad.push('page error: ' + e.message));
  page.on('requestfailed', r => bad.push('failed: ' + r.url().split('?')[0] + ' ' + r.failure()?.errorText));
  page.on('request', r => new URL(r.url()).hostname === '127.0.0.1' || r.url() === 'data:,' || bad.push('external: ' + r.url()));
  return {
    page,
    async close() {
      await context.close();
      assert.equal(bad.length, expectedErrors, bad.join('\n'));
    },
  };
}

async function inspect(page, name, scheme, heading) {
  assert.equal(await page.getByRole('heading', {level: 1}).innerText(), heading);
  assert((await page.locator('body').innerText()).length > 60, `${name}: the page is nearly blank`);
  // Evaluated by the debugger, so that the page's own policy stays in force.
  await page.evaluate(axeSource);
  const {violations, passes} = await page.evaluate(() => axe.run(document));
  assert.deepEqual(violations.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.html).join(' ')}`), [], name);
  assert(passes.some(p => p.id === 'color-contrast'), `${name}: the contrast was not measured`);
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).every(c => c < 60));
  assert.equal(dark, scheme === 'dark', `${name}: the page does not follow the colour scheme`);
  const picture = await page.screenshot(screenshots ? {path: join(screenshots, `${name}-${scheme}.png`), fullPage: true} : {});
  assert(picture.length > 8_000, `${name}: the picture is blank`);
  await page.setViewportSize({width: 320, height: 640});
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(overflow <= 0, `${name}: ${overflow} pixels do not fit a small screen`);
  if (screenshots) await page.screenshot({path: join(screenshots, `${name}-${scheme}-small.png`), fullPage: true});
  await page.setViewportSize({width: 1280, height: 800});
}

async function consent(page, url, scheme) {
  await page.goto(url);
  await inspect(page, 'consent', scheme, `Allow ${app} to use your Connix account?`);
  const asks = await page.getByRole('listitem').allInnerTexts();
  assert(asks.some(t => t.includes('read')) && asks.some(t => t.includes('write')), 'the scopes are not shown');
}

const button = (page, name) => page.getByRole('button', {name, exact: true});

const scenarios = {
  async allow(browser, scheme) {
    const p = start();
    const {page, close} = await open(browser, scheme);
    await consent(page, (await p.next()).url, scheme);
    await button(page, 'Allow').click();
    await inspect(page, 'allowed', scheme, `${app} is logged in`);
    assert.deepEqual(await p.next(), {hello: 'Hello Gopher! Welcome to Connix API v1'});
    await close();
    return p;
  },

  async 'allow by keyboard'(browser, scheme) {
    const p = start();
    const {page, close} = await open(browser, scheme);
    await page.goto((await p.next()).url);
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => [document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]);
    assert.deepEqual(outline, ['Allow', 'solid'], 'the first stop of the keyboard');
    await page.keyboard.press('Enter');
    await page.getByText(`${app} is logged in`).waitFor();
    assert('hello' in await p.next());
    await close();
    return p;
  },

  async deny(browser, scheme) {
    const p = start();
    const {page, close} = await open(browser, scheme);
    await consent(page, (await p.next()).url, scheme);
    await button(page, 'Deny').click();
    await inspect(page, 'denied', scheme, `${app} is not logged in`);
    await page.getByText('Access was denied.').waitFor();
    assert.equal((await p.next()).code, 'access_denied');
    await close();
    return p;
  },

  async 'tampered state'(browser, scheme) {
    const p = start();
    // The refusal is an answer of 400, which the browser notes on its console.
    const {page, close} = await open(browser, scheme, 1);
    const {url} = await p.next();
    const tampered = new URL(url);
    tampered.searchParams.set('state', 'of-another-login');
    await page.goto(tampered.href);
    const answered = page.waitForResponse(r => r.url().includes('/callback'));
    await button(page, 'Allow').click();
    assert.equal((await answered).status(), 400);
    await inspect(page, 'tampered', scheme, `${app} is not logged in`);
    await page.getByText('belongs to another login').waitFor();
    // The login itself goes on.
    await page.goto(url);
    await button(page, 'Allow').click();
    await page.getByText(`${app} is logged in`).waitFor();
    assert('hello' in await p.next());
    await close();
    return p;
  },

  async 'expired code'(browser, scheme) {
    const p = start('expired');
    const {page, close} = await open(browser, scheme);
    await consent(page, (await p.next()).url, scheme);
    await button(page, 'Allow').click();
    await inspect(page, 'expired', scheme, `${app} is not logged in`);
    await page.getByText('the code has expired').waitFor();
    assert.equal((await p.next()).code, 'invalid_grant');
    await close();
    return p;
  },

  async 'used consent page'(browser, scheme) {
    const p = start();
    const {page, close} = await open(browser, scheme, 1); // the refusal's 403
    await page.goto((await p.next()).url);
    // The same form, sent before by another tab of the same browser.
    const form = await page.locator('form').evaluate(f => [f.action, new URLSearchParams(new FormData(f)).toString()]);
    const first = await page.request.post(form[0], {
      form: {...Object.fromEntries(new URLSearchParams(form[1])), decision: 'deny'}, maxRedirects: 0,
    });
    assert.equal(first.status(), 303);
    await button(page, 'Allow').click();
    await inspect(page, 'used', scheme, 'This does not work');
    await page.request.get(first.headers().location);
    assert.equal((await p.next()).code, 'access_denied');
    await close();
    return p;
  },
};

const browser = await chromium.launch({executablePath: process.env.CONNIX_BROWSER, args: ['--no-sandbox', '--disable-dev-shm-usage']});
let failed = 0;
let passed = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  for (const scheme of ['light', 'dark']) {
    const began = Date.now();
    try {
      const p = await scenario(browser, scheme);
      assert.equal(await p.end(), 0, 'the exit code of the program');
      passed++;
      console.log(`ok    ${name}, ${scheme} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (err) {
      failed++;
      console.log(`FAIL  ${name}, ${scheme}\n${err.stack}`);
      for (const child of running) child.kill();
    }
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
