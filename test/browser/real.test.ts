import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { MODELS, writeHead } from '../core/encode/fixtures.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { samplePath } from '../support/page-server.ts';
import { eventually, type RunningServer, runScript, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('the page of `npm start`, with the real models', browserSkip(), () => {
  const browser = useBrowser();
  const data = tempFolder();
  let server: RunningServer;
  before(async () => {
    server = await startServer(['--data', data]);
  });
  after(() => server.stop());

  it('finds the sample photos by words, and a new file a moment after it was dropped into the folder', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor({ timeout: 120_000 });
    await page.getByRole('combobox', { name: 'Search pictures with words' }).fill('two dogs look out of a window');
    await page.waitForFunction(() => document.querySelector('.tile-main')?.textContent.includes('dogs at window'));

    await page.getByRole('link', { name: 'May show dog, dogs at window' }).waitFor();

    // What fits poorly is no match to be sorted by date.
    const found = await fetch(`${server.url}/search?q=two+dogs+look+out+of+a+window&limit=100`);
    const { items } = (await found.json()) as { items: { fit: string }[] };
    const fitting = items.filter(({ fit }) => fit !== 'poor').length;
    assert.ok(fitting < items.length);
    await page.getByLabel('Order').selectOption('Newest first');
    await page.getByRole('heading', { name: `Best matches ${fitting}`, exact: true }).waitFor();
    await page.getByRole('link', { name: 'May show dog, dogs at window' }).waitFor();

    await page.getByRole('button', { name: 'Clear the search' }).click();
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
    await copyFile(samplePath('cat.jpg'), join(data, 'photos', 'a-new-cat.jpg'));
    await page.getByRole('link', { name: 'a new cat' }).waitFor();
    await page.getByRole('heading', { name: 'Newest 24 pictures' }).waitFor();
  });

  it('goes on from the start when other models take over while a list is open', async (t) => {
    const encoders = await loadEncoders({ modelDirs: [MODELS], profile: 'compact' });
    const head = writeHead(join(data, 'head'), encoders, { inputs: ['features'] });
    await encoders.close();
    const { page } = await browser.open(t, 'about:blank', {
      expectComplaints: /status of 409/,
      viewport: { width: 500, height: 200 },
    });
    // Pages small enough that one is still to come when the models change.
    await page.route(/\/(images|search)\?/, (route) => {
      const url = new URL(route.request().url());
      if (url.searchParams.get('limit') !== '1') url.searchParams.set('limit', '21');
      return route.continue({ url: url.href });
    });
    const refused: string[] = [];
    page.on('response', (answer) => answer.status() === 409 && refused.push(new URL(answer.url()).pathname));
    await page.goto(`${server.url}?q=a+dog`);
    await page.locator('.tile img.shown').first().waitFor();
    const before = await page.locator('.tile-main').first().textContent();
    assert.match(before ?? '', /dogs at window/);
    // A list at its top refreshes itself; further down it stays, with a cursor of the old models.
    await page.evaluate(() => scrollTo(0, 100));

    const swapped = await runScript(['scripts/sightline.ts', 'reindex', '--head', head, '--data', data]);
    assert.equal(swapped.code, 0, swapped.stderr);
    const spaceNow = async () => ((await (await fetch(`${server.url}/ready`)).json()) as { space: string }).space;
    const { space } = await loadHeadFile(head);
    await eventually('the server to follow', 60_000, async () => ((await spaceNow()) === space ? true : null));
    // To the end, past a page that the new models refuse to continue; copies have no tile of their own.
    await page.waitForFunction(() => {
      scrollBy(0, 100);
      return document.querySelector('.grid > li[aria-posinset="23"]') !== null;
    });
    assert.deepEqual(refused, ['/search']);
    assert.equal(await page.locator('.fault').count(), 0);
    const found = await fetch(`${server.url}/search?q=a+dog&limit=1`);
    const { items, ...rest } = (await found.json()) as { space: string; items: { id: string }[] };
    assert.equal(rest.space, space);
    await page.evaluate(() => scrollTo(0, 0));
    await page.locator(`.grid > li[aria-posinset="1"] .tile-main[href*="${items[0]!.id}"]`).waitFor();
  });
});
