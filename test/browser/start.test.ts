import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ImagePayload } from '../../core/types.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';

const taken = ['2019-07-05T23:30:00.000', '2018-07-05T08:00:00.000+02:00', '2018-12-24T18:00:00.000', '2024-07-05'];

describe('where to start from', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, taken.length + 1);
    const { vectors } = server.deps;
    const { items } = (await server.json('/images')).body;
    const ids = items.map(({ id }) => String(id));
    const points = await vectors.get(ids);
    const found = await vectors.vectors(ids);
    const dated = ids.slice(0, taken.length).map((id, i) => {
      const { payload } = points.get(id) as { payload: ImagePayload };
      const tags = i < 2 ? ['favourite', 'holidays'] : [];
      return {
        id,
        vector: found.get(id)!,
        payload: { ...payload, tags, takenAt: taken[i]!, takenFrom: 'exif' as const },
      };
    });
    await vectors.upsert(dated, 'not-older');
  });
  after(() => server.close());

  async function openOn(t: TestContext, day: string, locale = 'en-US') {
    const { page } = await browser.open(t, 'about:blank', { locale });
    await page.clock.setFixedTime(`${day}T12:00:00`);
    await page.goto(server.url);
    return { page, start: page.locator('.start') };
  }

  it('offers this day in earlier years, favourites, the last months and tags, each an address', async (t) => {
    const { page, start } = await openOn(t, '2024-07-05');
    await start.getByRole('link', { name: 'This day in other years 2' }).waitFor();
    const names = await start.getByRole('link').allInnerTexts();
    assert.deepEqual(
      names.map((name) => name.replaceAll(/\s+/g, ' ')),
      [
        'This day in other years 2',
        'Favourites 2',
        'By date',
        'July 2024 1',
        'July 2019 1',
        'December 2018 1',
        'July 2018 1',
        'holidays 2',
      ],
    );
    await start.getByRole('link', { name: 'July 2019' }).click();
    await page.getByRole('heading', { name: 'Newest first 1 picture' }).waitFor();
    assert.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), { month: '2019-07', sort: '-taken' });
    await start.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Remove filter July 2019' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: `Newest ${taken.length + 1} pictures` }).waitFor();
    await start.getByRole('link', { name: 'This day in other years' }).click();
    await page.getByRole('heading', { name: 'Newest first 2 pictures' }).waitFor();
    await page.getByRole('button', { name: 'Remove filter July 5', exact: true }).waitFor();
    // One year at a time.
    await page.getByRole('heading', { name: 'July 2019' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Newest first 2 pictures' }).waitFor();
    await page.goBack();
    await start.getByRole('link', { name: 'Favourites' }).click();
    await page.getByRole('button', { name: 'Remove filter Favourites' }).waitFor();
    await page.getByRole('heading', { name: 'Newest 2 pictures' }).waitFor();
  });

  it('asks for what can wait behind the first pictures, and moves them no pixel when it comes', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    let letThrough = () => {};
    const held = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    await page.route('**/facets/month?*', async (route) => {
      await held;
      await route.continue();
    });
    await page.addInitScript(() => {
      const shifts: number[] = [];
      Object.assign(globalThis, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shifts.push((entry as unknown as { value: number }).value);
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(server.url);
    await page.waitForRequest(/facets\/month/);
    const first = (what: RegExp) => asked.findIndex((path) => what.test(path));
    for (const other of [/^\/status$/, /^\/tags$/, /^\/captions$/, /^\/facets\/month$/])
      assert.ok(first(/thumbnail$/) < first(other), `${other} after the first thumbnail: ${asked.join(' ')}`);
    const top = () => page.locator('.grid').evaluate((grid) => grid.getBoundingClientRect().top);
    const before = await top();
    letThrough();
    await page.locator('.start').getByRole('link', { name: 'By date' }).waitFor();
    assert.equal(await top(), before);
    const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts);
    assert.ok(Math.max(0, ...shifts) < 0.01, `from the first answer on: ${shifts.join(' ')}`);
  });

  it('names months in the language of the page, no day without pictures, and goes when one asks', async (t) => {
    const { page, start } = await openOn(t, '2024-03-01', 'de-DE');
    await start.getByRole('link', { name: 'Dezember 2018' }).waitFor();
    assert.equal(await start.getByRole('link', { name: 'Dieser Tag' }).count(), 0);
    await page.getByRole('combobox', { name: 'Bilder mit Worten suchen' }).fill('a dog');
    await start.waitFor({ state: 'detached' });
  });
});
