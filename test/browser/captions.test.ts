import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { jsonRequest } from '../functions/http/harness.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { dragFiles, type PageServer, pageServer, samplePath } from '../support/page-server.ts';

const choice = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

describe('captions on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 8);
  });
  after(() => server.close());

  it('are not offered where there are none, and explained where a link asks for them', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.locator('.tile img.shown').first().waitFor();
    assert.equal(await choice(page, 'Captions').count(), 0);
    await page.goto(`${server.url}?kind=caption`);
    await page.getByRole('heading', { name: 'No captions yet' }).waitFor();
    await choice(page, 'Show pictures').click();
    await page.getByRole('heading', { name: 'Newest 8 pictures' }).waitFor();
  });

  it('can be looked through without a query, by their own tags, and searched with', async (t) => {
    const items = [
      { text: 'a quiet street at night', tags: ['city'] },
      { text: 'a red boat', tags: ['sea'] },
    ];
    await server.json('/captions', jsonRequest('POST', { items }));
    const { page } = await browser.open(t, server.url);
    await choice(page, 'Captions').click();
    await page.getByRole('heading', { name: 'Newest captions' }).waitFor();
    await page.locator('.caption-tile').nth(1).waitFor();
    assert.equal(await page.locator('.caption-tile').count(), 2);
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByText('Captions have no shape, type, size or date.').waitFor();
    await page.getByRole('button', { name: 'sea 1' }).click();
    await page.keyboard.press('Escape');
    await page.getByText('a quiet street at night').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'a red boat' }).click();
    await page.getByRole('heading', { name: /^Best matches/ }).waitFor();
    const { searchParams } = new URL(page.url());
    assert.deepEqual([searchParams.get('q'), searchParams.get('kind')], ['a red boat', null]);

    await page.goto(`${server.url}?kind=caption&shape=portrait`);
    await page.getByText('Captions have tags, but no shape').waitFor();
  });

  it('stand beside a picture when they fit it', async (t) => {
    const texts = ['two dogs look out of a window', 'a path through the mountains', 'children playing football'];
    await server.json('/captions', jsonRequest('POST', { items: texts.map((text) => ({ text })) }));
    const { body } = await server.json('/images?limit=4');
    const { page } = await browser.open(t, server.url);
    let leftOut = 0;
    for (const { id } of body.items) {
      const nearest = await server.json(`/images/${id}/captions?limit=5`);
      const fitting = nearest.body.items.filter(({ score }) => Number(score) > 0);
      leftOut += nearest.body.items.length - fitting.length;
      const listed = page.locator('.caption-list button');
      await page.goto(`${server.url}?photo=${id}`);
      await page.getByRole('region', { name: 'Similar pictures' }).waitFor();
      if (fitting.length > 0) await listed.first().waitFor();
      assert.deepEqual(
        await listed.allInnerTexts(),
        fitting.map(({ caption }) => caption),
      );
    }
    assert.ok(leftOut > 0, 'some do not fit');
  });

  it('do not crowd out the pictures when both are asked for', async (t) => {
    const texts = Array.from({ length: 30 }, (_, i) => ({ text: `caption number ${i}` }));
    await server.json('/captions', jsonRequest('POST', { items: texts }));
    // Text against text: higher than the score of any picture.
    const { page } = await browser.open(t, `${server.url}?q=caption+number+3`);
    await choice(page, 'Both').click();
    const above = page.getByRole('region', { name: 'Captions' });
    await above.getByRole('button', { name: /^caption number 3/ }).waitFor();
    assert.equal(await above.locator('li').count(), 12);
    await page.getByRole('heading', { name: 'Best matches 8' }).waitFor();
    const ids = async (kind: string) =>
      (await server.json(`/search?q=caption+number+3&kind=${kind}&limit=8`)).body.items.map(({ id }) => String(id));
    const hrefs = await page.locator('.grid .tile-main').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
    assert.deepEqual(
      (await ids('image')).map((id, i) => hrefs[i]?.includes(id)),
      Array(8).fill(true),
    );
    await page.reload();
    await above.getByRole('button', { name: 'All captions' }).click();
    await page.getByRole('heading', { name: 'Best matches 35' }).waitFor();
  });
});

describe('what is dragged over the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 2);
  });
  after(() => server.close());

  it('may be searched by when it is one picture, is added otherwise, and leaves no trace when it goes', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest 2 pictures' }).waitFor();
    const targets = page.locator('.drop-target strong');
    const one = await dragFiles(page, [samplePath('cat.jpg')]);
    await page.locator('.drop').waitFor();
    assert.deepEqual(await targets.allInnerTexts(), ['Search with this picture', 'Add to the collection']);
    await page.dispatchEvent('body', 'dragleave', { dataTransfer: one });
    await page.locator('.drop').waitFor({ state: 'detached' });

    const two = await dragFiles(page, ['cat.jpg', 'moon.jpg'].map(samplePath));
    await page.locator('.drop').waitFor();
    assert.deepEqual(await targets.allInnerTexts(), ['Add to the collection']);
    await page.dispatchEvent('body', 'drop', { dataTransfer: two });
    await page.getByRole('heading', { name: '2 pictures added' }).waitFor();
    await page.locator('.drop').waitFor({ state: 'detached' });

    // Dragged text is not the page's concern.
    const text = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.setData('text/plain', 'words');
      return transfer;
    });
    await page.dispatchEvent('body', 'dragenter', { dataTransfer: text });
    assert.equal(await page.locator('.drop').count(), 0);
  });
});
