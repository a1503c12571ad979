import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openS3, type S3Store } from '../../../core/objects/s3/store.ts';
import { type S3TestServer, startS3 } from '../../support/s3-server.ts';
import { samplePhoto, type TestApp, testApp } from './harness.ts';

describe('POST /uploads', () => {
  let server: S3TestServer;
  let store: S3Store;
  let t: TestApp;
  before(async () => {
    server = await startS3();
    server.createBucket('pictures');
    const { endpoint, credentials } = server;
    store = await openS3({ bucket: 'pictures', region: 'eu-central-1', endpoint, credentials });
    t = await testApp({}, (deps) => ({
      ...deps,
      buckets: new Map([['pictures', store]]),
      uploadBucket: () => 'pictures',
      presignUpload: (key, options) => store.presignPut(key, options),
    }));
  });
  after(async () => {
    await t.close();
    store.close();
    await server.stop();
  });

  const sign = (body: unknown) =>
    t.json('/uploads', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  type Signed = { url: string; headers: Record<string, string>; key: string; id: string; expiresAt: string };
  const send = ({ url, headers }: Signed, body: Uint8Array<ArrayBuffer>, changes: Record<string, string> = {}) =>
    fetch(url, { method: 'PUT', headers: { ...headers, ...changes }, body });

  it('signs an upload that the bucket takes as it is', async () => {
    const photo = await samplePhoto('cat.jpg');
    const { status, body } = await sign({ contentType: 'image/jpeg', bytes: photo.byteLength, key: 'a b/c+d.jpg' });
    assert.equal(status, 201);
    const signed = body as unknown as Signed;
    assert.equal((await send(signed, photo)).status, 200);
    const stored = await store.head('a b/c+d.jpg');
    assert.deepEqual([stored?.bytes, stored?.contentType], [photo.byteLength, 'image/jpeg']);
    assert.ok(Date.parse(signed.expiresAt) - Date.now() <= 900_000);
  });

  it('makes a key when none is asked for', async () => {
    const { body } = await sign({ contentType: 'image/png', bytes: 10 });
    assert.match(String(body.key), /^\d{4}\/\d\d\/\d\d\/picture-[0-9a-f]{8}\.png$/);
  });

  it('signs only where the bucket announces what comes', async (context) => {
    const uploadPrefixes = ['photos/', 'scans/'];
    const filtered = await testApp({}, (deps) => ({
      ...deps,
      buckets: new Map([['pictures', store]]),
      uploadBucket: () => 'pictures',
      uploadPrefixes,
      presignUpload: (key, options) => store.presignPut(key, options),
    }));
    context.after(() => filtered.close());
    const ask = (key?: string) =>
      filtered.json('/uploads', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ contentType: 'image/png', bytes: 10, key }),
      });
    assert.match(String((await ask()).body.key), /^photos\/\d{4}\/\d\d\/\d\d\/picture-[0-9a-f]{8}\.png$/);
    assert.equal((await ask('scans/a.png')).status, 201);
    const elsewhere = await ask('other/a.png');
    assert.equal(elsewhere.status, 400);
    assert.match(String(elsewhere.body.detail), /begins with "photos\/" or "scans\/"/);
    assert.equal((await filtered.json('/status')).body.uploadPrefix, 'photos/');
    assert.equal((await t.json('/status')).body.uploadPrefix, '');
  });

  it('lets nothing through that is longer, shorter, or of another type than declared', async () => {
    const { body } = await sign({ contentType: 'image/jpeg', bytes: 1000, key: 'declared.jpg' });
    const signed = body as unknown as Signed;
    for (const bytes of [999, 1001]) {
      const { 'content-length': _, ...headers } = signed.headers;
      assert.equal((await send({ ...signed, headers }, new Uint8Array(bytes))).status, 403, `${bytes} bytes`);
    }
    assert.equal((await send(signed, new Uint8Array(1000), { 'content-type': 'text/html' })).status, 403);
    assert.equal(await store.head('declared.jpg'), null);
  });

  it('replaces a picture only when asked to', async () => {
    await store.put('taken.jpg', new Uint8Array(5));
    const taken = { contentType: 'image/jpeg', bytes: 7, key: 'taken.jpg' };
    assert.equal((await sign(taken)).status, 409);
    // The key was taken between signing and sending.
    const early = (await sign({ ...taken, key: 'free.jpg' })).body as unknown as Signed;
    await store.put('free.jpg', new Uint8Array(5));
    assert.equal((await send(early, new Uint8Array(7))).status, 412);
    const over = (await sign({ ...taken, overwrite: true })).body as unknown as Signed;
    assert.equal((await send(over, new Uint8Array(7))).status, 200);
    assert.equal((await store.head('taken.jpg'))?.bytes, 7);
  });

  for (const [name, body] of [
    ['a type that is no picture', { contentType: 'text/html', bytes: 10 }],
    ['more bytes than are allowed', { contentType: 'image/jpeg', bytes: 6 * 1024 ** 2 }],
    ['no bytes', { contentType: 'image/jpeg', bytes: 0 }],
    ['a key that leaves the bucket', { contentType: 'image/jpeg', bytes: 10, key: 'a/../../b' }],
    ['a field nobody knows', { contentType: 'image/jpeg', bytes: 10, acl: 'public-read' }],
  ] as const) {
    it(`refuses ${name}`, async () => {
      assert.equal((await sign(body)).status, 400);
    });
  }

  it('needs an API key', async () => {
    const closed = await testApp({ requireKey: 'write' }, () => ({
      ...t.deps,
      options: { ...t.deps.options, requireKey: 'write' },
    }));
    const answer = await closed.json('/uploads', { method: 'POST', body: '{}' });
    assert.equal(answer.status, 401);
    await closed.close();
  });

  it('does not exist where nothing can be signed', async () => {
    const local = await testApp();
    assert.equal((await local.json('/uploads', { method: 'POST', body: '{}' })).status, 404);
    await local.close();
  });
});
