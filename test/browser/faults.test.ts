import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { browserSkip, passTime, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer, samplePath } from '../support/page-server.ts';

const failed = /Failed to load resource/;

describe('the page when things go wrong', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 4);
  });
  after(() => server.close());

  const answers = [
    { status: 413, body: '{"detail":"at most 5 bytes"}', says: /Too large/ },
    { status: 415, body: '{"detail":"no such type"}', says: /This server cannot read this kind of file/ },
    { status: 429, body: '{}', says: /Too many requests.*Wait 30 seconds/s },
    { status: 500, body: '{"detail":"broken"}', says: /Server error/ },
    { status: 502, body: '<html>Bad gateway</html>', says: /Server error/ },
    { status: 200, body: '<html>Log in to the hotel</html>', says: /Unexpected answer from the server/ },
    { status: 200, body: '{"items":7}', says: /Unexpected answer from the server/ },
  ];
  it('says what to do when a search is answered', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: failed });
    let broken: { status: number; body: string } | undefined;
    await page.route('**/search?*', (route) =>
      broken ? route.fulfill({ ...broken, headers: { 'retry-after': '30' } }) : route.continue(),
    );
    // Recovers only on the click: the page also retries by itself, and then the button would be gone.
    await page.exposeFunction('wasClicked', () => {
      broken = undefined;
    });
    await page.evaluate(() => {
      const { wasClicked } = globalThis as unknown as { wasClicked: () => void };
      addEventListener('click', () => wasClicked(), { capture: true });
    });
    for (const [i, { status, body, says }] of answers.entries()) {
      await t.test(`${status} ${body}`, async () => {
        broken = { status, body };
        await page.getByRole('combobox', { name: 'Search pictures with words' }).fill(`a cat and ${i} dogs`);
        const note = page.locator('.fault');
        await note.waitFor();
        assert.match(await note.innerText(), says);
        await note.getByRole('button', { name: 'Try again' }).click();
        await page.getByRole('heading', { name: 'Best matches 4' }).waitFor();
        await note.waitFor({ state: 'detached' });
        await page.getByRole('button', { name: 'Clear the search' }).click();
        await page.getByRole('heading', { name: 'Newest 4 pictures' }).waitFor();
      });
    }
  });

  it('comes back by itself when the server was restarted', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /Failed to load|ERR_|EventSource/ });
    await page.getByRole('heading', { name: 'Newest 4 pictures' }).waitFor();
    await server.pause();
    await page.getByRole('combobox', { name: 'Search pictures with words' }).fill('a cat');
    assert.match(await page.locator('.fault').innerText(), /The server is not responding/);
    await server.resume();
    await page.getByRole('heading', { name: 'Best matches 4' }).waitFor();
    const id = await server.addPhoto('moon.jpg');
    await page.locator(`.tile-main[href*="${id}"]`).waitFor();
  });

  it('says in sight that there is no next page, however far down', async (t) => {
    const { page } = await browser.open(t, 'about:blank', {
      expectComplaints: failed,
      viewport: { width: 360, height: 300 },
    });
    await page.route(/\/images\?/, (route) => {
      const url = new URL(route.request().url());
      if (url.searchParams.has('cursor')) return route.abort();
      if (url.searchParams.get('limit') !== '1') url.searchParams.set('limit', '4');
      return route.continue({ url: url.href });
    });
    await page.goto(server.url);
    const note = page.locator('.fault');
    await note.waitFor();
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForFunction(() => scrollY > 100);
    const box = (await note.boundingBox())!;
    assert.ok(box.y >= 0 && box.y < 300, `at ${box.y}`);
  });

  it('shows and says of a picture that is not there that it is none', async (t) => {
    const { page } = await browser.open(t, 'about:blank', { expectComplaints: failed });
    await page.clock.install();
    await page.addInitScript(() => {
      Object.assign(globalThis, { faults: 0 });
      addEventListener('error', () => Reflect.set(globalThis, 'faults', Reflect.get(globalThis, 'faults') + 1), {
        capture: true,
      });
    });
    const faults = () => page.evaluate(() => Reflect.get(globalThis, 'faults') as number);
    const [late, never] = (await server.json('/images')).body.items.map(({ id }) => id as unknown as string);
    await page.route(`**/images/${late}/thumbnail*`, () => {});
    let asked = 0;
    await page.route(`**/images/${never}/thumbnail*`, (route) => {
      asked++;
      return route.fulfill({ status: 500 });
    });
    await page.goto(server.url);
    const tile = (id: string | undefined) => page.locator('.tile', { has: page.locator(`[data-photo="${id}"]`) });
    const look = (id: string | undefined) =>
      tile(id).evaluate((one) => {
        const { borderTopStyle, backgroundColor } = getComputedStyle(one);
        return [borderTopStyle, backgroundColor, one.querySelector('.tile-main')!.getAttribute('aria-busy')];
      });
    const nothing = ['dashed', 'rgba(0, 0, 0, 0)', 'true'];
    await page.locator('.tile img.shown').first().waitFor();
    assert.deepEqual([await look(late), await look(never)], [nothing, nothing]);
    const there = await page.locator('.tile-main:has(.shown)').first().getAttribute('data-photo');
    const [border, , isBusy] = await look(there!);
    assert.deepEqual([border, isBusy], ['none', 'false']);
    const link = tile(never).getByRole('link', { name: /^Cannot be loaded/ });
    // A pause begins when the page has heard of the fault, so its clock goes on until the last try has failed.
    await passTime(page, link);
    assert.equal(asked, 4, 'three tries more, and no fifth');
    assert.equal(await faults(), 4, 'a pause is no fault');
    assert.equal(await tile(never).locator('img').count(), 0);
    assert.deepEqual(await look(late), nothing);
  });

  it('goes on sending pictures when the server is back', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: failed });
    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    await page.clock.install();
    await server.pause();
    await page.getByLabel('Pictures to add').setInputFiles(['rocket.jpg', 'clock.jpg'].map(samplePath));
    await page.getByRole('heading', { name: 'Adding 2 pictures' }).waitFor();
    await passTime(page, page.getByText('The server is not responding.'));
    await server.resume();
    await passTime(page, page.getByRole('heading', { name: '2 pictures added', exact: true }));
  });

  it('says that the machine is offline, also after the server has stopped', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /Failed to load|ERR_|EventSource/ });
    await page.locator('.tile img.shown').first().waitFor();
    await server.pause();
    await page.getByText('The server is not responding.').waitFor();
    await page.context().setOffline(true);
    await page.getByText('You are offline.').waitFor();
    await page.context().setOffline(false);
    await server.resume();
    await page.locator('.connection-note').waitFor({ state: 'detached' });
  });

  it('says that the machine is offline, and shows what came meanwhile once it is not', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: failed, withoutSharedWorkers: true });
    await page.locator('.tile img.shown').first().waitFor();
    await page.clock.install();
    await page.context().setOffline(true);
    await passTime(page, page.getByText('You are offline.'));
    assert.ok((await page.locator('.tile img.shown').count()) > 0, 'what is on the page stays');
    const id = await server.addPhoto('sunset.jpg');
    await page.context().setOffline(false);
    await page.locator(`.tile-main[href*="${id}"]`).waitFor();
    await page.getByText('You are offline.').waitFor({ state: 'detached' });
  });

  // The cursor is altered in transit; the server rejects it.
  const cursors = [
    { name: 'has expired', change: (cursor: string) => cursor.slice(0, -4), status: 400 },
    { name: 'is of other models', change: ofSpace('beefbeefbeefbeef'), status: 409 },
  ];
  for (const { name, change, status } of cursors) {
    it(`starts over when its cursor ${name}`, async (t) => {
      const { page } = await browser.open(t, 'about:blank', {
        expectComplaints: failed,
        viewport: { width: 500, height: 300 },
      });
      const answers: number[] = [];
      page.on('response', (answer) => answer.url().includes('cursor=') && answers.push(answer.status()));
      await page.route(/\/images\?/, (route) => {
        const url = new URL(route.request().url());
        const cursor = url.searchParams.get('cursor');
        if (cursor !== null && answers.length === 0) url.searchParams.set('cursor', change(cursor));
        if (url.searchParams.get('limit') !== '1') url.searchParams.set('limit', '2');
        return route.continue({ url: url.href });
      });
      await page.goto(server.url);
      const { total } = (await server.json('/images')).body;
      await page.waitForFunction((count) => document.querySelectorAll('.grid .tile').length === count, Number(total));
      assert.deepEqual([...new Set(answers)], [status, 200]);
      assert.equal(await page.locator('.fault').count(), 0);
    });
  }

  it('polls where there are no events', async (t) => {
    const { page } = await browser.open(t, 'about:blank', { withoutSharedWorkers: true });
    await page.route('**/events', (route) => route.fulfill({ status: 204, contentType: 'text/event-stream' }));
    await page.goto(server.url);
    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    const id = await server.addPhoto('wine-and-drum.jpg');
    await page.locator(`.tile-main[href*="${id}"]`).waitFor();
  });

  it('says so when a link names a picture that is gone, or one of another browser', async (t) => {
    const { page } = await browser.open(t, `${server.url}?photo=6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11`, {
      expectComplaints: failed,
    });
    await page.getByRole('heading', { name: 'It no longer exists' }).waitFor();
    await page.getByRole('button', { name: 'Back to the pictures' }).click();
    await page.getByRole('heading', { name: /^Newest/ }).waitFor();
    await page.goto(`${server.url}?picture=1:0123456789abcdef`);
    await page.getByText('Drop it here again').waitFor();
  });
});

describe('the page of a server that wants a key', browserSkip(), () => {
  const browser = useBrowser();
  const key = 'a-key-for-this-test';
  let server: PageServer;
  before(async () => {
    const apiKeyHashes = [createHash('sha256').update(key).digest('hex')];
    server = await pageServer({ apiKeyHashes, requireKey: 'write' });
    await server.deps.failures.record({
      id: '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11',
      bucket: 'photos',
      key: 'lost.jpg',
      etag: '',
      sequencer: '',
      reason: 'truncated',
      message: 'it ends too early',
      retryable: true,
    });
  });
  after(() => server.close());

  it('asks for it, says when it is wrong, does what was asked for, and keeps it nowhere', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=failures`, { expectComplaints: failed });
    await page.getByRole('button', { name: 'Try again lost.jpg' }).click();
    await page.getByRole('textbox', { name: 'Key' }).fill('another key');
    await page.getByRole('button', { name: 'Use key and try again' }).click();
    await page.getByText('The server does not recognise this key.').waitFor();
    await page.getByRole('textbox', { name: 'Key' }).fill(key);
    await page.getByRole('button', { name: 'Use key and try again' }).click();
    await page.getByRole('heading', { name: 'Everything is indexed' }).waitFor();
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]),
    );
    assert.ok(!kept.includes(key));
  });
});

describe('the page of a server that wants a key for reading, too', browserSkip(), () => {
  const browser = useBrowser();
  const key = 'another-key-for-this-test';
  let server: PageServer;
  before(async () => {
    const hash = createHash('sha256').update(key).digest('hex');
    server = await pageServer({ apiKeyHashes: [hash], requireKey: 'read' });
  });
  after(() => server.close());

  it('shows pictures and follows changes once it has one, and nothing after it was taken away', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /401|EventSource/ });
    await page.getByRole('button', { name: 'Enter a key' }).click();
    await page.getByRole('textbox', { name: 'Key' }).fill(key);
    await page.getByRole('button', { name: 'Use key and try again' }).click();
    await page.getByRole('heading', { name: 'No pictures yet' }).waitFor();
    await page.getByLabel('Pictures to add').setInputFiles(samplePath('cat.jpg'));
    await page.locator('.tile img.shown').first().waitFor();
    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'Status' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Models' }).waitFor();

    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'API key in use' }).click();
    await page.getByText('yours also allows changes').waitFor();
    const refused = page.waitForResponse((response) => response.status() === 401);
    await page.getByRole('button', { name: 'Forget key' }).click();
    await refused;
    await page.getByRole('link', { name: 'Sightline, all pictures' }).click();
    await page.getByRole('button', { name: 'Enter a key' }).waitFor();
    assert.equal(await page.locator('.tile').count(), 0);
  });
});

/** The same cursor, but from another space, as after a model change. */
function ofSpace(space: string): (cursor: string) => string {
  return (cursor) => {
    const [, ...rest] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    return Buffer.from(JSON.stringify([space, ...rest])).toString('base64url');
  };
}
