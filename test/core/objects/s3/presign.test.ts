import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { ErrorCode } from '../../../../core/errors.ts';
import { openS3, type S3Store } from '../../../../core/objects/s3/store.ts';
import { type S3TestServer, startS3 } from '../../../support/s3-server.ts';

const failsWith = (code: ErrorCode, message = /./) => ({ name: 'SightlineError', code, message });

describe('presigned requests of S3', () => {
  let server: S3TestServer;
  let s3: S3Store;
  before(async () => {
    server = await startS3();
  });
  after(() => server.stop());
  beforeEach(async () => {
    const bucket = `unit-${randomUUID()}`;
    server.createBucket(bucket);
    s3?.close();
    const { endpoint, credentials } = server;
    s3 = await openS3({ bucket, endpoint, credentials, region: 'eu-central-1' });
  });
  after(() => s3.close());

  const key = 'träger/a b+c%20d&e=ü.jpg';
  const picture = randomBytes(5000);
  const put = (url: string, headers: Record<string, string>, body: Uint8Array<ArrayBuffer>) => {
    const { 'content-length': _, ...sendable } = headers;
    return fetch(url, { method: 'PUT', headers: sendable, body });
  };
  const signPut = () => s3.presignPut(key, { expiresInSeconds: 60, contentType: 'image/jpeg', bytes: 5000 });

  it('take an object for a while', async () => {
    const left = Date.parse((await signPut()).expiresAt) - Date.now();
    assert.ok(left > 0 && left <= 61_000, `${left}`);
    const late = await s3.presignPut('late.jpg', { expiresInSeconds: 1, contentType: 'image/jpeg', bytes: 5000 });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const refused = await put(late.url, late.headers, picture);
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /expired/);
    assert.equal(await s3.head('late.jpg'), null);
  });

  it('PUT takes the body that was announced', async () => {
    const { url, headers } = await signPut();
    assert.equal((await put(url, headers, picture)).status, 200);
    assert.equal((await s3.head(key))?.contentType, 'image/jpeg');
    assert.equal((await s3.head(key))?.bytes, 5000);
  });

  it('PUT takes no other length, type or key', async () => {
    const { url, headers } = await signPut();
    assert.equal((await put(url, headers, randomBytes(5001))).status, 403);
    assert.equal((await put(url, { ...headers, 'content-type': 'text/html' }, picture)).status, 403);
    assert.equal((await put(url.replace('.jpg', '.png'), headers, picture)).status, 403);
    assert.equal(await s3.head(key), null);
  });

  it('PUT can be only for a new object', async () => {
    const signed = await s3.presignPut(key, {
      expiresInSeconds: 60,
      contentType: 'image/jpeg',
      bytes: 5000,
      onlyIfNew: true,
    });
    assert.equal((await put(signed.url, { 'content-type': 'image/jpeg' }, picture)).status, 403);
    assert.equal((await put(signed.url, signed.headers, picture)).status, 200);
    assert.equal((await put(signed.url, signed.headers, picture)).status, 412);
  });

  it('are not made for what cannot work', async () => {
    const common = { contentType: 'image/jpeg', expiresInSeconds: 60 };
    await assert.rejects(s3.presignPut('a/../b', { ...common, bytes: 5 }), failsWith('invalid-key'));
    await assert.rejects(s3.presignPut('.sightline/a', { ...common, bytes: 5 }), failsWith('invalid-key'));
    await assert.rejects(s3.presignPut('', { ...common, bytes: 5 }), failsWith('invalid-key'));
    await assert.rejects(s3.presignPut('a', { ...common, bytes: -1 }), failsWith('invalid-input'));
    const long = { ...common, bytes: 5, expiresInSeconds: 8 * 24 * 3600 };
    await assert.rejects(s3.presignPut('a', long), failsWith('invalid-input', /604800/));
  });
});
