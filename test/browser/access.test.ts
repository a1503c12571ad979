import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { dragFiles, type PageServer, pageServer, samplePath } from '../support/page-server.ts';
import { violationsInLightAndDark } from './axe.ts';
import { sampleReport } from './report.ts';

describe('the page for everybody', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  let first: string;
  before(async () => {
    server = await pageServer({}, 12, { report: sampleReport() });
    await server.json('/captions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items: [{ text: 'a quiet street at night' }, { text: 'a red boat' }] }),
    });
    first = String((await server.json('/images?limit=1')).body.items![0]!.id);
    await server.json(`/images/${first}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"tags":["evening"]}',
    });
    const failure = { bucket: 'photos', etag: '', sequencer: '', reason: 'truncated', retryable: true };
    await server.deps.failures.record({ ...failure, id: first, key: 'lost.jpg', message: 'it ends too early' });
  });
  after(() => server.close());

  const views: readonly {
    readonly name: string;
    readonly query: string;
    readonly ready: string;
    readonly act?: (page: Page) => Promise<void>;
    readonly leavesTraces?: boolean;
  }[] = [
    { name: 'results with chips and filters', query: '?q=a+cat&with=-0.5:people&shape=landscape', ready: 'img.shown' },
    { name: 'nothing found', query: '?q=a+cat&tag=nowhere', ready: '.empty' },
    {
      name: 'filters',
      query: '',
      ready: 'img.shown',
      act: (page) => page.getByRole('button', { name: 'Filters' }).click(),
    },
    { name: 'menu', query: '', ready: 'img.shown', act: (page) => page.getByRole('button', { name: /^Menu/ }).click() },
    { name: 'selection', query: '', ready: '.tile', act: (page) => page.locator('.tile-check').first().click() },
    { name: 'failures', query: '?view=failures', ready: '.failure' },
    { name: 'status', query: '?view=status', ready: '.card' },
    { name: 'an empty trash', query: '?view=trash', ready: '.empty' },
    { name: 'captions', query: '?q=a+boat&kind=caption', ready: '.caption-tile' },
    {
      name: 'suggestions',
      query: '',
      ready: 'img.shown',
      act: async (page) => {
        await page.getByRole('combobox', { name: 'Search pictures with words' }).click();
        await page.getByRole('option', { name: /^evening/ }).waitFor();
      },
    },
    {
      name: 'weights of a part',
      query: '?q=a+cat&with=-0.5:people',
      ready: 'img.shown',
      act: (page) => page.getByRole('button', { name: 'without people', exact: true }).click(),
    },
    {
      name: 'uploads',
      query: '',
      ready: '.tile',
      leavesTraces: true,
      act: async (page) => {
        await page.route('**/images', (route) => (route.request().method() === 'POST' ? undefined : route.continue()));
        await page.getByLabel('Pictures to add').setInputFiles(['cat.jpg', 'moon.jpg'].map(samplePath));
        await page.getByRole('button', { name: 'Cancel moon.jpg' }).click();
        await page.getByRole('button', { name: 'Try moon.jpg again' }).waitFor();
      },
    },
    {
      name: 'list of keys',
      query: '',
      ready: '.tile',
      act: async (page) => {
        await page.keyboard.press('?');
        await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor();
      },
    },
    { name: 'training', query: '?view=training', ready: '.card' },
    {
      name: 'data of the training report',
      query: '?view=training',
      ready: '.card',
      act: async (page) => {
        await page.getByRole('button', { name: 'Data', exact: true }).click();
        await page.locator('.data-row').first().waitFor();
      },
    },
    { name: 'map', query: '?view=map', ready: '.map-stage' },
    {
      name: 'map of the training report',
      query: '?view=training',
      ready: '.card',
      act: async (page) => {
        await page.getByRole('button', { name: 'Map', exact: true }).click();
        await page.locator('.map-stage').waitFor();
      },
    },
    { name: 'pictures and captions', query: '?q=a+boat&kind=any', ready: '.captions-above li' },
    { name: 'newest captions', query: '?kind=caption', ready: '.caption-tile' },
    {
      name: 'a picture that is dragged over the page',
      query: '',
      ready: '.tile',
      leavesTraces: true,
      act: async (page) => {
        await dragFiles(page, [samplePath('cat.jpg')]);
        await page.getByText('Search with this picture').waitFor();
      },
    },
    {
      name: 'many pictures under way',
      query: '',
      ready: '.tile',
      leavesTraces: true,
      act: async (page) => {
        await page.route('**/images/*', (route) =>
          route.request().method() === 'PATCH' ? undefined : route.continue(),
        );
        await page.locator('.tile-check').first().click();
        await page.getByRole('button', { name: 'All shown' }).click();
        await page.getByRole('button', { name: 'Tag', exact: true }).click();
        await page.getByLabel('Add a tag', { exact: true }).fill('night');
        await page.keyboard.press('Enter');
        await page.getByRole('progressbar', { name: 'Tagging 12 pictures' }).waitFor();
      },
    },
    { name: 'API key', query: '', ready: '.tile', act: askForKey },
    { name: 'a picture', query: '?photo=FIRST', ready: '.neighbours li' },
  ];
  it('gives axe nothing to find, in light and dark', async (t) => {
    // These tests share a page because they leave it unchanged: loading it and axe takes longer than the checks.
    const { page } = await browser.open(t, server.url, { reducedMotion: 'reduce' });
    for (const { name, query, ready, act, leavesTraces } of views) {
      await t.test(name, async (own) => {
        const address = query.replace('FIRST', first);
        const at = leavesTraces
          ? (await browser.open(own, server.url + address, { reducedMotion: 'reduce' })).page
          : await goTo(page, address);
        await at.locator(ready).first().waitFor();
        await at.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
        await act?.(at);
        assert.deepEqual(await violationsInLightAndDark(at), []);
      });
    }
  });

  it('works by keyboard alone, with the focus in sight', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.locator('.tile-main').nth(5).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.locator(':focus').innerText(), 'Skip to the pictures');
    await page.keyboard.press('/');
    await page.keyboard.type('a cat');
    await page.getByRole('heading', { name: /^Best matches/ }).waitFor();
    await page.keyboard.press('Enter');

    await tabTo(page, '.tile-main');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await page.locator(':focus').count(), 1);
    const outline = await page.locator(':focus').evaluate((link) => getComputedStyle(link).outlineStyle);
    assert.equal(outline, 'solid');
    const id = new URL((await page.locator(':focus').getAttribute('href'))!, server.url).searchParams.get('photo');

    await page.keyboard.press('Enter');
    await page.locator('dialog.detail[open]').waitFor();
    await page.keyboard.press('+');
    await page.keyboard.press('0');
    await page.keyboard.press('Escape');
    await page.locator('dialog.detail').waitFor({ state: 'detached' });
    // The focus returns to its element once the list is rendered again.
    await page.waitForFunction((was) => document.activeElement?.getAttribute('href')?.includes(was), id!);

    await tabTo(page, '.tile-check');
    await page.keyboard.press('Space');
    await page.getByText('1 picture selected').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('1 picture selected').waitFor({ state: 'detached' });
  });

  it('never loses the focus when what had it goes away', async (t) => {
    const { page } = await browser.open(t, `${server.url}?with=-0.5:people&with=1:boats`);
    await page.locator('.tile-main').nth(5).waitFor();
    const focusIsIn = (selector: string) =>
      page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector);
    const remove = page.getByRole('button', { name: /^Remove (people|boats)$/ });
    for (const left of [1, 0]) {
      await remove.first().focus();
      await page.keyboard.press('Enter');
      await page.waitForFunction((count) => document.querySelectorAll('.chip').length === count, left);
      await focusIsIn('.search *');
    }

    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    await page.locator('.tile-main').nth(1).focus();
    const gone = (await page.locator(':focus').getAttribute('href'))!;
    await page.keyboard.press('Delete');
    await page.getByText('1 picture moved to trash').waitFor();
    await focusIsIn('.tile-main');
    assert.notEqual(await page.locator(':focus').getAttribute('href'), gone);
    await page.getByRole('button', { name: 'Undo' }).focus();
    await page.keyboard.press('Enter');
    await page.locator(`.tile-main[href="${gone}"]`).waitFor();
    await focusIsIn('main');

    await page.locator('.tile-check').first().focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Tag', exact: true }).focus();
    await page.keyboard.press('Enter');
    await focusIsIn('input[name="tag"]');
  });

  for (const [width, height] of [
    [360, 360],
    [640, 400],
  ] as const) {
    it(`lets one scroll to all of a menu, of filters and of suggestions in ${width} x ${height}`, async (t) => {
      const { page } = await browser.open(t, server.url, { viewport: { width, height } });
      await page.locator('.tile-main').first().waitFor();
      const comesIntoSight = async (button: RegExp, last: Locator) => {
        await page.getByRole('button', { name: button }).first().click();
        await last.scrollIntoViewIfNeeded();
        const box = (await last.boundingBox())!;
        assert.ok(box.y >= 0 && box.y + box.height <= height, `${button} ends at ${box.y + box.height}`);
        assert.ok(box.x >= 0 && box.x + box.width <= width, `${button} ends at ${box.x + box.width}`);
        const covered = await last.evaluate((element) => {
          const { left, top, width: w, height: h } = element.getBoundingClientRect();
          return !element.contains(document.elementFromPoint(left + w / 2, top + h / 2));
        });
        assert.equal(covered, false, `${button} is covered`);
        await page.keyboard.press('Escape');
      };
      await comesIntoSight(/^Menu/, page.locator('.menu [aria-label="Dark"]'));
      await comesIntoSight(/^Filters/, page.getByRole('button', { name: 'Clear filters' }));
      await page.locator('.tile-check').first().focus();
      await page.keyboard.press('Space');
      const bar = (await page.locator('.selection-bar').boundingBox())!;
      const end = (await page.getByRole('button', { name: 'End selection' }).boundingBox())!;
      assert.ok(end.x + end.width <= bar.x + bar.width && bar.x + bar.width <= width, 'the bar is as wide as it shows');
      await comesIntoSight(/^Tag/, page.getByRole('button', { name: 'Add tag' }));
    });
  }

  it('opens "without" with the focus in it', async (t) => {
    const { page } = await browser.open(t, `${server.url}?q=a+cat`);
    await page.getByRole('button', { name: 'without…' }).click();
    await page.keyboard.type('people');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'without people', exact: true }).waitFor();
  });

  it('calls pictures by their names and dates, and no number a similarity', async (t) => {
    const { page } = await browser.open(t, `${server.url}?q=a+cat`, { timezoneId: 'America/Los_Angeles' });
    await page.locator('.tile-main').first().waitFor();
    const labels = await page.locator('.tile-main').evaluateAll((all) => all.map((one) => one.textContent));
    assert.equal(new Set(labels).size, 12);
    assert.equal(await page.locator('[title*="Cosine"], .tile-score:not([aria-hidden])').count(), 0);
  });

  for (const [width, height] of [
    [360, 740],
    [3840, 2160],
  ] as const) {
    it(`fits into ${width} x ${height} without scrolling sideways`, async (t) => {
      const { page } = await browser.open(t, 'about:blank', { viewport: { width, height } });
      for (const query of [
        '?q=a+cat&with=-0.5:people',
        '?q=a+boat&kind=any',
        '?view=failures',
        '?view=status',
        '?view=training',
        `?photo=${first}`,
      ]) {
        await page.goto(server.url + query);
        await page.locator('.header').waitFor();
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${query} is ${overflow} px too wide`);
      }
    });
  }
});

/** Navigates like a link on the page, without a reload, whatever is open. */
async function goTo(page: Page, query: string): Promise<Page> {
  await page.evaluate((url) => {
    for (const one of document.querySelectorAll<HTMLElement>('[popover]:popover-open')) one.hidePopover();
    for (const one of document.querySelectorAll<HTMLDialogElement>('dialog[open]:not(.detail)')) one.close();
    dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    history.pushState(null, '', url);
    dispatchEvent(new PopStateEvent('popstate'));
  }, query || location(page));
  return page;
}

function location(page: Page): string {
  return new URL(page.url()).pathname;
}

async function askForKey(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Menu/ }).click();
  await page.getByRole('button', { name: /^API key/ }).click();
}

/** Presses Tab until a matching element has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab');
    if (await page.locator(':focus').evaluate((element, wanted) => element.matches(wanted), selector)) return;
  }
  assert.fail(`expected ${selector} to be reachable by Tab`);
}
