import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Locator, Page, Request } from 'playwright-core';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { dropFiles, type PageServer, pageServer, pasteFile, samplePath } from '../support/page-server.ts';

const tiles = (page: Page) => page.locator('.grid .tile');
const search = (page: Page) => page.getByRole('combobox', { name: 'Search pictures with words' });

/** The tile of the query picture itself. */
function sameAs(page: Page, name: string): Locator {
  return page.locator('.tile', { has: page.getByRole('link', { name }), hasText: '1.00' });
}

describe('searching on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 23);
  });
  after(() => server.close());

  it('opens on the newest pictures', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
    const newest = await server.json('/images?limit=1');
    const first = page.locator('.tile-main').first();
    assert.ok((await first.getAttribute('href'))?.includes(newest.body.items![0]!.id as unknown as string));
    await page.locator('.tile img.shown').first().waitFor();
  });

  it('does everything else at once when the first pictures are there', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const held = Promise.withResolvers<void>();
    await page.route('**/thumbnail*', (route) => held.promise.then(() => route.continue()));
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.goto(server.url);
    while (!asked.some((path) => path.endsWith('/thumbnail'))) await page.clock.runFor(10);
    assert.equal(asked.includes('/status'), false);
    const status = page.waitForRequest('**/status');
    held.resolve();
    await status;
  });

  it('searches as one types, with the words in the address', async (t) => {
    const { page } = await browser.open(t, server.url);
    await search(page).pressSequentially('a dog at a window', { delay: 20 });
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('q'), 'a dog at a window');
    const expected = await server.json('/search?q=a+dog+at+a+window&limit=60');
    const ids = (expected.body as unknown as { items: { id: string }[] }).items.slice(0, 8).map(({ id }) => id);
    await page.waitForFunction((wanted) => {
      const links = [...document.querySelectorAll<HTMLAnchorElement>('.tile-main')];
      return wanted.every((id, i) => links[i]?.href.includes(id));
    }, ids);
  });

  it('offers what was looked for before, and forgets it on request', async (t) => {
    const { page } = await browser.open(t, server.url);
    await search(page).fill('a red bicycle');
    await search(page).press('Enter');
    await page.reload();
    await search(page).fill('a red');
    await page.getByRole('option', { name: 'a red bicycle' }).waitFor();
    await search(page).press('ArrowDown');
    await search(page).press('Enter');
    await page.waitForURL((url) => url.searchParams.get('q') === 'a red bicycle');
    await search(page).fill('a red');
    await page.getByRole('option', { name: 'a red bicycle' }).waitFor();
    // Up from the field moves to the last option.
    await search(page).press('ArrowUp');
    await search(page).press('Enter');
    await search(page).fill('a re');
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    assert.equal(await page.getByRole('option', { name: 'a red bicycle' }).count(), 0);
  });

  it('never shows an older answer over a newer one', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    // The first response arrives after the second.
    const fast = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    await page.route(/\/search\?q=slow/, async (route) => {
      slow.resolve();
      await fast.promise;
      await route.continue().catch(() => {});
    });
    const isSlow = (request: Request) => request.url().includes('q=slow');
    const over = Promise.race([
      page.waitForEvent('requestfinished', isSlow),
      page.waitForEvent('requestfailed', isSlow),
    ]);
    await search(page).fill('slow');
    await slow.promise;
    await search(page).fill('fast');
    const { body } = await server.json('/search?q=fast&limit=1');
    await page.locator(`.grid > li:first-child .tile-main[href*="${body.items[0]!.id}"]`).waitFor();
    fast.resolve();
    await over;
    // A late response would have been shown by now.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.ok((await page.locator('.tile-main').first().getAttribute('href'))?.includes(String(body.items[0]!.id)));
  });

  it('goes back and forward, and comes back after a reload', async (t) => {
    const { page } = await browser.open(t, server.url);
    await search(page).fill('a clock');
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByRole('button', { name: 'Landscape', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Remove filter Landscape' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Remove filter Landscape' }).waitFor();
    assert.equal(await search(page).inputValue(), 'a clock');
    await page.goBack();
    await page.getByRole('button', { name: 'Remove filter Landscape' }).waitFor({ state: 'detached' });
    assert.equal(await search(page).inputValue(), 'a clock');
    await page.goBack();
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    await page.goForward();
    assert.equal(await search(page).inputValue(), 'a clock');
  });

  it('finds a picture by itself when it is dropped on the page', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    await dropFiles(page, '.header', [samplePath('cat.jpg')]);
    await sameAs(page, 'cat').waitFor();
    assert.match(await tiles(page).first().innerText(), /1\.00/);
    // The picture is stored in the browser, so the URL still works after a reload.
    await page.reload();
    await sameAs(page, 'cat').waitFor();
    await page.getByRole('button', { name: 'Remove cat.jpg' }).click();
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
  });

  it('takes a picked picture as well as a pasted one', async (t) => {
    const { page } = await browser.open(t, server.url);
    // Announced once: the file input beside the button is hidden from screen readers.
    assert.equal(
      await page
        .getByRole('search')
        .getByRole('button', { name: /picture/i })
        .count(),
      1,
    );
    await page.getByLabel('Picture to search by').setInputFiles(samplePath('clock.jpg'));
    await sameAs(page, 'clock').waitFor();
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    await pasteFile(page, samplePath('coffee.jpg'));
    await sameAs(page, 'coffee').waitFor();
  });

  it('mixes words and pictures with weights', async (t) => {
    const { page } = await browser.open(t, server.url);
    await search(page).fill('mountains -people');
    await search(page).press('Enter');
    await page.getByRole('button', { name: 'without people' }).waitFor();
    assert.equal(await search(page).inputValue(), 'mountains');
    const tile = tiles(page).first();
    await tile.hover();
    await tile.getByRole('button', { name: /^More like / }).click();
    const chip = page.getByRole('button', { name: /^like / });
    await chip.click();
    await page.getByRole('slider', { name: 'Weight' }).fill('1.5');
    await page.getByRole('button', { name: /^like .* ×1\.5$/ }).waitFor();
    const params = new URL(page.url()).searchParams;
    assert.deepEqual(params.getAll('with'), ['-0.5:people']);
    assert.match(params.get('like') ?? '', /^1\.5:[0-9a-f-]{36}$/);

    const other = tiles(page).nth(1);
    await other.hover();
    await other.getByRole('button', { name: /^Less like / }).click();
    await page.waitForURL((url) => url.searchParams.getAll('like').length === 2);
    assert.match(new URL(page.url()).searchParams.getAll('like')[1]!, /^-0\.5:[0-9a-f-]{36}$/);
    await page.getByRole('button', { name: /^Remove people/ }).click();
    await page.waitForURL((url) => !url.searchParams.has('with'));
    // Alone, it asks for everything else.
    await page.goto(`${server.url}?with=-0.5:cat`);
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    assert.doesNotMatch(await tiles(page).first().innerText(), /^cat/);
  });

  it('pages through everything without showing a picture twice', async (t) => {
    const { page } = await browser.open(t, server.url, { viewport: { width: 500, height: 500 } });
    await page.route(/\/images\?/, (route) => {
      const url = new URL(route.request().url());
      if (url.searchParams.get('limit') !== '1') url.searchParams.set('limit', '5');
      return route.continue({ url: url.href });
    });
    await page.reload();
    // Scrolls a little per frame and collects tiles: only those near the window exist.
    const seen = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const hrefs = new Set<string>();
          const start = performance.now();
          const look = () => {
            for (const link of document.querySelectorAll<HTMLAnchorElement>('.tile-main')) hrefs.add(link.href);
            if (hrefs.size >= 23 || performance.now() - start > 30_000) return resolve(hrefs.size);
            scrollBy(0, 60);
            requestAnimationFrame(look);
          };
          look();
        }),
    );
    assert.equal(seen, 23);
    const positions = await page
      .locator('.grid > li')
      .evaluateAll((all) => all.map((li) => Number(li.getAttribute('data-index'))));
    assert.deepEqual(
      positions,
      [...positions].sort((a, b) => a - b),
    );
  });

  it('comes back to where a list was left, from a picture, another search and another page', async (t) => {
    const { page } = await browser.open(t, server.url, { viewport: { width: 500, height: 400 } });
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
    // Space above the list is reserved until it is known whether anything will be shown there.
    await page.evaluate(() => scrollTo(0, 900));
    const link = page.locator('.tile-main').nth(6);
    await link.waitFor();
    const isBack = () => page.waitForFunction(() => Math.abs(scrollY - 900) < 2);
    await isBack();

    await link.evaluate((element) => (element as HTMLElement).click());
    await page.locator('dialog.detail[open]').waitFor();
    await page.goBack();
    await page.locator('dialog.detail').waitFor({ state: 'detached' });
    await isBack();

    await search(page).fill('a clock');
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    // A new list starts at its top.
    await page.waitForFunction(() => scrollY === 0);
    await page.goBack();
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
    await isBack();

    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'Status' }).click();
    await page.getByRole('heading', { name: 'Status' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
    await isBack();
  });

  it('goes on where it was when it is loaded again, far down a list of many pages', async (t) => {
    const { page } = await browser.open(t, 'about:blank', {
      viewport: { width: 500, height: 400 },
      withoutSharedWorkers: true,
      expectComplaints: /events|ERR_FAILED/,
    });
    const onItsWay = Promise.withResolvers<void>();
    let laterPages = 0;
    // When the event stream opens, the list is reloaded from its first page.
    await page.route(/\/events$/, (route) => route.abort());
    await page.route(/\/images\?/, (route) => {
      const url = new URL(route.request().url());
      if (url.searchParams.get('limit') !== '1') url.searchParams.set('limit', '5');
      // Still in flight when the page is left, which makes it fail.
      if (url.searchParams.has('cursor') && ++laterPages === 3) return onItsWay.resolve();
      return route.continue({ url: url.href });
    });
    await page.goto(server.url);
    const isAt = (y: number) => page.waitForFunction((top) => Math.abs(scrollY - top) < 2, y);
    await onItsWay.promise;
    const bottom = await page.evaluate(() => {
      scrollTo(0, document.documentElement.scrollHeight);
      return scrollY;
    });
    assert.ok(bottom > 300, `${bottom}`);
    for (const restore of [() => page.reload(), () => page.goto('about:blank').then(() => page.goBack())]) {
      await restore();
      await isAt(bottom);
      assert.ok((await page.locator('.tile img').count()) > 0);
    }
    // Another query starts at its top.
    await search(page).fill('a clock');
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    await isAt(0);
  });

  it('keeps the list that one has scrolled on in while it was read again, and counts what that found', async (t) => {
    const { page } = await browser.open(t, 'about:blank', {
      viewport: { width: 500, height: 400 },
      withoutSharedWorkers: true,
    });
    const asked = Promise.withResolvers<void>();
    const scrolled = Promise.withResolvers<void>();
    let firstPages = 0;
    await page.route(/\/images\?/, async (route) => {
      const url = new URL(route.request().url());
      if (url.searchParams.get('limit') === '1') return route.continue();
      url.searchParams.set('limit', '5');
      if (url.searchParams.has('cursor') || ++firstPages !== 2) return route.continue({ url: url.href });
      asked.resolve();
      await scrolled.promise;
      const response = await route.fetch({ url: url.href });
      const list = (await response.json()) as { items: { id: string }[] };
      list.items.unshift({ ...list.items[0]!, id: '00000000-0000-4000-8000-000000000000' });
      return route.fulfill({ response, json: list });
    });
    // The list is reloaded once when the event stream opens.
    await page.route(/\/events$/, async (route) => {
      await page.locator('.tile').first().waitFor();
      return route.continue();
    });
    await page.goto(server.url);
    await asked.promise;
    const scrollDownTo = (y: number) =>
      page.waitForFunction((top) => {
        scrollTo(0, top);
        return scrollY === top;
      }, y);
    await scrollDownTo(200);
    scrolled.resolve();
    await page.getByRole('button', { name: '1 new picture' }).waitFor();
    // Scroll anchoring keeps the visible content in place when the button appears above it.
    assert.ok((await page.evaluate(() => scrollY)) >= 200);
    await scrollDownTo(800);
  });

  it('says that nothing fits well instead of counting the nearest, and counts only what is called so', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    let fit = 'poor';
    let named = 0;
    await page.route('**/search?*', async (route) => {
      const response = await route.fetch();
      const body = (await response.json()) as { items: object[] };
      const items = body.items.map((item, i) => ({ ...item, fit, why: [i < named ? 'folder' : 'meaning'] }));
      return route.fulfill({ response, json: { ...body, items, fit } });
    });
    await page.goto(`${server.url}?q=an+accordion`);
    await page.getByRole('heading', { name: 'Nothing fits well. These come closest' }).waitFor();
    assert.ok((await page.locator('.tile').count()) > 0);
    fit = 'good';
    await search(page).fill('a clock');
    await page.getByRole('heading', { name: 'Best matches', exact: true }).waitFor();
    named = 2;
    await search(page).fill('clocks');
    await page.getByRole('heading', { name: 'Best matches 2 by name', exact: true }).waitFor();
  });

  it('says when nothing of a query is known to the models', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    const message = 'Nothing of "\u{1f436}" is known to the text model: the order says nothing.';
    await page.route('**/search?*', async (route) => {
      const response = await route.fetch();
      const warnings = [{ code: 'unknown-words', text: '\u{1f436}', message }];
      return route.fulfill({ response, json: { ...((await response.json()) as object), warnings } });
    });
    await page.goto(`${server.url}?q=${encodeURIComponent('\u{1f436}')}`);
    await page.locator('.warning', { hasText: message }).waitFor();
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await page.locator('.warning').waitFor({ state: 'detached' });
  });

  it('keeps what is written like a script as text', async (t) => {
    const text = '<img src=x onerror=alert(1)>';
    const { page } = await browser.open(
      t,
      `${server.url}?q=${encodeURIComponent(text)}&with=1:${encodeURIComponent(text)}`,
    );
    await page.getByRole('heading', { name: 'Best matches' }).waitFor();
    assert.equal(await search(page).inputValue(), text);
    assert.equal(await page.locator('img[src="x"]').count(), 0);
  });
});
