import assert from 'node:assert/strict';
import { after, before, type SuiteContext, type TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { findBrowser } from '../../scripts/development/find-browser.ts';

/** A real browser for tests: the system's Chromium or a derivative. */

/** Quiet and isolated: no sandbox (containers have none), no background requests, and TCP only. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A host name for this machine that browsers do not trust the way they trust localhost.
  '--host-resolver-rules=MAP nas.test 127.0.0.1',
];

/** BROWSER is the path of a browser that is not found automatically. */
function browserPath(): string | null {
  return process.env.BROWSER || findBrowser();
}

/** For `describe`: why the tests of this file cannot run here. In CI, a missing browser is a failure, not a skip. */
export function browserSkip(): { skip: string | false } {
  if (browserPath() !== null || process.env.CI === 'true') return { skip: false };
  return { skip: 'no Chromium found: npm run browser, or set BROWSER to its path' };
}

export function launchBrowser(): Promise<Browser> {
  const executablePath = browserPath();
  assert.ok(executablePath !== null, 'expected a Chromium on this machine, found none: npm run browser');
  return chromium.launch({ executablePath, args: flags });
}

export interface OpenPage {
  readonly page: Page;
  /** Console errors of the page since it was opened. */
  readonly complaints: string[];
}

interface OpenOptions extends BrowserContextOptions {
  readonly expectComplaints?: RegExp;
  /** No shared workers, as in Chrome on Android: their requests bypass the test's routes and network conditions. */
  readonly withoutSharedWorkers?: boolean;
}

/** One browser for all tests of a suite; each test gets its own context and must leave a clean console. */
export function useBrowser(): {
  open(t: TestContext | SuiteContext, url: string, options?: OpenOptions): Promise<OpenPage>;
} {
  let browser: Browser | undefined;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());
  return {
    async open(t, url, { expectComplaints, withoutSharedWorkers, ...options } = {}) {
      const context = await browser!.newContext({
        viewport: { width: 1280, height: 800 },
        locale: 'en-US',
        ...options,
      });
      if (withoutSharedWorkers) await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));
      const page = await context.newPage();
      // Generous, for busy machines; not a statement about how long users should wait.
      page.setDefaultTimeout(45_000);
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      (t as TestContext).after(async () => {
        const unexpected = complaints.filter((text) => !expectComplaints?.test(text));
        // A route still waiting for its response would fail after the test.
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        await context.close();
        assert.deepEqual(unexpected, [], 'the console stays clean');
      });
      await page.goto(url);
      return { page, complaints };
    },
  };
}

/** Ten minutes of the page, in steps. */
const MOST_STEPS = 2400;

/** Speeds up the installed clock of a page until something is there, or no longer; ten minutes of it at most. */
export async function passTime(
  page: Page,
  what: Locator,
  { until }: { until: 'there' | 'gone' } = { until: 'there' },
): Promise<void> {
  for (let steps = 0; (await what.isVisible()) !== (until === 'there'); steps++) {
    assert.ok(steps < MOST_STEPS, `${what} is not ${until} after ten minutes of the page's clock`);
    await page.clock.runFor(250);
  }
}
