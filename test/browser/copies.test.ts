import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { samplePhoto } from '../functions/http/harness.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';
import { violationsInLightAndDark } from './axe.ts';

describe('copies on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  const ids: Record<string, string> = {};
  const store = async (key: string, bytes: Uint8Array<ArrayBuffer>) => {
    const headers = { 'content-type': 'image/jpeg' };
    const { body } = await server.json(`/images?key=${key}`, { method: 'POST', headers, body: bytes });
    ids[key] = String(body.id);
  };
  before(async () => {
    server = await pageServer({}, 4);
    const moon = await samplePhoto('moon.jpg');
    for (const key of ['moon.jpg', 'sent/moon.jpg']) await store(key, moon);
    await store('small/moon.jpg', new Uint8Array(await sharp(moon).resize(300).jpeg({ quality: 60 }).toBuffer()));
    const hash = async (key: string) => String((await server.json(`/images/${ids[key]}`)).body.perceptualHash);
    assert.notEqual(await hash('moon.jpg'), 'null');
  });
  after(() => server.close());

  it('folds them into one tile that opens', async (t) => {
    const { page } = await browser.open(t, server.url);
    const tiles = page.locator('.tile-main');
    const mark = page.getByRole('button', { name: '3 copies of moon' });
    await mark.waitFor();
    assert.equal(await tiles.count(), 5);
    assert.equal(await mark.getAttribute('aria-expanded'), 'false');
    await mark.focus();
    await page.keyboard.press('Enter');
    await tiles.nth(6).waitFor();
    assert.equal(await page.locator(':focus').getAttribute('aria-expanded'), 'true');
    assert.deepEqual(await violationsInLightAndDark(page), []);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.tile-main').length === 5);
    await page.getByRole('heading', { name: 'Newest 7 pictures' }).waitFor();
  });

  it('counts pictures, copies included, wherever it counts them', async (t) => {
    const { page } = await browser.open(t, `${server.url}?sort=-taken`);
    const heading = page.locator('.month h2');
    await page.getByRole('button', { name: '3 copies of moon' }).waitFor();
    const counts = (await heading.locator('small').allInnerTexts()).map(Number);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      7,
    );
    for (const order of ['-taken', 'newest']) {
      await page.goto(`${server.url}?sort=${order}`);
      await page.getByRole('heading', { name: /7 pictures/ }).waitFor();
      await page.locator('.tile-main').first().click();
      const place = page.locator('.detail-position');
      const places = [await place.innerText()];
      while (await page.getByRole('button', { name: 'Next picture' }).isVisible()) {
        await page.keyboard.press('ArrowRight');
        await page.waitForFunction(
          (last) => document.querySelector('.detail-position')!.textContent !== last,
          places[0],
        );
        places.unshift(await place.innerText());
      }
      const numbers = places.reverse().map((one) => /^(\d) of 7$/.exec(one)?.[1]);
      assert.equal(numbers[0], '1', String(places));
      // One tile represents three pictures: the numbers after it continue behind all of them.
      assert.equal(numbers.length, 5, String(places));
      const steps = numbers.slice(1).map((number, i) => Number(number) - Number(numbers[i]));
      assert.deepEqual(steps.filter((by) => by !== 1).join(), numbers.at(-1) === '5' ? '' : '3', String(places));
    }
  });

  it('has the focus on the tile of a picture that was large, also when another list came meanwhile', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('button', { name: '3 copies of moon' }).click();
    const tile = page.locator(`.tile-main[data-photo="${ids['moon.jpg']}"]`);
    await tile.waitFor();
    const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    // Only list requests, not the counts for the row of starting points.
    await page.route(/\/images\?(?!.*limit=1\b)/, async (route) => {
      held.resolve();
      await release.promise;
      await route.continue();
    });
    // The latest picture is first in the list, so it would represent all of its copies.
    await store('later/moon.jpg', await samplePhoto('moon.jpg'));
    await held.promise;
    await tile.focus();
    await page.keyboard.press('Enter');
    const detail = page.locator('dialog.detail[open]');
    await detail.getByRole('button', { name: 'small/moon.jpg' }).waitFor();
    release.resolve();
    await page.locator(`.tile-main[data-photo="${ids['later/moon.jpg']}"]`).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog.detail').waitFor({ state: 'detached' });
    await page.locator(`.tile-main[data-photo="${ids['moon.jpg']}"]:focus`).waitFor();
    await page.getByRole('button', { name: '4 copies of moon' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.tile-main').length === 5);
    assert.equal(await tile.count(), 1, 'the picture that was large stands for its copies');
    await server.json(`/images/${ids['later/moon.jpg']}`, { method: 'DELETE' });
  });

  it('lists them, keeps the largest, and moves what is marked to the trash, with the way back', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=copies`);
    await page.getByRole('heading', { name: /^Copies 1 spare picture, / }).waitFor();
    const boxes = page.getByRole('checkbox', { name: 'To trash' });
    assert.deepEqual(await boxes.evaluateAll((all) => all.map((one) => (one as HTMLInputElement).checked)), [
      false,
      true,
    ]);
    await boxes.nth(1).uncheck();
    const move = page.getByRole('button', { name: /^Move \d pictures? to trash/ });
    assert.ok(await move.isDisabled());
    await boxes.nth(1).check();
    assert.deepEqual(await violationsInLightAndDark(page), []);
    assert.equal((await server.json('/images')).body.total, 7);
    await move.click();
    await page.getByRole('heading', { name: 'No copies' }).waitFor();
    await page.getByText('1 picture moved to trash').waitFor();
    assert.equal((await server.json('/images')).body.total, 6);
    await page.getByRole('button', { name: 'Undo' }).click();
    await boxes.nth(1).waitFor();
    assert.equal((await server.json('/images')).body.total, 7);
  });
});
