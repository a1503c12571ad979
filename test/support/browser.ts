import assert from 'node:assert/strict';
import { after, before, type SuiteContext, type TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findBrowser } from '../../scripts/cli/find-browser.ts';

/** A real browser for tests: Chromium or one of its kind, from the system. */

/** Quiet and alone: no sandbox (containers have none to give), no calls home, no other transport than TCP. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A name for this machine that browsers do not trust as they trust localhost.
  '--host-resolver-rules=MAP nas.test 127.0.0.1',
];

/** BROWSER names one that is not found by itself. */
function browserPath(): string | null {
  return process.env.BROWSER || findBrowser();
}

/** For `describe`: why tests of this file cannot run here. In CI a missing browser is a failure, not a skip. */
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
  /** What the page complained about on the console since it was opened. */
  readonly complaints: string[];
}

interface OpenOptions extends BrowserContextOptions {
  readonly expectComplaints?: RegExp;
  /** Without shared workers, as Chrome on Android; what they ask for goes past the test's routes and network. */
  readonly withoutSharedWorkers?: boolean;
}

/** One browser for all tests of a suite; each test gets a context of its own and has to leave a clean console. */
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
      // How long a busy machine may take, not how long people should wait.
      page.setDefaultTimeout(45_000);
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      (t as TestContext).after(async () => {
        const unexpected = complaints.filter((text) => !expectComplaints?.test(text));
        // A route that still waits for its answer would fail after the test.
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        await context.close();
        assert.deepEqual(unexpected, [], 'the console stays clean');
      });
      await page.goto(url);
      return { page, complaints };
    },
  };
}
