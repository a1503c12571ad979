import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createSessions } from '../../../functions/http/session-cookie.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';
import { operations } from './openapi-checks.ts';

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const KEYS = { read: 'key-to-read', write: 'key-to-write', plain: 'key-of-old' };
// One key is listed twice, the second time with fewer rights.
const again = `read:${hashOf(KEYS.write)}`;
const apiKeyHashes = [`read:${hashOf(KEYS.read)}`, `write:${hashOf(KEYS.write)}`, hashOf(KEYS.plain), again];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('reading with a key', () => {
  let t: TestApp;
  let id: string;
  before(async () => {
    const html = { body: '<!doctype html>', contentType: 'text/html', etag: 'v1' };
    t = await testApp({ requireKey: 'read', apiKeyHashes, loopback: false }, (deps) => ({
      ...deps,
      page: (path) => (path === '/' || path === '/assets/main.js' ? html : null),
    }));
    const headers = { 'content-type': 'image/jpeg', ...bearer(KEYS.write) };
    id = (await t.json('/images?key=cat.jpg', { method: 'POST', headers, body: await samplePhoto('cat.jpg') })).body
      .id as string;
  });
  after(() => t.close());

  const status = async (path: string, init: RequestInit = {}) => (await t.app.request(path, init)).status;
  /** The cookie received for a key, as a browser sends it back. */
  const login = async (key: string) => {
    const response = await t.app.request('/session', { method: 'POST', headers: bearer(key) });
    return { response, cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' };
  };

  it('closes every route but /health, the page itself and the documentation, which have no pictures', async () => {
    const document = await (await t.app.request('/openapi.json')).json();
    for (const { method, path } of operations(document as never)) {
      const asked = path.replace('{id}', id);
      const open = asked === '/health' || (asked === '/session' && method !== 'POST');
      assert.equal((await status(asked, { method })) === 401, !open, `${method} ${path}`);
    }
    const closed = ['/images', `/images/${id}/content`, `/images/${id}/thumbnail`, '/nothing', '/docsx'];
    for (const path of closed) assert.equal(await status(path), 401, path);
    for (const path of ['/', '/assets/main.js', '/health', '/docs', '/docs/start.js', '/docs/swagger-ui.css'])
      assert.equal(await status(path), 200, path);
  });

  it('lets each key do what it is for; a plain hash is of one that may write', async () => {
    const write = (key: string) => status('/captions', jsonRequest('POST', { text: 'x' }, bearer(key)));
    for (const key of Object.values(KEYS)) {
      assert.equal(await status('/images', { headers: bearer(key) }), 200);
      assert.equal(await status('/images', { headers: { 'x-api-key': key } }), 200);
    }
    assert.deepEqual([await write(KEYS.read), await write(KEYS.write), await write(KEYS.plain)], [403, 201, 200]);
    assert.equal(await status('/images', { headers: bearer('another') }), 401);
    const { body } = await t.json('/captions', jsonRequest('POST', { text: 'x' }, bearer(KEYS.read)));
    assert.deepEqual(
      [body.type, body.detail],
      ['/problems/forbidden', 'expected a key that may write, got one for reading'],
    );
  });

  it('trades a key for a cookie that only a browser on this site sends, and that ends with it', async () => {
    const { response, cookie } = await login(KEYS.read);
    assert.equal(response.status, 200);
    const attributes = response.headers.get('set-cookie')!.split('; ').slice(1).sort();
    assert.deepEqual(attributes, ['HttpOnly', 'SameSite=Strict']);
    assert.ok(!response.headers.get('set-cookie')!.includes(KEYS.read));
    assert.deepEqual(await response.json(), { scopes: ['read'], needsKey: ['read', 'write'] });
    for (const path of ['/images', `/images/${id}/content`, `/images/${id}/thumbnail`]) {
      assert.equal(await status(path, { headers: { cookie } }), 200, path);
    }
    const who = await t.json('/session', { headers: { cookie } });
    assert.deepEqual(who.body, { scopes: ['read'], needsKey: ['read', 'write'] });
    assert.deepEqual((await t.json('/session')).body, { scopes: [], needsKey: ['read', 'write'] });
    const ended = await t.app.request('/session', { method: 'DELETE', headers: { cookie } });
    assert.equal(ended.status, 204);
    assert.match(ended.headers.get('set-cookie')!, /^sightline_session=; Max-Age=0/);
  });

  it('opens no session without a known key, nor for a session', async () => {
    const { cookie } = await login(KEYS.write);
    const others: Record<string, string>[] = [{}, bearer('another'), { cookie }];
    for (const headers of others) {
      assert.equal(await status('/session', { method: 'POST', headers }), 401);
    }
  });

  it('believes no cookie that it did not make', async () => {
    const { cookie } = await login(KEYS.read);
    const [name, until, mark] = cookie.replace('sightline_session=', '').split('.') as [string, string, string];
    const forged = [
      [hashOf(KEYS.write).slice(0, 8), until, mark],
      [name, `${until}z`, mark],
      [name, until, `${mark.slice(0, -2)}AA`],
      [name, until, ''],
      [''],
      [name, until, mark, mark],
    ];
    assert.equal(await status('/images', { headers: { cookie: forged[5]!.slice(0, 3).join('.') } }), 401);
    for (const parts of forged.slice(0, 5)) {
      assert.equal(await status('/images', { headers: { cookie: `sightline_session=${parts.join('.')}` } }), 401);
    }
  });

  it('takes a write by cookie from its own page only', async () => {
    const { cookie } = await login(KEYS.write);
    const write = (headers: Record<string, string>) =>
      status('/captions', jsonRequest('POST', { text: 'by cookie' }, { cookie, host: 'photos.example', ...headers }));
    assert.equal(await write({ 'sec-fetch-site': 'same-origin' }), 201);
    assert.equal(await write({ origin: 'http://photos.example' }), 200);
    const others: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'none' },
      { origin: 'http://photos.example:81' },
      { origin: 'null' },
    ];
    for (const headers of others) assert.equal(await write(headers), 403, JSON.stringify(headers));
    const { cookie: reading } = await login(KEYS.read);
    assert.equal(await write({ cookie: reading, 'sec-fetch-site': 'same-origin' }), 403);
  });

  it('is only set up with a key that can be shown', async () => {
    await assert.rejects(testApp({ requireKey: 'read' }), /expected an API key/);
  });
});

describe('sessions', () => {
  function storeInMemory() {
    const kept = new Map<string, Uint8Array>();
    const get = async (key: string) => {
      const bytes = kept.get(key);
      return bytes === undefined ? null : ({ body: new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() } as never);
    };
    const put = async (key: string, body: unknown) => kept.set(key, body as Uint8Array) as never;
    return { get, put };
  }

  it('are known to all processes of one store, end in time, and are nothing to another', async () => {
    let now = 1e12;
    const store = storeInMemory();
    const one = createSessions(store, () => now);
    const other = createSessions(store, () => now);
    const value = await one.open('01234567');
    assert.equal(await other.read(value), '01234567');
    assert.equal(await createSessions(storeInMemory(), () => now).read(value), null);
    now += 31 * 24 * 3600 * 1000;
    assert.equal(await other.read(value), null);
  });
});

describe('without a key', () => {
  it('everything is open on loopback, and a session says so', async () => {
    const t = await testApp();
    assert.deepEqual((await t.json('/session')).body, { scopes: ['read', 'write'], needsKey: [] });
    await t.close();
  });

  it('reading is open where only writing needs one', async () => {
    const t = await testApp({ requireKey: 'write', apiKeyHashes });
    assert.deepEqual((await t.json('/session')).body, { scopes: ['read'], needsKey: ['write'] });
    assert.equal((await t.json('/images')).status, 200);
    await t.close();
  });
});
