import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { browserSkip, passTime, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer, samplePath } from '../support/page-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { sampleReport } from './report.ts';

const failed = /Failed to load resource/;
const script = '<img src=x onerror=alert(1)>';

describe('the page and what nobody should send it', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  const folder = tempFolder();
  before(async () => {
    server = await pageServer({}, 3, { report: sampleReport() });
  });
  after(() => server.close());

  it('runs nothing of names, captions, tags and messages, and asks nobody else for anything', async (t) => {
    const post = (path: string, body: unknown, method = 'POST') =>
      server.json(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const { index, failures, buckets } = server.deps;
    const key = `${script}<script>alert(1).jpg`;
    await buckets.get('photos')!.put(key, new Uint8Array(await readFile(samplePath('coffee.jpg'))));
    const outcome = await index({ type: 'created', bucket: 'photos', key, sequencer: null });
    assert.equal(outcome.status, 'indexed');
    await post(`/images/${outcome.id}`, { tags: [script] }, 'PATCH');
    // Some of them apply to the picture, so they are listed beside it.
    const captions = ['javascript:alert(1)', 'a cup of coffee', 'a red boat', 'two dogs', 'a street', 'the moon'];
    await post('/captions', { items: captions.map((text) => ({ text: `${script} ${text}` })) });
    const failure = { bucket: 'photos', etag: '', sequencer: '', reason: 'truncated', retryable: true };
    await failures.record({ ...failure, id: outcome.id, key, message: script });

    const { page } = await browser.open(t, 'about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('dialog', (dialog) => {
      asked.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const views: readonly (readonly [string, string])[] = [
      [`?q=${encodeURIComponent(script)}&with=1:${encodeURIComponent(script)}`, '.tile'],
      [`?q=${encodeURIComponent(`${script} javascript:alert(1)`)}&kind=any`, '.caption-tile'],
      [`?photo=${outcome.id}`, '.caption-list li'],
      ['?view=failures', '.failure'],
      ['?view=status', '.changes li'],
      ['?view=map', '.map-stage'],
      [`?tag=${encodeURIComponent(script)}`, '.active-filters li'],
    ];
    for (const [query, ready] of views) {
      await page.goto(server.url + query);
      await page.locator(ready).first().waitFor();
      assert.equal(await page.locator('img[src="x"], script:not([src])').count(), 0, query);
    }
    await page.goto(`${server.url}?view=training`);
    await page.getByRole('button', { name: 'Data', exact: true }).click();
    await page.getByLabel('Split').selectOption('train');
    await page.getByRole('heading', { name: script }).waitFor();
    const elsewhere = asked.filter((url) => !url.startsWith(server.url) && !/^(blob|data|about):/.test(url));
    assert.deepEqual(elsewhere, []);
  });

  it('says of a head that kept no curves which epoch it is of, and not of how many', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    await page.route('**/model', async (route) => {
      const response = await route.fetch();
      const model = (await response.json()) as { head: { trained: object } };
      const head = { ...model.head, curves: [], trained: { ...model.head.trained, epoch: 12 } };
      return route.fulfill({ response, json: { ...model, head } });
    });
    await page.goto(`${server.url}?view=training`);
    const card = page.locator('.card', { hasText: 'Epoch used' });
    assert.match(await card.innerText(), /^Epoch used\s+12$/);
  });

  it('takes a thousand files at once and lets them go again', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    let sent = 0;
    await page.route('**/images', (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      sent += 1;
    });
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      for (let i = 0; i < 1000; i++) {
        dataTransfer.items.add(new File([`picture ${i}`], `picture-${i}.jpg`, { type: 'image/jpeg' }));
      }
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await page.getByRole('heading', { name: 'Adding 1,000 pictures' }).waitFor();
    await page.getByText('and 900 more files').waitFor();
    assert.equal(await page.locator('.upload').count(), 100);
    // The page still works.
    await page.getByRole('combobox', { name: 'Search pictures with words' }).fill('a cat');
    await page.getByRole('heading', { name: /^Best matches/ }).waitFor();
    await page.getByRole('button', { name: 'Cancel all' }).click();
    await page.getByRole('heading', { name: '0 pictures added' }).waitFor();
    assert.ok(sent <= 3, `${sent} were sent at the same time`);
  });

  it('says of a file over the limit that it is too large, and sends the others', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: failed });
    const large = join(folder, 'large.jpg');
    await writeFile(large, Buffer.alloc(6 * 1024 ** 2, 1));
    await page.getByLabel('Pictures to add').setInputFiles([large, samplePath('moon.jpg')]);
    await page.getByRole('heading', { name: '1 picture added, 1 rejected' }).waitFor();
    assert.match(await page.locator('.upload-failed').innerText(), /large\.jpg\s+Too large\./);
  });

  it('takes the pictures of a dropped folder, with the folders in it', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    const trip = join(folder, 'trip');
    await mkdir(join(trip, 'day one'), { recursive: true });
    await copyFile(samplePath('rocket.jpg'), join(trip, 'day one', 'rocket.jpg'));
    await copyFile(samplePath('sunset.jpg'), join(trip, 'sunset.jpg'));
    // Browsers do not know this type; the server detects it from the bytes.
    await copyFile(samplePath('moon.jpg'), join(trip, 'moon.NEF'));
    await writeFile(join(trip, 'notes.txt'), 'not a picture');
    await dropFromDesktop(page, trip);
    await page.getByRole('heading', { name: '3 pictures added' }).waitFor();
    const names = await page.locator('.upload-name').allInnerTexts();
    assert.deepEqual(names.sort(), ['trip/day one/rocket.jpg', 'trip/moon.NEF', 'trip/sunset.jpg']);
  });

  it('says that it still waits for a server that says nothing, and does not wait for ever', async (t) => {
    const { page } = await browser.open(t, 'about:blank');
    await page.clock.install();
    await page.goto(server.url);
    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    let silent = true;
    await page.route('**/search?*', (route) => (silent ? undefined : route.continue()));
    const asked = page.waitForRequest('**/search?*');
    await page.getByRole('combobox', { name: 'Search pictures with words' }).fill('a cat');
    await asked;
    await page.clock.fastForward(5_000);
    const note = page.getByText('Still waiting for the server.');
    await note.waitFor();
    assert.equal(await page.locator('.results-old').count(), 1, 'what is there is not the answer');
    await page.clock.fastForward(31_000);
    await page.getByRole('heading', { name: 'The server is taking too long' }).waitFor();
    await note.waitFor({ state: 'detached' });
    silent = false;
    // The page retries within a second; the button may be gone before it can be clicked.
    await page.getByRole('heading', { name: /^Best matches/ }).waitFor();
  });

  it('says that the server is gone while nobody searches, and takes it back when it is there again', async (t) => {
    const { page } = await browser.open(t, 'about:blank', { expectComplaints: /Failed to load|ERR_|EventSource/ });
    await page.clock.install();
    // The list reloads when the stream opens; a search running when the server stops reports its own error.
    let lists = 0;
    const quiet = page.waitForEvent(
      'requestfinished',
      (request) => /images\?limit=60/.test(request.url()) && ++lists === 2,
    );
    await page.goto(server.url);
    await page.locator('.tile img.shown').first().waitFor();
    await quiet;
    await server.pause();
    const note = page.getByText('The server is not responding.');
    // The notice waits a while; the test need not.
    await passTime(page, note);
    assert.ok((await page.locator('.tile').count()) > 0, 'what was there stays');
    await server.resume();
    await note.waitFor({ state: 'detached' });
  });
});

/** A drag dispatched by the browser itself, with real file system entries, which scripts cannot create. */
async function dropFromDesktop(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 700, y: 500, data });
  }
}
