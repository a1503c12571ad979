import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { closing } from '../../../core/util/async-disposable.ts';
import { networkOf } from '../../../functions/http/caller.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';
import { type OpenApiDocument, operations } from './openapi-checks.ts';

const KEYS = ['first key of three', 'second-key', 'third'];
const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const SOME_ID = '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';

describe('API keys', () => {
  let t: TestApp;
  let document: OpenApiDocument;
  before(async () => {
    t = await testApp({ requireKey: 'write', apiKeyHashes: KEYS.map(hashOf) });
    document = (await t.json('/openapi.json')).body as unknown as OpenApiDocument;
  });
  after(() => t.close());

  const status = async (method: string, path: string, headers: Record<string, string> = {}) =>
    (await t.app.request(path.replace('{id}', SOME_ID), { method, headers })).status;
  const writes = (method: string, path: string) =>
    method !== 'GET' && /^\/(images|captions|failures|folders|trash)/.test(path);

  it('are needed by exactly the routes that write, as the document says', async () => {
    let guarded = 0;
    const others = operations(document).filter(({ path }) => path !== '/session');
    for (const { method, path, operation } of others) {
      const where = `${method} ${path}`;
      const expected = writes(method, path);
      assert.equal(operation.security !== undefined, expected, where);
      assert.equal('401' in operation.responses, expected, where);
      assert.equal((await status(method, path)) === 401, expected, where);
      guarded += expected ? 1 : 0;
    }
    assert.equal(guarded, 13);
    assert.deepEqual(Object.keys(document.components.securitySchemes), ['bearer', 'apiKey', 'session']);
  });

  it('open every write route, each of them in either header, and nothing else does', async () => {
    for (const { method, path } of operations(document).filter((one) => writes(one.method, one.path))) {
      for (const key of KEYS.slice(1)) {
        assert.notEqual(await status(method, path, { authorization: `Bearer ${key}` }), 401, `${method} ${path}`);
        assert.notEqual(await status(method, path, { authorization: `bearer  ${key}` }), 401, `${method} ${path}`);
      }
      for (const key of KEYS)
        assert.notEqual(await status(method, path, { 'x-api-key': key }), 401, `${method} ${path}`);
      const bad = ['', 'x', 'second-ke', 'second-key2', 'SECOND-KEY', hashOf('third'), 'x'.repeat(5000)];
      for (const key of bad) {
        assert.equal(await status(method, path, { authorization: `Bearer ${key}` }), 401, `${method} ${path}`);
        assert.equal(await status(method, path, { 'x-api-key': key }), 401, `${method} ${path}`);
      }
      assert.equal(await status(method, path, { authorization: `Basic ${btoa('x:third')}` }), 401);
      assert.equal(await status(method, `${path}?apiKey=third&key=third`), 401);
    }
  });

  it('tell how to show one, and never appear in the log', async () => {
    const { headers, body } = await t.json('/captions', jsonRequest('POST', { text: 'x' }));
    assert.match(headers.get('www-authenticate')!, /^Bearer/);
    assert.equal(body.type, '/problems/unauthorized');
    assert.match(body.detail, /got none$/);
    await t.json('/captions', jsonRequest('POST', { text: 'x' }, { 'x-api-key': 'third' }));
    await t.json('/captions', jsonRequest('POST', { text: 'x' }, { 'x-api-key': 'a-wrong-one' }));
    assert.doesNotMatch(JSON.stringify(t.log), /third|a-wrong-one/);
    assert.ok(t.log.some(({ apiKey }) => apiKey === hashOf('third').slice(0, 8)));
  });

  it('are asked for before the body is read', async () => {
    let read = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          read++;
          controller.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body,
      duplex: 'half',
    };
    assert.equal((await t.app.request('/images', init)).status, 401);
    assert.equal(read, 0);
  });

  it('close the write routes when none is configured', async () => {
    await using closed = closing(await testApp({ loopback: false, requireKey: 'write' }));

    const { status } = await closed.json('/captions', jsonRequest('POST', { text: 'x' }, { 'x-api-key': 'x' }));
    assert.equal(status, 401);
    await assert.rejects(testApp({ loopback: false, requireKey: 'nothing' }), /only with loopback/);
  });
});

describe('what a browser may do', () => {
  it('on loopback, only names of this machine are answered (DNS rebinding)', async () => {
    await using t = closing(await testApp({ allowedHosts: ['photos.example'] }));

    const ask = async (host: string) => (await t.app.request('/health', { headers: { host } })).status;
    for (const host of [
      'localhost',
      'localhost:8787',
      '127.0.0.1:8787',
      '[::1]:8787',
      '127.1.2.3',
      'LOCALHOST',
      'localhost.',
      'photos.example:443',
    ]) {
      assert.equal(await ask(host), 200, host);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.nip.io',
      '192.168.1.5',
      '128.0.0.1',
      'photos.example.evil',
      'a b',
      '@localhost',
    ]) {
      assert.equal(await ask(host), 421, host);
    }
  });

  it('elsewhere any name is answered until some are configured; addresses cannot be rebound', async () => {
    const ask = async (t: TestApp, host: string) => (await t.app.request('/health', { headers: { host } })).status;
    await using open = closing(await testApp({ loopback: false, requireKey: 'write' }));
    await using named = closing(
      await testApp({ loopback: false, requireKey: 'write', allowedHosts: ['photos.example'] }),
    );

    assert.equal(await ask(open, 'any.example'), 200);
    assert.equal(await ask(named, 'any.example'), 421);
    assert.equal(await ask(named, 'localhost'), 421);
    for (const host of ['photos.example', '10.0.0.7:8787', '[fe80::1]:80'])
      assert.equal(await ask(named, host), 200, host);
  });

  it('no other site may write', async () => {
    await using t = closing(await testApp({ corsOrigins: ['https://app.example/'] }));

    const write = async (headers: Record<string, string>) =>
      (await t.json('/captions', jsonRequest('POST', { text: 'x' }, { host: 'localhost:8787', ...headers }))).status;
    const good: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8787' },
      { 'sec-fetch-site': 'none' },
      { origin: 'http://localhost:8787' },
      { origin: 'https://localhost:8787' },
      { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'https://app.example' },
    ];
    for (const headers of good) assert.ok((await write(headers)) < 300, JSON.stringify(headers));
    const bad: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://localhost:3000' },
      { 'sec-fetch-site': 'rubbish' },
      { origin: 'https://evil.example' },
      { origin: 'http://localhost:3000' },
      { origin: 'null' },
      { origin: 'https://app.example.evil.example' },
    ];
    for (const headers of bad) assert.equal(await write(headers), 403, JSON.stringify(headers));
    for (const method of ['PATCH', 'DELETE']) {
      const response = await t.app.request(`/images/${SOME_ID}`, {
        method,
        headers: { origin: 'https://evil.example' },
      });
      assert.equal(response.status, 403);
    }
    assert.equal((await t.json('/images', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 200);
  });

  it('no other site may read until it is configured', async () => {
    const allow = 'access-control-allow-origin';
    await using closed = closing(await testApp());
    await using open = closing(await testApp({ corsOrigins: ['https://app.example'], requireKey: 'write' }));

    const get = { headers: { origin: 'https://app.example' } };
    assert.equal((await closed.app.request('/images', get)).headers.get(allow), null);
    const read = await open.app.request('/images', get);
    assert.equal(read.headers.get(allow), 'https://app.example');
    assert.match(read.headers.get('access-control-expose-headers')!, /Sightline-Space/);
    assert.match(read.headers.get('vary')!, /Origin/);
    assert.equal(read.headers.get('access-control-allow-credentials'), null);
    const other = await open.app.request('/images', { headers: { origin: 'https://evil.example' } });
    assert.equal(other.headers.get(allow), null);
    const refused = await open.app.request('/captions', { ...jsonRequest('POST', {}), headers: get.headers });
    assert.deepEqual([refused.status, refused.headers.get(allow)], [401, 'https://app.example']);

    const headers = {
      origin: 'https://app.example',
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'x-api-key',
    };
    const preflight = await open.app.request(`/images/${SOME_ID}`, { method: 'OPTIONS', headers });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get('access-control-allow-methods')!, /DELETE/);
    assert.match(preflight.headers.get('access-control-allow-headers')!, /X-Api-Key/i);
    const plain = await open.app.request('/images', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example' },
    });
    assert.match(plain.headers.get('allow')!, /GET, HEAD/);
  });

  it('every answer carries the security headers, errors too', async () => {
    await using t = closing(await testApp());

    const id = await t.addPhoto('cat.jpg');
    const paths = [
      '/images',
      '/nope',
      '/search',
      '/health',
      '/docs',
      '/openapi.json',
      `/images/${id}/content`,
      `/images/${id}/thumbnail`,
    ];
    for (const path of paths) {
      const { headers } = await t.app.request(path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('x-frame-options'), 'DENY', path);
      assert.equal(headers.get('referrer-policy'), 'no-referrer', path);
      assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', path);
      assert.match(headers.get('content-security-policy')!, /^default-src 'none'/, path);
      assert.match(headers.get('content-security-policy')!, /frame-ancestors 'none'/, path);
      assert.ok(headers.get('cache-control'), path);
      assert.ok(headers.get('sightline-space'), path);
      assert.ok(headers.get('x-request-id'), path);
      assert.equal(headers.get('x-powered-by'), null);
    }
  });
});

describe('limits on callers', () => {
  it('counts by address, says what is left, and lets health checks through', async () => {
    let address = '192.0.2.1';
    await using t = closing(
      await testApp({ requestsPerMinute: 3 }, (deps) => ({ ...deps, clientAddress: () => address })),
    );

    const ask = () => t.json('/model');
    const left: (string | null)[] = [];
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await ask();
      assert.equal(status, 200);
      assert.equal(headers.get('ratelimit-limit'), '3');
      left.push(headers.get('ratelimit-remaining'));
    }
    assert.deepEqual(left, ['2', '1', '0']);
    const { status, headers, body } = await ask();
    assert.equal(status, 429);
    assert.equal(body.type, '/problems/rate-limited');
    const seconds = Number(headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 60);
    assert.equal(body.retryAfter, seconds);
    assert.equal(headers.get('ratelimit-remaining'), '0');
    for (let i = 0; i < 5; i++) assert.equal((await t.json('/health')).status, 200);
    address = '192.0.2.2';
    assert.equal((await ask()).status, 200);
    // A header that callers can set does not change whom the rate limit counts.
    address = '192.0.2.1';
    assert.equal((await t.json('/model', { headers: { 'x-forwarded-for': '192.0.2.9' } })).status, 429);
  });

  it('counts by key when a known one is shown', async () => {
    await using t = closing(await testApp({ requestsPerMinute: 2, apiKeyHashes: [hashOf('a'), hashOf('b')] }));

    const ask = async (key?: string) =>
      (await t.json('/model', key === undefined ? {} : { headers: { 'x-api-key': key } })).status;
    assert.deepEqual([await ask('a'), await ask('a'), await ask('a'), await ask('b')], [200, 200, 429, 200]);
    assert.deepEqual([await ask(), await ask('unknown1'), await ask('unknown2')], [200, 200, 429]);
  });

  it('takes an IPv6 network for one caller', () => {
    assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
    assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(networkOf('2001:DB8:1:2::9'), '2001:db8:1:2::/64');
    assert.equal(networkOf('2001:0db8:0001:0002::9'), '2001:db8:1:2::/64');
    assert.equal(networkOf('2001:db8::1'), '2001:db8::/64');
    assert.equal(networkOf('fe80::1%eth0'), 'fe80::/64');
    assert.equal(networkOf('::1'), '::/64');
  });

  it('counts no time in which a body arrives, is stored in a bucket, or the trash is emptied', async (context) => {
    const slowly =
      <A extends unknown[], R>(work: (...given: A) => R) =>
      (...given: A) => {
        context.mock.timers.tick(5000);
        return work(...given);
      };
    await using t = closing(
      await testApp({ requestTimeoutMs: 1000 }, (deps) => ({
        ...deps,
        storage: 's3',
        buckets: new Map([...deps.buckets].map(([name, bucket]) => [name, { ...bucket, put: slowly(bucket.put) }])),
        trash: { ...deps.trash, empty: slowly(async () => 0) },
      })),
    );
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const photo = await samplePhoto('cat.jpg');
    const parts = [photo.subarray(0, 1000), photo.subarray(1000, 2000), photo.subarray(2000)];
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      context.mock.timers.tick(900);
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(part);
    };
    const body = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
    const headers = { 'content-type': 'image/jpeg' };
    const upload: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' };
    assert.equal((await t.json('/images', upload)).status, 201);
    assert.equal((await t.json('/trash', { method: 'DELETE' })).status, 204);
  });

  it('ends a request that takes too long, and lets its work know', async () => {
    let aborted: unknown;
    await using t = closing(
      await testApp({ requestTimeoutMs: 1000 }, (deps) => ({
        ...deps,
        embedder: { ...deps.embedder, readTexts: () => new Promise(() => {}) },
        buckets: new Map([
          [
            'photos',
            {
              ...deps.buckets.get('photos')!,
              put: (_key: string, _body: unknown, options: { signal?: AbortSignal } = {}) =>
                new Promise<never>((_, reject) => {
                  options.signal!.addEventListener('abort', () => {
                    aborted = options.signal!.reason;
                    reject(options.signal!.reason);
                  });
                }),
            },
          ],
        ]),
      })),
    );

    const late = await t.json('/search?q=x');
    assert.deepEqual([late.status, late.body.type, late.headers.get('retry-after')], [503, '/problems/timeout', '5']);
    const upload = { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: await samplePhoto('cat.jpg') };
    assert.equal((await t.json('/images', upload)).status, 503);
    assert.match(String(aborted), /within 1000 ms/);
    assert.equal((await t.json('/health')).status, 200);
  });
});
