import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import type { ErrorCode } from '../../../../core/errors.ts';
import { openS3, type S3Options, type S3Store } from '../../../../core/objects/s3/store.ts';
import { serveLocally } from '../../../support/local-server.ts';
import { type Fault, type S3TestServer, startS3 } from '../../../support/s3-server.ts';

const MiB = 1024 ** 2;
const failsWith = (code: ErrorCode, message = /./) => ({ name: 'SightlineError', code, message });

describe('S3 driver', () => {
  let server: S3TestServer;
  let bucket: string;
  let s3: S3Store;
  const open = (options: Partial<S3Options> = {}) =>
    openS3({ bucket, endpoint: server.endpoint, credentials: server.credentials, region: 'eu-central-1', ...options });
  const on = (method: string, part: string) => (request: { method: string; url: string }) =>
    request.method === method && request.url.includes(part);
  const inject = (method: string, part: string, does: Fault['does'], times = 1) =>
    server.inject({ matches: on(method, part), times, does });
  const sent = (method: string, part: string) => server.requests.filter(on(method, part)).length;
  const textOf = async (key: string) => new Response((await s3.get(key))?.body).text();

  before(async () => {
    server = await startS3();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.calm();
    bucket = `unit-${randomUUID()}`;
    server.createBucket(bucket);
    s3?.close();
    s3 = await open();
  });
  after(() => s3.close());

  describe('opening', () => {
    it('refuses a bucket that does not exist', async () => {
      await assert.rejects(open({ bucket: 'not-there' }), failsWith('invalid-config', /no bucket not-there/));
    });
    it('refuses an empty name', () => assert.rejects(open({ bucket: '' }), failsWith('invalid-config')));
    it('says that a server cannot be reached', async () => {
      const closed = { endpoint: 'http://127.0.0.1:1', maxAttempts: 1 };
      await assert.rejects(open(closed), failsWith('unavailable', /HeadBucket.*ECONNREFUSED/));
    });
    it('names the permission a denied bucket needs', async () => {
      inject('HEAD', bucket, { status: 403, code: 'AccessDenied' });
      inject('GET', bucket, { status: 403, code: 'AccessDenied' });
      await assert.rejects(open(), failsWith('unavailable', /s3:ListBucket/));
    });
    it('says which of many reasons a refusal has that itself gives none', async () => {
      for (const [status, code, expected, message] of [
        [403, 'SignatureDoesNotMatch', 'invalid-config', /credentials/],
        [403, 'RequestTimeTooSkewed', 'unavailable', /clock/],
        [400, 'ExpiredToken', 'unavailable', /expired/],
      ] as const) {
        server.calm();
        inject('HEAD', bucket, { status, code });
        inject('GET', bucket, { status, code }, 4);
        await assert.rejects(open(), failsWith(expected, message));
      }
    });
    it('asks for a region where none is set', async (context) => {
      const { AWS_REGION, AWS_CONFIG_FILE } = process.env;
      context.after(() =>
        Object.assign(process.env, { AWS_REGION: AWS_REGION ?? '', AWS_CONFIG_FILE: AWS_CONFIG_FILE ?? '' }),
      );
      delete process.env.AWS_REGION;
      process.env.AWS_CONFIG_FILE = '/not-there';
      await assert.rejects(open({ region: undefined }), failsWith('invalid-config', /AWS_REGION/));
    });
    it('does not ask when told not to', async () => {
      const store = await open({ bucket: 'not-there', verify: false });
      await assert.rejects(store.get('x'), failsWith('invalid-config', /no bucket not-there/));
      store.close();
    });
  });

  describe('faults', () => {
    const cases: [string, number, ErrorCode, RegExp][] = [
      ['AccessDenied', 403, 'unavailable', /s3:GetObject/],
      ['InvalidObjectState', 403, 'unavailable', /archived/],
      ['KMS.DisabledException', 400, 'unavailable', /KMS/],
      ['InvalidAccessKeyId', 403, 'invalid-config', /credentials/],
      ['SignatureDoesNotMatch', 403, 'invalid-config', /credentials/],
      ['RequestTimeTooSkewed', 403, 'unavailable', /clock/],
      ['ExpiredToken', 400, 'unavailable', /expired/],
      ['InvalidURI', 400, 'invalid-key', /key/],
    ];
    for (const [code, status, expected, message] of cases) {
      it(`translates ${code}`, async () => {
        await s3.put('a.jpg', Buffer.from('a'));
        inject('GET', '/a.jpg', { status, code }, 4);
        await assert.rejects(s3.get('a.jpg'), failsWith(expected, message));
      });
    }

    it('tries again when S3 is busy, and gives up after maxAttempts', async () => {
      inject('PUT', '/busy', { status: 503, code: 'SlowDown' }, 2);
      await s3.put('busy', Buffer.from('done'));
      assert.equal(sent('PUT', `${bucket}/busy`), 3);
      inject('PUT', '/never', { status: 500, code: 'InternalError' }, 99);
      await assert.rejects(s3.put('never', Buffer.from('x')), failsWith('unavailable', /HTTP 500/));
      assert.equal(sent('PUT', `${bucket}/never`), 4);
    });

    it('stays within its deadline, but for what it uploads', async () => {
      const store = await open({ deadlineMs: 300, maxAttempts: 50 });
      for (const [method, key] of [
        ['GET', '/late'],
        ['PUT', '/slow'],
      ] as const)
        inject(method, key, { status: 500, code: 'InternalError' }, 60);
      const slow = store.put('slow', Buffer.from('done'));
      await assert.rejects(store.get('late'), failsWith('unavailable', /within 300 ms/));
      server.calm();
      assert.equal((await slow).bytes, 4);
      store.close();
    });

    it('says that a body broke off or fell silent', async () => {
      const store = await open({ idleTimeoutMs: 200 });
      await store.put('body', randomBytes(200_000));
      for (const does of ['break-body', 'stall-body'] as const) {
        inject('GET', '/body', does);
        const got = await store.get('body');
        await assert.rejects(new Response(got?.body).bytes(), failsWith('unavailable', /GetObject of "body"/), does);
      }
      store.close();
    });
  });

  describe('writes whose answer is lost', () => {
    it('are known as our own by their mark', async () => {
      inject('PUT', '/once', 'break-after');
      const put = await s3.put('once', Buffer.from('mine'), { ifNoneMatch: '*' });
      assert.equal(sent('PUT', `${bucket}/once`), 2);
      assert.equal(put.etag, (await s3.head('once'))?.etag);
    });

    it('are not taken for those of somebody else', async () => {
      await s3.put('theirs', Buffer.from('mine'), { ifNoneMatch: '*' });
      inject('PUT', '/theirs', 'break-before');
      await assert.rejects(
        s3.put('theirs', Buffer.from('mine'), { ifNoneMatch: '*' }),
        failsWith('precondition-failed'),
      );
    });

    it('are tried again when two conditional ones met', async () => {
      inject('PUT', '/met', { status: 409, code: 'ConditionalRequestConflict' }, 2);
      await s3.put('met', Buffer.from('x'), { ifNoneMatch: '*' });
      assert.equal(await textOf('met'), 'x');
      const { etag } = await s3.put('met', Buffer.from('y'));
      inject('DELETE', '/met', { status: 409, code: 'OperationAborted' }, 2);
      await s3.delete('met', { ifMatch: etag });
      assert.equal(await s3.head('met'), null);
    });

    it('are known for a delete by what was there before it', async () => {
      const { etag } = await s3.put('gone', Buffer.from('x'));
      inject('DELETE', '/gone', 'break-after');
      await s3.delete('gone', { ifMatch: etag });
      assert.equal(sent('DELETE', `${bucket}/gone`), 2);
      await assert.rejects(s3.delete('gone', { ifMatch: etag }), failsWith('precondition-failed', /got no object/));
    });

    it('that met again and again are no proof that a condition does not hold', async () => {
      inject('PUT', '/busy', { status: 409, code: 'OperationAborted' }, 99);
      await assert.rejects(s3.put('busy', Buffer.from('x')), failsWith('unavailable', /HTTP 409.*OperationAborted/));
    });
  });

  describe('uploads in parts', () => {
    const chunks = (bytes: Buffer, size: number) => {
      let start = 0;
      return new ReadableStream<Uint8Array>({
        pull(stream) {
          if (start >= bytes.length) return stream.close();
          stream.enqueue(bytes.subarray(start, start + size));
          start += size;
        },
      });
    };

    it('begin above the limit and not at it', async () => {
      await s3.put('exact', Buffer.alloc(8 * MiB));
      await s3.put('exact-stream', chunks(Buffer.alloc(8 * MiB), 999_983));
      assert.equal(sent('POST', 'uploads'), 0);
      const above = await s3.put('above', Buffer.alloc(8 * MiB + 1));
      assert.equal(above.bytes, 8 * MiB + 1);
      assert.equal(sent('POST', 'above?uploads'), 1);
    });

    it('keep every byte in its place', async () => {
      const bytes = randomBytes(17 * MiB + 12_345);
      const put = await s3.put('parts', chunks(bytes, 3_000_017), { contentType: 'image/tiff' });
      assert.equal(put.bytes, bytes.length);
      assert.equal(put.contentType, 'image/tiff');
      const stored = await new Response((await s3.get('parts'))?.body).bytes();
      const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
      assert.equal(digest(stored), digest(bytes));
    });

    it('keep the condition to the end', async () => {
      await s3.put('there', Buffer.from('old'));
      const large = () => chunks(Buffer.alloc(9 * MiB), MiB);
      await assert.rejects(s3.put('there', large(), { ifNoneMatch: '*' }), failsWith('precondition-failed'));
      assert.equal(await textOf('there'), 'old');
      assert.equal(sent('DELETE', 'there?uploadId'), 1);
    });

    it('leave nothing when a part fails, the body breaks, is too long or aborted', async () => {
      const cases: [string, () => Promise<unknown>, RegExp][] = [
        [
          'part',
          () => {
            inject('PUT', '/gone-part?partNumber=2', { status: 400, code: 'BadDigest' });
            return s3.put('gone-part', Buffer.alloc(20 * MiB));
          },
          /BadDigest/,
        ],
        ['long', () => s3.put('gone-long', chunks(Buffer.alloc(20 * MiB), MiB), { maxBytes: 18 * MiB }), /at most/],
        [
          'abort',
          () => {
            const controller = new AbortController();
            let pulled = 0;
            const body = new ReadableStream<Uint8Array>({
              pull(stream) {
                if (++pulled === 19) controller.abort(new Error('changed my mind'));
                stream.enqueue(Buffer.alloc(MiB));
              },
            });
            return s3.put('gone-abort', body, { signal: controller.signal });
          },
          /changed my mind/,
        ],
      ];
      for (const [name, run, message] of cases) {
        await assert.rejects(run(), message);
        assert.equal(await s3.head(`gone-${name}`), null);
        assert.equal(sent('POST', `gone-${name}?uploads`), 1, name);
        assert.equal(sent('DELETE', `gone-${name}?uploadId`), 1, name);
      }
    });

    it('are complete although the answer that says so was lost', async () => {
      inject('POST', '/lost?uploadId', 'break-after');
      const put = await s3.put('lost', Buffer.alloc(9 * MiB));
      assert.equal(put.etag, (await s3.head('lost'))?.etag);
    });
  });

  it('hides by a marker where versions are kept, and deletes all for good, also when interrupted', async () => {
    server.keepVersions(bucket);
    const key = 'trip\r\n/a b+ü.png';
    const left = () => server.versions(bucket).map((version) => [version.key, version.bytes]);
    await s3.put(key, Buffer.from('first'));
    const { etag, version } = await s3.put(key, Buffer.from('changed'));
    await s3.put(`${key}2`, Buffer.from('another'));
    const object = { id: randomUUID(), key, etag, version };
    await s3.discard(object);
    const another = [`${key}2`, 7];
    assert.deepEqual(left(), [[key, null], [key, 7], [key, 5], another]);
    for (const { id } of server.versions(bucket)) {
      inject('DELETE', `versionId=${id}`, { status: 403, code: 'AccessDenied' });
    }
    for (let tries = 0; tries < 3; tries++) {
      await assert.rejects(s3.purge(object), failsWith('unavailable', /s3:DeleteObjectVersion/));
      assert.equal(await s3.head(key), null);
    }
    await s3.purge(object);
    assert.deepEqual(left(), [another]);
  });

  it('deletes for good also what was there before the bucket kept versions, and nothing later', async () => {
    const { etag } = await s3.put('old', Buffer.from('before'));
    server.keepVersions(bucket);
    const object = { id: randomUUID(), key: 'old', etag };
    await s3.discard(object);
    await s3.purge(object);
    assert.deepEqual(server.versions(bucket), []);
    await s3.put('old', Buffer.from('before'));
    await s3.purge(object);
    assert.equal(await textOf('old'), 'before');
  });

  it('takes the keys S3 takes, and lists them as they are', async () => {
    const keys = ['a\u0001b', 'x//y', '/lead', 'trail/', 'a&b<c>"d\'', 'a+b c%2B', 'x'.repeat(1024)];
    for (const key of keys) await s3.put(key, Buffer.from(key));
    const { items } = await s3.list({ limit: 100 });
    assert.deepEqual(items.map((item) => item.key).sort(), [...keys].sort());
    for (const key of keys) assert.equal(await textOf(key), key);
    await assert.rejects(s3.get('x'.repeat(1025)), failsWith('invalid-key', /1025 bytes/));
    await assert.rejects(s3.put('a/../../b', Buffer.from('')), failsWith('invalid-key', /out of the bucket/));
  });

  it('refuses the cursor of another listing', async () => {
    for (const key of ['a/1', 'a/2', 'b/1']) await s3.put(key, Buffer.from(key));
    const { next } = await s3.list({ prefix: 'a/', limit: 1 });
    await assert.rejects(s3.list({ prefix: 'b/', limit: 1, cursor: next }), failsWith('invalid-cursor'));
  });
});

/** A driver for the test's own server. */
async function openAnswering(
  context: TestContext,
  answer: RequestListener,
  options: Partial<S3Options> = {},
): Promise<S3Store> {
  const { url, stop } = await serveLocally(answer);
  context.after(stop);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const s3 = await openS3({ bucket: 'pictures', endpoint: url, credentials, region: 'us-east-1', ...options });
  context.after(() => s3.close());
  return s3;
}

it('says in every request that whoever asks pays, where the setting is on', async (context) => {
  for (const requesterPays of [true, false]) {
    const payers: (string | undefined)[] = [];
    const answer: RequestListener = (request, response) => {
      payers.push(request.headers['x-amz-request-payer'] as string | undefined);
      response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    };
    const s3 = await openAnswering(context, answer, { requesterPays });
    await s3.list({ limit: 1 });
    await s3.head('a.jpg');
    const { url } = await s3.presignPut('a.jpg', { bytes: 1, expiresInSeconds: 60, contentType: 'image/jpeg' });
    assert.equal(new URL(url).searchParams.get('x-amz-request-payer'), requesterPays ? 'requester' : null);
    assert.deepEqual([payers.length >= 3, new Set(payers)], [true, new Set([requesterPays ? 'requester' : undefined])]);
  }
});

it('refuses a range of an empty object also from a server that answers it with the whole', async (context) => {
  const s3 = await openAnswering(context, (_, response) =>
    response.writeHead(200, { 'content-length': 0, etag: '"e"' }).end(),
  );
  await assert.rejects(s3.get('empty', { range: { last: 5 } }), failsWith('range-not-satisfiable'));
  assert.equal((await s3.get('empty'))?.length, 0);
});

it('goes on where a server lists nothing but says that there is more', async (context) => {
  const page = (content: string) => `<ListBucketResult>${content}</ListBucketResult>`;
  const s3 = await openAnswering(context, ({ url }, response) => {
    const more = new URL(url!, 'http://localhost').searchParams.get('continuation-token') === 'more';
    const key = '<Contents><Key>a.jpg</Key><Size>1</Size><ETag>"e"</ETag></Contents><IsTruncated>false</IsTruncated>';
    const nothing = '<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>';
    response.writeHead(200, { 'content-type': 'application/xml' }).end(page(more ? key : nothing));
  });
  const { items, next } = await s3.list({ limit: 10 });
  assert.deepEqual([items.map(({ key }) => key), next], [['a.jpg'], undefined]);
});

it('lists keys that XML cannot hold, from servers that damage them in three ways', async (context) => {
  for (const damaged of ['a&#x1;b.jpg', 'a\ufffdb.jpg', '<>']) {
    const s3 = await openAnswering(context, ({ url }, response) => {
      const isEncoded = new URL(url!, 'http://localhost').searchParams.get('encoding-type') === 'url';
      const [type, key] = isEncoded ? ['<EncodingType>url</EncodingType>', 'a%01b.jpg'] : ['', damaged];
      response
        .writeHead(200, { 'content-type': 'application/xml' })
        .end(`<ListBucketResult>${type}<Contents><Key>${key}</Key><Size>1</Size></Contents></ListBucketResult>`);
    });
    const { items } = await s3.list({ limit: 10 });
    assert.deepEqual(
      items.map(({ key }) => key),
      ['a\u0001b.jpg'],
    );
  }
});

it('deletes where conditional deletes are refused as unknown', async (context) => {
  const conditions: unknown[] = [];
  const s3 = await openAnswering(context, ({ method, headers }, response) => {
    if (method === 'DELETE') conditions.push(headers['if-match']);
    const error = '<Error><Code>NotImplemented</Code></Error>';
    if (method === 'DELETE' && headers['if-match']) response.writeHead(501).end(error);
    else response.writeHead(method === 'DELETE' ? 204 : 200, { etag: '"e"' }).end();
  });
  await s3.delete('a.jpg', { ifMatch: 'e' });
  assert.equal(conditions.at(-1), undefined);
});

it('deletes no other version on a server that does not know conditional deletes', async (context) => {
  const methods: string[] = [];
  const s3 = await openAnswering(context, ({ method = '' }, response) => {
    methods.push(method);
    response.writeHead(method === 'DELETE' ? 204 : 200, { etag: '"new"' }).end();
  });
  const asked = methods.length;
  await assert.rejects(s3.delete('a.jpg', { ifMatch: 'old' }), failsWith('precondition-failed', /etag old, got new/));
  await s3.delete('a.jpg', { ifMatch: 'new' });
  assert.deepEqual(methods.slice(asked), ['HEAD', 'HEAD', 'DELETE']);
});

it('refuses a listing that goes back behind its cursor', async (context) => {
  const s3 = await openAnswering(context, (_, response) => {
    const key = '<Contents><Key>a b.jpg</Key><Size>1</Size><ETag>"e"</ETag></Contents>';
    response
      .writeHead(200, { 'content-type': 'application/xml' })
      .end(`<ListBucketResult><IsTruncated>true</IsTruncated>${key}</ListBucketResult>`);
  });
  const { next } = await s3.list({ limit: 1 });
  await assert.rejects(s3.list({ limit: 1, cursor: next }), failsWith('unavailable', /after "a b.jpg", got "a b.jpg"/));
});
