import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ImagePayload } from '../../core/types.ts';
import { samplePhoto } from '../functions/http/harness.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';

describe('dates, cameras and folders on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  let tokyo: string;
  before(async () => {
    server = await pageServer();
    tokyo = await store('Trip/day2/temple.jpg', 'summer-palace.jpg', {
      takenAt: '2020-01-01T00:10:00.000+09:00',
      takenFrom: 'exif',
      camera: 'Canon EOS 5D',
      lens: 'EF 50mm',
    });
    await store('Trip/day1/cat.jpg', 'cat.jpg', { takenAt: '2019-07-05T23:30:00.000', takenFrom: 'name' });
    await store('moon.jpg', 'moon.jpg', {});
  });
  after(() => server.close());

  /** Stores a sample photo with metadata as if its file contained it. */
  async function store(key: string, photo: string, known: Partial<ImagePayload>): Promise<string> {
    const body = await samplePhoto(photo);
    const headers = { 'content-type': 'image/jpeg' };
    const answer = await server.json(`/images?key=${encodeURIComponent(key)}`, { method: 'POST', headers, body });
    const id = String(answer.body.id);
    const { vectors } = server.deps;
    const point = (await vectors.get([id])).get(id) as { payload: ImagePayload };
    const vector = (await vectors.vectors([id])).get(id)!;
    await vectors.upsert([{ id, vector, payload: { ...point.payload, ...known } }], 'not-older');
    return id;
  }

  it('shows the day and the hour of the place where a picture was taken, and who says so', async (t) => {
    const { page } = await browser.open(t, `${server.url}?photo=${tokyo}`, { timezoneId: 'America/Los_Angeles' });
    const facts = page.locator('.facts');
    await facts.getByText('Jan 1, 2020, 12:10 AM').waitFor();
    assert.match(await facts.innerText(), /UTC\+09:00, from the camera/);
    assert.doesNotMatch(await facts.innerText(), /Bucket|Key/);
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'temple, Jan 1, 2020' }).waitFor();
    await page.getByRole('link', { name: 'cat, Jul 5, 2019' }).waitFor();
  });

  it('lists by the date of taking, and keeps the order in the address', async (t) => {
    const { page } = await browser.open(t, server.url);
    const names = async () =>
      (await page.locator('.tile-main').evaluateAll((all) => all.map((one) => one.textContent.split(',')[0]!))).join(
        ' ',
      );
    await page.getByLabel('Order').selectOption('Oldest first');
    await page.getByRole('heading', { name: 'Oldest first 3 pictures' }).waitFor();
    assert.equal(await names(), 'cat temple moon');
    await page.getByLabel('Order').selectOption('Newest first');
    await page.getByRole('heading', { name: 'Newest first 3 pictures' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Newest first 3 pictures' }).waitFor();
    assert.equal(await names(), 'temple cat moon');

    // A search begins with its best matches, and has the same orders.
    const search = page.getByRole('combobox', { name: 'Search pictures with words' });
    await search.fill('cat moon temple');
    await page.getByRole('heading', { name: 'Best matches', exact: true }).waitFor();
    assert.equal(await page.getByLabel('Order').inputValue(), 'relevance');
    await page.getByLabel('Order').selectOption('Oldest first');
    await page.getByRole('heading', { name: 'Best matches 3', exact: true }).waitFor();
    assert.equal(await names(), 'cat temple moon');
    assert.equal(new URL(page.url()).searchParams.get('sort'), 'taken');
    await page.getByLabel('Order').selectOption('Recently added');
    await page.waitForFunction(() => document.querySelector('.tile-main')?.textContent.startsWith('moon'));
    assert.equal(await names(), 'moon cat temple');
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await page.getByRole('heading', { name: 'Newest 3 pictures' }).waitFor();
  });

  it('filters by folder and camera, from the picture and from the filters', async (t) => {
    const { page } = await browser.open(t, `${server.url}?photo=${tokyo}`);
    await page.getByRole('button', { name: 'Trip/day2' }).click();
    await page.getByRole('heading', { name: 'Newest 1 picture' }).waitFor();
    await page.getByRole('button', { name: 'Remove filter in Trip/day2' }).click();
    await page.getByRole('heading', { name: 'Newest 3 pictures' }).waitFor();
    await page.getByRole('button', { name: 'Filters' }).click();
    const filters = page.getByRole('dialog', { name: 'Filters' });
    await filters.getByLabel('Camera').selectOption('Canon EOS 5D (1)');
    await page.getByRole('heading', { name: 'Newest 1 picture' }).waitFor();
    await filters.getByLabel('Folder').selectOption('Trip/day1 (1)');
    await page.getByRole('heading', { name: 'No matches' }).waitFor();
    assert.equal(new URL(page.url()).search, '?folder=Trip%2Fday1&camera=Canon+EOS+5D');
  });

  it('lists the folders of the index, filters by one, and counts the pictures of one that is not there', async (t) => {
    const folders = async () => [
      { name: 'photos', bucket: 'photos', path: '/photos', pictures: 2, watched: true, isThere: true },
      { name: 'Old drive', bucket: 'old-drive', path: '/old', pictures: 12, watched: false, isThere: false },
    ];
    const several = await pageServer({}, 2, { folders });
    const { page } = await browser.open(t, several.url);
    t.after(() => several.close());
    await page.getByText('12 pictures are hidden: Old drive is unavailable.').waitFor();
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByRole('dialog', { name: 'Filters' }).getByLabel('Library').selectOption('photos (2)');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Remove filter from photos' }).waitFor();
    await page.getByRole('heading', { name: 'Newest 2 pictures' }).waitFor();
    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'Status' }).click();
    const list = page.getByRole('region', { name: 'Folders' });
    assert.match(
      await list.innerText(),
      /watched\s+photos\s+\/photos\s+2 pictures\s+unavailable\s+Old drive\s+\/old\s+12 pictures/,
    );
    await list.getByRole('button', { name: 'photos' }).click();
    await page.getByRole('heading', { name: 'Newest 2 pictures' }).waitFor();
  });
});
