import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';

const tabs = 8;
/** Chromium's warnings about headers that it ignores on untrustworthy origins. */
const untrusted = /Cross-Origin-Opener-Policy|Origin-Agent-Cluster/;

describe('the page in more tabs than a browser opens connections', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  /** Uses a network host name: not a secure context, like a server at home. */
  let url: string;
  before(async () => {
    server = await pageServer({ allowedHosts: ['nas.test'] }, 3);
    url = server.url.replace('127.0.0.1', 'nas.test');
  });
  after(() => server.close());

  async function openTabs(t: TestContext, withoutSharedWorkers = false): Promise<Page[]> {
    const { page } = await browser.open(t, url, { withoutSharedWorkers, expectComplaints: untrusted });
    const pages = [page];
    while (pages.length < tabs) {
      const next = await page.context().newPage();
      await next.goto(url);
      pages.push(next);
      if (withoutSharedWorkers) await setHidden(pages.at(-2)!, true);
    }
    return pages;
  }

  it('loads in each, and all of them hear of changes through one connection', async (t) => {
    const pages = await openTabs(t);
    assert.equal(await pages[0]!.evaluate(() => isSecureContext), false);
    await Promise.all(pages.map((page) => page.getByRole('heading', { name: 'Newest 3 pictures' }).waitFor()));
    await Promise.all(pages.map((page) => page.locator('.tile img.shown').nth(2).waitFor()));
    await until(() => server.streams() === 1);
    const id = await server.addPhoto('moon.jpg');
    await Promise.all(pages.map((page) => page.locator(`.tile-main[href*="${id}"]`).waitFor()));
    assert.equal(server.streams(), 1);
  });

  it('has no connection while nobody looks, and catches up when somebody does', async (t) => {
    const pages = await openTabs(t);
    await until(() => server.streams() === 1);
    for (const page of pages) await setHidden(page, true);
    await until(() => server.streams() === 0);
    const id = await server.addPhoto('clock.jpg');
    await setHidden(pages[3]!, false);
    await pages[3]!.locator(`.tile-main[href*="${id}"]`).waitFor();
    await until(() => server.streams() === 1);
    // Closing the listening tab ends its stream; the others resume when they become visible.
    await pages[3]!.close();
    await until(() => server.streams() === 0);
    await setHidden(pages[0]!, false);
    await pages[0]!.locator(`.tile-main[href*="${id}"]`).waitFor();
  });

  it('has one connection for the tab in sight where browsers have no shared workers', async (t) => {
    const pages = await openTabs(t, true);
    await pages.at(-1)!.locator('.tile img.shown').first().waitFor();
    await until(() => server.streams() === 1);
    const id = await server.addPhoto('rocket.jpg');
    await pages.at(-1)!.locator(`.tile-main[href*="${id}"]`).waitFor();
    await setHidden(pages.at(-1)!, true);
    await setHidden(pages[0]!, false);
    await pages[0]!.locator(`.tile-main[href*="${id}"]`).waitFor();
    await until(() => server.streams() === 1);
  });
});

/** Simulates a tab in the background: a browser under test reports all tabs as visible. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 50));
}
