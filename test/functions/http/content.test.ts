import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import type { ObjectStore } from '../../../core/ports.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import { contentDisposition } from '../../../functions/http/routes/content.ts';
import { samplePhoto, type TestApp, testApp } from './harness.ts';

describe('the bytes of pictures over HTTP', () => {
  let t: TestApp;
  let id: string;
  let bytes: Uint8Array;
  let etag: string;
  before(async () => {
    t = await testApp();
    id = await t.addPhoto('cat.jpg');
    bytes = await samplePhoto('cat.jpg');
    etag = (await t.app.request(`/images/${id}/content`)).headers.get('etag')!;
  });
  after(() => t.close());

  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    t.app.request(`/images/${id}/content`, { method, headers });

  it('sends the whole file with everything a browser needs to know', async () => {
    const response = await get();
    assert.equal(response.status, 200);
    assert.deepEqual(await response.bytes(), bytes);
    const headers = Object.fromEntries(response.headers);
    assert.equal(headers['content-type'], 'image/jpeg');
    assert.equal(headers['content-length'], String(bytes.byteLength));
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers['cache-control'], 'private, no-cache');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['content-disposition'], `inline; filename="cat.jpg"; filename*=UTF-8''cat.jpg`);
    assert.match(headers['content-security-policy']!, /sandbox/);
    assert.match(headers.etag!, /^"[^"]+"$/);
    assert.ok(!Number.isNaN(Date.parse(headers['last-modified']!)));
  });

  it('HEAD answers the same headers and reads nothing', async () => {
    const response = await get({}, 'HEAD');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-length'), String(bytes.byteLength));
    assert.equal((await response.bytes()).byteLength, 0);
  });

  const size = () => bytes.byteLength;
  const ranges: [string, () => [number, number]][] = [
    ['bytes=0-0', () => [0, 0]],
    ['bytes=10-19', () => [10, 19]],
    ['bytes=100-', () => [100, size() - 1]],
    ['bytes=-7', () => [size() - 7, size() - 1]],
    ['bytes=0-999999999', () => [0, size() - 1]],
    ['bytes=-999999999', () => [0, size() - 1]],
    ['Bytes=5-6', () => [5, 6]],
  ];
  for (const [range, expected] of ranges) {
    it(`sends the part ${range}`, async () => {
      const [first, last] = expected();
      const response = await get({ range });
      assert.equal(response.status, 206);
      assert.equal(response.headers.get('content-range'), `bytes ${first}-${last}/${size()}`);
      assert.equal(response.headers.get('content-length'), String(last - first + 1));
      assert.deepEqual(await response.bytes(), bytes.slice(first, last + 1));
    });
  }

  for (const range of ['bytes=0-1,5-6', 'bytes=5-2', 'lines=0-1', 'bytes=', 'bytes=-', 'bytes=a-b', 'x']) {
    it(`sends the whole for the range ${range}, which cannot be served as a part`, async () => {
      const response = await get({ range });
      assert.equal(response.status, 200);
      assert.equal((await response.bytes()).byteLength, size());
    });
  }

  it('refuses a range behind the end, and says how much there is', async () => {
    for (const range of [`bytes=${size()}-`, 'bytes=999999999-', 'bytes=-0']) {
      const response = await get({ range });
      assert.equal(response.status, 416, range);
      assert.equal(response.headers.get('content-range'), `bytes */${size()}`);
      assert.equal(response.headers.get('content-type'), 'application/problem+json');
    }
  });

  it('understands conditions', async () => {
    const status = async (headers: Record<string, string>) => (await get(headers)).status;
    assert.equal(await status({ 'if-none-match': etag }), 304);
    assert.equal(await status({ 'if-none-match': `"a", W/${etag}` }), 304);
    assert.equal(await status({ 'if-none-match': '*' }), 304);
    assert.equal(await status({ 'if-none-match': '"a"' }), 200);
    assert.equal(await status({ 'if-match': etag }), 200);
    assert.equal(await status({ 'if-match': '*' }), 200);
    assert.equal(await status({ 'if-match': '"a"' }), 412);
    assert.equal(await status({ 'if-match': `W/${etag}` }), 412);
    const range = 'bytes=0-1';
    assert.equal(await status({ range, 'if-range': etag }), 206);
    assert.equal(await status({ range, 'if-range': '"a"' }), 200);
    assert.equal(await status({ range, 'if-range': `W/${etag}` }), 200);
    const modified = (await get()).headers.get('last-modified')!;
    assert.equal(await status({ range, 'if-range': modified }), 206);
    assert.equal(await status({ range, 'if-range': new Date(0).toUTCString() }), 200);
    const fresh = await get({ 'if-none-match': etag });
    assert.equal(fresh.headers.get('etag'), etag);
    assert.equal(await fresh.text(), '');
  });

  it('looks again when the picture is replaced between looking and reading', async () => {
    const buckets = t.deps.buckets as Map<string, ObjectStore>;
    const real = buckets.get('photos')!;
    const other = await samplePhoto('moon.jpg');
    let replaced = false;
    buckets.set('photos', {
      ...real,
      async head(key) {
        const info = await real.head(key);
        if (!replaced) {
          replaced = true;
          await real.put(key, other);
        }
        return info;
      },
    });
    try {
      const response = await get();
      assert.equal(response.status, 200);
      assert.deepEqual(await response.bytes(), other);
      assert.notEqual(response.headers.get('etag'), etag);
      await real.delete('cat.jpg');
      assert.equal((await get()).status, 404);
    } finally {
      buckets.set('photos', real);
      await real.put('cat.jpg', bytes);
    }
  });

  it('offers what is no picture only for download', async () => {
    const buckets = t.deps.buckets as Map<string, ObjectStore>;
    const real = buckets.get('photos')!;
    for (const contentType of ['text/html', 'image/svg+xml', 'application/octet-stream']) {
      buckets.set('photos', { ...real, head: async (key) => ({ ...(await real.head(key))!, contentType }) });
      const response = await get();
      buckets.set('photos', real);
      assert.equal(response.headers.get('content-type'), 'application/octet-stream');
      assert.match(response.headers.get('content-disposition')!, /^attachment;/);
    }
  });

  it('names files safely', () => {
    assert.equal(
      contentDisposition('inline', 'a/b/"quote"\\ \u00e9\r\n;%.jpg'),
      `inline; filename="_quote__ _____.jpg"; filename*=UTF-8''%22quote%22%5C%20%C3%A9%0D%0A%3B%25.jpg`,
    );
    assert.equal(contentDisposition('inline', "it's (1)*!.jpg").split("''")[1], 'it%27s%20%281%29%2A%21.jpg');
    assert.match(contentDisposition('inline', 'x\ud800.jpg'), /%EF%BF%BD/);
  });

  it('makes thumbnails of the size asked for, once, and none for those who have gone', async () => {
    let made = 0;
    await using counting = closing(
      await testApp({}, (deps) => ({
        ...deps,
        thumbnail: (...args) => {
          made++;
          return deps.thumbnail(...args);
        },
      })),
    );
    const photo = await counting.addPhoto('rocket.jpg');
    const ask = (query = '', headers = {}, signal?: AbortSignal) =>
      counting.app.request(`/images/${photo}/thumbnail${query}`, { headers, signal });
    const at = async (query: string) => {
      const response = await ask(query);
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type')!, /^image\/(webp|jpeg)$/);
      const { width, height } = await sharp(await response.bytes()).metadata();
      return Math.max(width, height);
    };
    assert.deepEqual([await at(''), await at('?size=64'), await at('?size=256')], [256, 64, 256]);
    assert.equal(made, 2);
    const together = await Promise.all(Array.from({ length: 10 }, () => ask('?size=100')));
    assert.ok(together.every(({ status }) => status === 200));
    assert.equal(made, 3);
    const leaving = new AbortController();
    const asked = [ask('?size=110', {}, leaving.signal), ask('?size=120', {}, leaving.signal), ask('?size=120')];
    leaving.abort();
    const [gone, , stays] = await Promise.all(asked);
    assert.deepEqual([gone!.status, stays!.status, made], [400, 200, 4]);
    const tag = (await ask()).headers.get('etag')!;
    assert.equal((await ask('', { 'if-none-match': tag })).status, 304);
    assert.equal((await ask('?size=64', { 'if-none-match': tag })).status, 200);
    for (const bad of ['63', '2049', '-1', '1e2', 'x', '', '64.5'])
      assert.equal((await ask(`?size=${bad}`)).status, 400, bad);
  });

  it('a thumbnail that failed is tried again', async () => {
    let fail = true;
    await using failing = closing(
      await testApp({}, (deps) => ({
        ...deps,
        thumbnail: (...args) => {
          if (!fail) return deps.thumbnail(...args);
          fail = false;
          return Promise.reject(new Error('out of luck'));
        },
      })),
    );
    const photo = await failing.addPhoto('rocket.jpg');
    assert.equal((await failing.json(`/images/${photo}/thumbnail`)).status, 500);
    assert.equal((await failing.app.request(`/images/${photo}/thumbnail`)).status, 200);
  });
});
