import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import yauzl from 'yauzl';
import type { ImagePayload } from '../../core/types.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';
import { violationsInLightAndDark } from './axe.ts';

describe('what people keep and take along', browserSkip(), () => {
  const browser = useBrowser();
  const permissions = ['clipboard-read', 'clipboard-write'];
  let server: PageServer;
  before(async () => {
    const folders = async () => [
      { name: 'photos', bucket: 'photos', path: '/home/me/photos', pictures: 3, watched: true, isThere: true },
    ];
    server = await pageServer({}, 3, { folders });
  });
  after(() => server.close());

  it('makes favourites by key and by heart, shows them by themselves, and keeps them', async (t) => {
    const { page } = await browser.open(t, server.url);
    const first = page.locator('.tile-main').first();
    await first.focus();
    await page.keyboard.press('f');
    await page.locator('.tile-heart[aria-pressed="true"]').waitFor();
    await page.getByRole('button', { name: 'Filters' }).click();
    const filters = page.getByRole('dialog', { name: 'Filters' });
    await filters.getByRole('button', { name: 'Favourites' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Newest 1 picture' }).waitFor();
    assert.equal(new URL(page.url()).search, '?tag=favourite');
    assert.deepEqual(await violationsInLightAndDark(page), []);
    await first.click();
    const heart = page.getByRole('dialog').getByRole('button', { name: 'Favourite', exact: true });
    assert.equal(await heart.getAttribute('aria-pressed'), 'true');
    await page.keyboard.press('f');
    await page.getByRole('dialog').locator('.detail-heart[aria-pressed="false"]').waitFor();
    assert.equal((await server.json('/images?tagsAll=favourite')).body.total, 0);
  });

  it('saves selected pictures as one zip file, and copies where they are and links to them', async (t) => {
    const { page } = await browser.open(t, server.url, { permissions });
    await page.getByRole('button', { name: 'Select', exact: true }).click();
    const bar = page.getByRole('region', { name: 'Selection' });
    await bar.getByRole('button', { name: 'All shown' }).click();
    const download = page.waitForEvent('download');
    await bar.getByRole('button', { name: 'Download' }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), 'pictures.zip');
    const zip = await yauzl.fromBufferPromise(await readFile(await saved.path()));
    const names: string[] = [];
    for await (const entry of zip.eachEntry()) names.push(entry.fileName);
    const keys = (await server.json('/images')).body.items.map(({ key }) => String(key));
    assert.deepEqual(names.sort(), keys.sort());
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await bar.getByRole('button', { name: 'Copy paths' }).click();
    await page.getByText('3 paths copied').waitFor();
    assert.deepEqual(
      (await copied()).split('\n').sort(),
      keys.map((key) => `/home/me/photos/${key}`),
    );
    await bar.getByRole('button', { name: 'Copy links' }).click();
    await page.getByText('3 links copied').waitFor();
    await page.goto((await copied()).split('\n')[0]!);
    await page.getByRole('dialog').getByRole('button', { name: 'Copy file path' }).click();
    await page.getByText('1 path copied').waitFor();
    assert.match(await copied(), /^\/home\/me\/photos\/[\w-]+\.jpg$/);
  });

  it('says how and where a picture was taken, with a link that nothing follows by itself', async (t) => {
    const { items } = (await server.json('/images')).body;
    const id = String(items[0]!.id);
    const { vectors } = server.deps;
    const { payload } = (await vectors.get([id])).get(id) as { payload: ImagePayload };
    const known = {
      exposureTime: 0.004,
      aperture: 2.8,
      iso: 400,
      focalLength: 50,
      latitude: -33.8587,
      longitude: 151.2,
    };
    const point = { id, vector: (await vectors.vectors([id])).get(id)!, payload: { ...payload, ...known } };
    await vectors.upsert([point], 'not-older');
    const { page } = await browser.open(t, `${server.url}?photo=${id}`);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).host));
    const facts = page.locator('.facts');
    await facts.getByText('1/250 s, f/2.8, ISO 400, 50 mm').waitFor();
    const link = facts.getByRole('link', { name: '-33.8587, 151.2' });
    assert.match((await link.getAttribute('href'))!, /^https:\/\/www\.openstreetmap\.org\/\?mlat=-33.8587&mlon=151.2#/);
    await page.reload();
    await link.waitFor();
    assert.deepEqual([...new Set(asked)], [new URL(server.url).host]);
  });

  it('names bucket and key of a picture only where they are those of S3', async (t) => {
    const cloud = await pageServer({}, 1, { storage: 's3' });
    t.after(() => cloud.close());
    const { page } = await browser.open(t, cloud.url);
    await page.locator('.tile-main').first().click();
    const terms = page.locator('.facts dt');
    await terms.getByText('Key', { exact: true }).waitFor();
    await terms.getByText('Bucket', { exact: true }).waitFor();
    await page.goto(server.url);
    await page.locator('.tile-main').first().click();
    await terms.getByText('Size', { exact: true }).waitFor();
    assert.equal(await terms.getByText(/^(Key|Bucket)$/).count(), 0);
  });
});
