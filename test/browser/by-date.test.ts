import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import type { ImagePayload } from '../../core/types.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';
import { violationsInLightAndDark } from './axe.ts';

/** Months from January 2015 to December 2019; one picture in six has no date. */
const months = 60;
const perMonth = 24;

describe('the collection by date', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 2);
    const { vectors } = server.deps;
    const { items } = await vectors.list({ filter: {}, limit: 2, order: 'id' });
    const known = await vectors.vectors(items.map(({ id }) => id));
    const points = Array.from({ length: months * perMonth }, (_, i) => {
      const { id, payload } = items[i % 2]!;
      const date = new Date(Date.UTC(2015, Math.floor(i / perMonth), 1 + (i % perMonth))).toISOString().slice(0, -1);
      const takenAt = i % 6 === 0 ? null : date;
      // Different enough not to count as copies.
      const look = { sha256: String(i).padStart(64, '0'), perceptualHash: null };
      return { id: randomUUID(), vector: known.get(id)!, payload: { ...(payload as ImagePayload), ...look, takenAt } };
    });
    await vectors.upsert(points, 'newer');
  });
  after(() => server.close());

  const headings = (page: Page) => page.locator('.month h2');
  const slider = (page: Page) => page.getByRole('slider', { name: 'Go to a date' });

  /** The first picture without a date. */
  const undated = (page: Page) => page.locator('.month:has-text("No date") + li .tile-main');

  /** Waits until the heading of a month is directly below the page's header, with one of its pictures visible. */
  async function arrives(page: Page, month: string, day: string): Promise<void> {
    await page.waitForFunction(
      ([month, day]) => {
        const under = document.querySelector<HTMLElement>('.header')!.offsetHeight;
        const all = [...document.querySelectorAll('.month h2')];
        const inSight = all.findLast((heading) => heading.getBoundingClientRect().top < under + 2);
        const pictures = [...document.querySelectorAll('.tile-main:has(.shown)')];
        return inSight?.textContent.startsWith(month!) && pictures.some((one) => one.textContent.includes(day!));
      },
      [month, day],
    );
  }

  it('stands under months in the language of the page, what has no date at its end', async (t) => {
    const { page } = await browser.open(t, `${server.url}?sort=-taken`, { locale: 'de-DE' });
    await headings(page).nth(1).waitFor();
    assert.deepEqual((await headings(page).allInnerTexts()).slice(0, 2), ['Dezember 2019 20', 'November 2019 20']);
    await page.getByLabel('Reihenfolge').selectOption('Zuerst aufgenommen');
    await page.locator('.month h2').getByText('Januar 2015').waitFor();
    await page.getByRole('slider', { name: 'Zu einem Datum springen' }).press('End');
    await headings(page).getByText('Ohne Datum').waitFor();
    assert.equal((await headings(page).allInnerTexts()).at(-1), `Ohne Datum ${(months * perMonth) / 6 + 2}`);
  });

  it('goes anywhere by key, click and drag without reading what is in between', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    const read = new Set<string>();
    page.on('response', (response) => {
      if (new URL(response.url()).pathname !== '/images') return;
      const add = ({ items }: { items: { month: string }[] }) => {
        for (const { month } of items) read.add(month);
      };
      // Requests still in flight when the test ends have no body.
      response.json().then(add, () => {});
    });
    await page.goto(`${server.url}?sort=-taken`);
    await headings(page).first().waitFor();
    await slider(page).press('End');
    await undated(page).waitFor();
    assert.deepEqual([read.has('2019-12'), read.has('2017-06')], [true, false]);
    await slider(page).press('Home');
    await page.waitForFunction(() => scrollY === 0);
    await slider(page).press('PageDown');
    await slider(page).press('PageDown');
    await arrives(page, 'December 2017', 'Dec 9, 2017');
    await slider(page).press('ArrowDown');
    await arrives(page, 'November 2017', 'Nov 8, 2017');
    assert.equal(await slider(page).getAttribute('aria-valuetext'), 'November 2017, 20 pictures');
    await slider(page).press('PageUp');
    await arrives(page, 'December 2018', 'Dec 9, 2018');
    await slider(page).press('Home');
    await page.waitForFunction(() => scrollY === 0);

    const box = (await slider(page).boundingBox())!;
    const middle = [box.x + box.width / 2, box.y + box.height / 2] as const;
    await page.mouse.click(...middle);
    await page.waitForFunction(() => scrollY > innerHeight);
    const clicked = await slider(page).getAttribute('aria-valuetext');
    assert.match(clicked!, /201[67], \d+ pictures$/);
    await page.mouse.down();
    await page.mouse.move(middle[0], box.y + box.height / 6, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction(
      (before) => document.querySelector('.scrubber input')?.ariaValueText !== before,
      clicked,
    );
    assert.match((await slider(page).getAttribute('aria-valuetext'))!, /201[89], \d+ pictures$/);
  });

  it('keeps the month in sight in its place while those above it are read', async (t) => {
    const { page } = await browser.open(t, `${server.url}?sort=taken`);
    await headings(page).first().waitFor();
    await slider(page).press('PageDown');
    await slider(page).press('PageDown');
    await arrives(page, 'January 2017', 'Jan 2, 2017');
    const topOf = (name: string) =>
      headings(page)
        .getByText(name)
        .evaluate((one) => one.parentElement!.getBoundingClientRect().top);
    const before = await topOf('January 2017');
    await page.mouse.move(300, 300);
    await page.mouse.wheel(0, -300);
    await page.getByRole('link', { name: 'Dec 9, 2016' }).first().waitFor();
    await page.waitForFunction(() => document.querySelector('.unread') === null);
    assert.ok(Math.abs((await topOf('January 2017')) - before - 300) <= 2);
  });

  it('is where it was after a reload, and on the way back from another list', async (t) => {
    const { page } = await browser.open(t, `${server.url}?sort=-taken`);
    await headings(page).first().waitFor();
    await slider(page).press('PageDown');
    await arrives(page, 'December 2018', 'Dec 9, 2018');
    await page.reload();
    await arrives(page, 'December 2018', 'Dec 9, 2018');
    await page.getByLabel('Order').selectOption('Recently added');
    await page.waitForFunction(() => document.querySelector('.month') === null);
    await page.goBack();
    await arrives(page, 'December 2018', 'Dec 9, 2018');
  });

  it('steps from picture to picture, and knows which of all one is', async (t) => {
    const { page } = await browser.open(t, `${server.url}?sort=-taken`);
    await headings(page).first().waitFor();
    await slider(page).press('End');
    await undated(page).waitFor();
    await undated(page).click();
    const all = '1,442';
    await page.locator('.detail-position').getByText(`1,201 of ${all}`).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.locator('.detail-position').getByText(`1,200 of ${all}`).waitFor();
    await page.locator('.facts').getByText('Jan 2, 2015').waitFor();
  });

  it('has room and names for everybody: narrow, zoomed, by finger, and for axe', async (t) => {
    for (const viewport of [
      { width: 360, height: 640 },
      // A window of 1280 by 800 at 200 % zoom.
      { width: 640, height: 400 },
    ]) {
      const { page } = await browser.open(t, `${server.url}?sort=-taken`, { viewport, hasTouch: true });
      await page.locator('.tile img.shown').first().waitFor();
      const box = (await slider(page).boundingBox())!;
      assert.ok(box.width >= 24, `expected room for a finger, got ${box.width} px`);
      await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
      await page.waitForFunction(() => scrollY > 2 * innerHeight);
      assert.match((await slider(page).getAttribute('aria-valuetext'))!, /201[67], \d+ pictures$/);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
      await page.locator('.tile img.shown').first().waitFor();
      assert.deepEqual(await violationsInLightAndDark(page), []);
    }
  });
});
