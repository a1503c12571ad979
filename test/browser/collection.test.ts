import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { Request } from 'playwright-core';
import type { ChangeProgress } from '../../functions/http/deps.ts';
import { nameOf } from '../../web/format-values.ts';
import { browserSkip, passTime, useBrowser } from '../support/browser.ts';
import { dropFiles, type PageServer, pageServer, sampleNames, samplePath } from '../support/page-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { violationsInLightAndDark } from './axe.ts';

describe('a collection on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  const folder = tempFolder();
  before(async () => {
    server = await pageServer();
  });
  after(() => server.close());

  it('says that pictures are being looked at while none is there yet', async (t) => {
    let waiting = 1200;
    const starting = await pageServer({}, 0, { backlog: () => waiting });
    const { page } = await browser.open(t, starting.url);
    t.after(() => starting.close());
    await page.getByRole('heading', { name: 'Indexing 1,200 pictures' }).waitFor();
    await page.clock.install();
    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'Status' }).click();
    await page.locator('.card', { hasText: 'Waiting to be indexed' }).getByText('1,200').waitFor();
    await page.goBack();
    waiting = 0;
    await passTime(page, page.getByRole('heading', { name: 'No pictures yet' }));
  });

  it('says how much of the collection is indexed while that goes on', async (t) => {
    let waiting = 7;
    const busy = await pageServer({}, 3, { backlog: () => waiting });
    const { page } = await browser.open(t, busy.url);
    t.after(() => busy.close());
    const note = page.getByRole('region', { name: 'Indexing' });
    await page.clock.install();
    await passTime(page, note.getByText('3 of 10 pictures indexed'));
    await page.getByRole('combobox', { name: 'Search pictures with words' }).fill('a cat');
    await passTime(page, note.getByText('These are the best matches so far.'));
    await page.goto(`${busy.url}?tag=nowhere`);
    await page.getByRole('heading', { name: 'No matches' }).waitFor();
    await passTime(page, note.getByText(/3 of 10 pictures indexed, .* left.*The rest will appear as they are indexed/));
    waiting = 0;
    await passTime(page, note, { until: 'gone' });
  });

  it('says how far a change of models is, what it waits for, and when it is over', async (t) => {
    let change: ChangeProgress | null = { profile: 'clip', done: 1, total: 3, partial: false, problem: null };
    const changing = await pageServer({}, 3, { change: () => change });
    const { page } = await browser.open(t, changing.url);
    t.after(() => changing.close());
    const note = page.getByRole('region', { name: 'Model change' });
    await page.clock.install();
    await passTime(
      page,
      note.getByText('Switching to the models clip: 1 of 3 done. Until then, the previous models answer'),
    );
    change = { ...change, done: 2, partial: true, problem: 'a folder is away' };
    await passTime(page, note.getByText('2 of 3 done. Until then, searches only find what is done.'));
    await note.getByText('Waiting: a folder is away').waitFor();
    change = null;
    await passTime(page, note, { until: 'gone' });
  });

  it('explains itself while it is empty', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'No pictures yet' }).waitFor();
  });

  it('takes ten dropped pictures of which one is broken, and shows the others without a reload', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /status of 4(15|22)/ });
    await page.getByRole('heading', { name: 'No pictures yet' }).waitFor();
    const broken = join(folder, 'broken.jpg');
    await writeFile(broken, 'this is not a picture');
    const good = (await sampleNames()).slice(0, 9).map(samplePath);
    await dropFiles(page, '[data-drop="add"]', [broken, ...good]);
    await page.getByRole('heading', { name: '9 pictures added, 1 rejected' }).waitFor();
    const row = page.locator('.upload-failed');
    assert.match(await row.innerText(), /broken\.jpg\s+This server cannot read this kind of file\. .+/);
    await page.getByRole('heading', { name: 'Newest 9 pictures' }).waitFor();
    assert.equal((await server.json('/images')).body.total, 9);
  });

  it('sends a refused file again on request', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /status of 503/ });
    let refused = 0;
    await page.route('**/images', (route) =>
      route.request().method() === 'POST' && refused++ < 3
        ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"detail":"later"}' })
        : route.continue(),
    );
    await page.clock.install();
    await page.getByLabel('Pictures to add').setInputFiles(samplePath('rocket.jpg'));
    // The page retries twice, after pauses that the test skips.
    await passTime(page, page.getByRole('button', { name: 'Try rocket.jpg again' }));
    await page.getByRole('button', { name: 'Try rocket.jpg again' }).click();
    await page.getByRole('button', { name: 'Show rocket.jpg' }).waitFor();
    assert.equal(refused, 4);
  });

  it('sends pictures straight to the bucket where uploads are signed, and says what became of them', async (t) => {
    const sent: (string | undefined)[] = [];
    // Simulates a bucket on another origin, and the event for each new object.
    const bucket = createServer(async (request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('access-control-allow-headers', '*');
      response.setHeader('access-control-allow-methods', 'PUT');
      if (request.method === 'OPTIONS') return response.end();
      const key = decodeURIComponent(request.url!.slice(1));
      const bytes = new Uint8Array(await buffer(request));
      sent.push(request.method, request.headers['content-type']);
      await signing.deps.buckets.get('photos')!.put(key, bytes);
      response.end();
      const outcome = await signing.deps.index({ type: 'created', bucket: 'photos', key, sequencer: null });
      if (outcome.status !== 'rejected') return;
      const { id, etag, reason, message } = outcome;
      const failure = { id, bucket: 'photos', key, etag, sequencer: '', reason, message, retryable: false };
      await signing.deps.failures.record(failure);
    });
    await once(bucket.listen(0, '127.0.0.1'), 'listening');
    const { port } = bucket.address() as AddressInfo;
    const signing = await pageServer({}, 0, {
      presignUpload: async (key, { contentType, bytes }) => ({
        url: `http://127.0.0.1:${port}/${encodeURIComponent(key)}`,
        headers: { 'content-type': contentType, 'content-length': String(bytes) },
        expiresAt: new Date().toISOString(),
      }),
    });
    const { page } = await browser.open(t, signing.url);
    // Only after the page is closed, which would log errors about stopped servers.
    t.after(async () => {
      await signing.close();
      bucket.close();
    });
    const broken = join(folder, 'broken.jpg');
    await writeFile(broken, 'this is not a picture');
    await page.clock.install();
    await page.getByLabel('Pictures to add').setInputFiles([samplePath('cat.jpg'), broken]);
    await passTime(page, page.getByRole('heading', { name: '1 picture added, 1 rejected' }));
    assert.match(await page.locator('.upload-failed').innerText(), /broken\.jpg\s+expected JPEG/i);
    await page.getByRole('link', { name: /cat$/ }).waitFor();
    assert.deepEqual(sent, ['PUT', 'image/jpeg', 'PUT', 'image/jpeg']);
  });

  it('cancels an upload', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.route('**/images', (route) => (route.request().method() === 'POST' ? undefined : route.continue()));
    await page.getByLabel('Pictures to add').setInputFiles(samplePath('moon.jpg'));
    await page.getByRole('button', { name: 'Cancel moon.jpg' }).click();
    assert.match(await page.locator('.upload').innerText(), /cancelled/);
  });

  it('makes room for others at once when uploads are cancelled that wait to be sent again', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /503/ });
    const isUpload = (request: Request) => request.method() === 'POST' && request.url().endsWith('/images');
    let refused = 0;
    await page.route('**/images', (route) => {
      if (!isUpload(route.request()) || refused === 3) return route.continue();
      refused += 1;
      return route.fulfill({ status: 503, headers: { 'retry-after': '30' }, body: '{}' });
    });
    await page.clock.install();
    const third = page.waitForResponse((answer) => answer.status() === 503 && refused === 3);
    await page.getByLabel('Pictures to add').setInputFiles(['moon.jpg', 'clock.jpg', 'coffee.jpg'].map(samplePath));
    await third;
    // The clock is frozen: there is no retry after 30 seconds.
    await page.clock.pauseAt(Date.now() + 5000);
    await page.getByRole('button', { name: 'Cancel all' }).click();
    const sent = page.waitForRequest(isUpload);
    await page.getByLabel('Pictures to add').setInputFiles(samplePath('rocket.jpg'));
    await sent;
  });

  it('shows what somebody else has added', async (t) => {
    await server.seed(4);
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: /^Newest \d+ pictures$/ }).waitFor();
    const id = await server.addPhoto('sunset.jpg');
    await page.locator(`.tile-main[href*="${id}"]`).waitFor();
  });

  it('opens a picture, walks with the arrow keys and closes it', async (t) => {
    await server.seed(4);
    const { page } = await browser.open(t, server.url);
    await page.locator('.tile-main').first().click();
    const dialog = page.locator('dialog.detail');
    const { items } = (await server.json('/images')).body as unknown as { items: { id: string; key: string }[] };
    await dialog.getByRole('heading', { name: nameOf(items[0]!.key) }).waitFor();
    await page.keyboard.press('ArrowRight');
    await dialog.getByRole('heading', { name: nameOf(items[1]!.key) }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await dialog.getByRole('heading', { name: nameOf(items[0]!.key) }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('photo'), items[0]!.id);
    await dialog
      .locator('.neighbours li')
      .nth(items.length - 2)
      .waitFor();
    assert.equal(await dialog.locator('.neighbours li').count(), items.length - 1);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(new URL(page.url()).searchParams.get('photo'), null);
  });

  it('copies the link of a picture and downloads its file', async (t) => {
    await server.seed(4);
    const { page } = await browser.open(t, server.url);
    await page
      .context()
      .grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(server.url).origin });
    await page.locator('.tile-main').first().click();
    const dialog = page.locator('dialog.detail');
    await dialog.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('Link copied').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
    const id = new URL(page.url()).searchParams.get('photo');
    const { key, links } = (await server.json(`/images/${id}`)).body as unknown as Record<'key', string> & {
      links: { content: string };
    };
    const coming = page.waitForEvent('download');
    await dialog.getByRole('link', { name: 'Download' }).click();
    const download = await coming;
    assert.equal(download.suggestedFilename(), nameOf(key));
    const stored = await fetch(new URL(links.content, server.url));
    assert.deepEqual(await readFile(await download.path()), Buffer.from(await stored.arrayBuffer()));
  });

  it('tags a picture and filters by the tag', async (t) => {
    await server.seed(4);
    const { page } = await browser.open(t, server.url);
    await page.locator('.tile-main').first().click();
    await page.getByLabel('Add a tag', { exact: true }).fill('<b>evening</b>');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove tag <b>evening</b>' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByRole('button', { name: '<b>evening</b> 1' }).click();
    await page.getByRole('heading', { name: 'Newest 1 picture' }).waitFor();
  });

  it('moves to the trash with a way back, and says for how long', async (t) => {
    await server.seed(4);
    const { page } = await browser.open(t, server.url);
    await page.locator('.grid .tile').nth(1).waitFor();
    const total = async () => Number((await server.json('/images')).body.total);
    const before = await total();
    const select = page.getByRole('button', { name: /^Select .+/ });
    await select.nth(0).click();
    await select.nth(1).click();
    await page.getByText('2 pictures selected').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('2 pictures moved to trash').waitFor();
    await page.getByText('The files are kept there for 30 days.').waitFor();
    assert.equal(await total(), before - 2);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('2 pictures restored').waitFor();
    await page.getByRole('heading', { name: `Newest ${before} pictures` }).waitFor();
    assert.equal(await total(), before);
  });

  it('has a trash, to restore from and to delete from for good, which asks once', async (t) => {
    await server.seed(6);
    const { page } = await browser.open(t, server.url, { reducedMotion: 'reduce' });
    const { items } = (await server.json('/images?limit=3')).body;
    const tile = (at: number) => page.locator(`.tile-main[href*="${items[at]!.id}"]`);
    const name = (at: number) => nameOf(String(items[at]!.key));
    for (const at of [0, 1, 2]) {
      await tile(at).focus();
      await page.keyboard.press('Delete');
      await tile(at).waitFor({ state: 'detached' });
    }
    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'Trash' }).click();
    await page.getByRole('heading', { name: 'Trash 3 pictures' }).waitFor();
    await page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLImageElement>('.trash-row img')].every((one) => one.naturalWidth > 0),
    );
    assert.deepEqual(await violationsInLightAndDark(page), []);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    // In a narrow page, messages lie over the list for six seconds.
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole('button', { name: `Restore ${name(0)}` }).click();
    await page.getByRole('heading', { name: 'Trash 2 pictures' }).waitFor();
    assert.equal((await server.json(`/images/${items[0]!.id}`)).status, 200);

    await page.getByRole('button', { name: `Delete permanently ${name(1)}` }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: `Delete permanently ${name(1)}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete permanently' }).click();
    await page.getByRole('heading', { name: 'Trash 1 picture' }).waitFor();
    await page.getByRole('button', { name: 'Empty trash' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete permanently' }).click();
    await page.getByRole('heading', { name: 'The trash is empty' }).waitFor();
    assert.deepEqual((await server.json('/trash')).body.items, []);
    // The restored picture is visible again.
    await page.goBack();
    await tile(0).waitFor();
  });

  it('shows how far it is with many pictures, stops when asked to, and gives back what was not done', async (t) => {
    await server.seed(8);
    const { page } = await browser.open(t, server.url, { expectComplaints: /status of 429/ });
    const total = Number((await server.json('/images')).body.total);
    await page.getByRole('heading', { name: `Newest ${total} pictures` }).waitFor();
    const all = async () => {
      await page
        .getByRole('button', { name: /^Select .+/ })
        .first()
        .click();
      await page.getByRole('button', { name: 'All shown' }).click();
    };
    const tag = async (name: string) => {
      await page.getByRole('button', { name: 'Tag', exact: true }).click();
      await page.getByLabel('Add a tag', { exact: true }).fill(name);
      await page.keyboard.press('Enter');
    };
    // After a 429, the page retries when the server said.
    let busy = 2;
    await page.route('**/images/*', (route) =>
      route.request().method() === 'PATCH' && busy-- > 0
        ? route.fulfill({ status: 429, headers: { 'retry-after': '1' }, body: '{}' })
        : route.continue(),
    );
    await page.clock.install();
    await all();
    await tag('night');
    await passTime(page, page.getByText(`${total} pictures tagged night`));
    assert.deepEqual((await server.json('/tags')).body.items.find(({ tag }) => tag === 'night')?.count, total);
    await page.unrouteAll();

    let held = 0;
    await page.route('**/images/*', (route) => {
      if (route.request().method() !== 'DELETE') return route.continue();
      held += 1;
      return held > 2 ? undefined : route.continue();
    });
    await page.getByRole('button', { name: 'Delete' }).click();
    await passTime(page, page.getByText(`2 of ${total}`));
    await page.getByRole('progressbar', { name: `Deleting ${total} pictures` }).waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    // Waits for requests in progress, and no longer: it fails if the server is too slow.
    await page.clock.fastForward(31_000);
    await page.getByText('The server is taking too long').first().waitFor();
    await page.getByRole('heading', { name: `Newest ${total - 2} pictures` }).waitFor();
    assert.equal(held, 6);
    assert.equal((await server.json('/images')).body.total, total - 2);
  });

  it('lists failures with their reasons and tries them again', async (t) => {
    const failure = { bucket: 'photos', etag: 'e', sequencer: '', reason: 'truncated', retryable: true };
    const id = await server.addPhoto('dahlia.jpg');
    await server.deps.failures.record({ ...failure, id, key: 'dahlia.jpg', message: 'the file ends too early' });
    const { page } = await browser.open(t, `${server.url}?view=failures`);
    await page.getByText('the file ends too early').waitFor();
    await page.getByRole('button', { name: 'Try again dahlia.jpg' }).click();
    await page.getByRole('heading', { name: 'Everything is indexed' }).waitFor();
    assert.equal(await server.deps.failures.count(), 0);
  });

  it('takes failures off the list that trying again cannot help, until their files change', async (t) => {
    const id = await server.addPhoto('paint-brushes.jpg');
    const failure = { id, bucket: 'photos', key: 'half.jpg', etag: 'e', sequencer: '', reason: 'truncated' };
    const record = (etag: string) =>
      server.deps.failures.record({ ...failure, etag, message: 'the file ends too early', retryable: false });
    await record('e');
    const { page } = await browser.open(t, `${server.url}?view=failures`);
    await page.getByText('rejected until the file changes').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
    await page.getByRole('button', { name: 'Dismiss half.jpg' }).click();
    await page.getByRole('heading', { name: 'Everything is indexed' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Everything is indexed' }).waitFor();
    await record('e');
    await record('another');
    await page.getByRole('button', { name: 'Dismiss half.jpg' }).waitFor();
    await server.deps.failures.resolve(id);
  });

  it('lists what failed between the first answer and the first event', async (t) => {
    const { page } = await browser.open(t, 'about:blank', { withoutSharedWorkers: true });
    const id = '00000000-0000-4000-8000-00000000000a';
    const failure = { id, bucket: 'photos', key: 'late.jpg', etag: 'e', sequencer: '', reason: 'truncated' };
    await page.route(/\/events$/, async (route) => {
      await page.getByRole('heading', { name: 'Everything is indexed' }).waitFor();
      await server.deps.failures.record({ ...failure, message: 'it ends too early', retryable: false });
      return route.continue();
    });
    await page.goto(`${server.url}?view=failures`);
    await page.getByRole('button', { name: 'Dismiss late.jpg' }).waitFor();
    await server.deps.failures.resolve(id);
  });

  it('adds the pictures below a folder that is picked, and nothing else of it', async (t) => {
    const empty = await pageServer();
    const albums = await mkdtemp(join(folder, 'albums-'));
    await mkdir(join(albums, 'spring', '.hidden'), { recursive: true });
    await copyFile(samplePath('dahlia.jpg'), join(albums, 'dahlia.jpg'));
    await copyFile(samplePath('cat.jpg'), join(albums, 'spring', 'cat.jpg'));
    await copyFile(samplePath('moon.jpg'), join(albums, 'spring', '.hidden', 'moon.jpg'));
    for (const name of ['notes.txt', 'one.jpg', 'two.jpg']) await writeFile(join(albums, name), 'not a picture');
    const { page } = await browser.open(t, empty.url, { expectComplaints: /status of 4(15|22)/ });
    t.after(() => empty.close());
    await page.getByLabel('Folder to add').setInputFiles(albums);
    await page.getByRole('heading', { name: '2 pictures added, 2 rejected' }).waitFor();
    const names = await page.locator('.upload-name').allInnerTexts();
    assert.deepEqual(names.map((name) => name.replace(/^albums-\w+\//, '')).sort(), [
      'dahlia.jpg',
      'one.jpg',
      'spring/cat.jpg',
      'two.jpg',
    ]);
    // They would be rejected again.
    assert.equal(await page.getByRole('button', { name: 'Retry failed files' }).count(), 0);
  });

  it('says what is stored and which models answer', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=status`);
    const { total } = (await server.json('/images')).body;
    await page.locator('.card', { hasText: 'Pictures' }).getByText(String(total), { exact: true }).waitFor();
    await page.getByText('feedfeedfeedfeed').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
  });
});
