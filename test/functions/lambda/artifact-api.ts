import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { imageId } from '../../../core/point-ids.ts';
import { type Built, keysOf, readPhoto } from './built.ts';
import { httpEvent, message, restEvent, s3Body } from './events.ts';
import { bodyOf, jsonOf, type LambdaFunction } from './function.ts';

/** Tests the built API function behind its URL and behind API Gateway. Needs the pictures of the ingest suite. */
export function apiSuite(on: Built): void {
  const { start, request, deliver } = on;

  describe('api', () => {
    it('streams a picture, whole and in part', async () => {
      const bytes = await readPhoto('cat.jpg');
      const url = `/images/${imageId('pictures', 'photos/cat.jpg')}/content`;
      const whole = await request({ url });
      assert.equal(whole.statusCode, 200);
      assert.equal(whole.headers['content-type'], 'image/jpeg');
      assert.ok(bodyOf(whole).equals(bytes));
      const part = await request({ url, headers: { range: 'bytes=100-199' } });
      assert.equal(part.statusCode, 206);
      assert.ok(bodyOf(part).equals(bytes.subarray(100, 200)));
    });

    it('tells languages apart by what it carries packed, and reads each with the side for it', async () => {
      for (const [text, language, encoder] of [
        ['ein Hund rennt über die Wiese', 'de', 'multilingual-e5-small'],
        ['dos niños juegan en la playa', 'es', 'multilingual-e5-small'],
        ['a dog runs across the meadow', 'en', 'all-minilm-l6-v2-int8'],
      ]) {
        const answer = await request({ url: `/search?q=${encodeURIComponent(text!)}` });
        const { language: got, side } = jsonOf<{ language: string; side: string }>(answer);
        assert.deepEqual([answer.statusCode, got, side], [200, language, encoder], text);
      }
    });

    it('makes thumbnails', async () => {
      const small = await request({ url: `/images/${imageId('pictures', 'photos/cat.jpg')}/thumbnail?size=128` });
      assert.equal(small.statusCode, 200);
      assert.match(small.headers['content-type']!, /^image\//);
      assert.ok(bodyOf(small).byteLength < 20_000);
    });

    it('takes an upload with a key, and none without', async () => {
      const body = await readPhoto('sunset.jpg');
      const upload = {
        method: 'POST',
        url: '/images?key=uploaded.jpg',
        body,
        headers: { 'content-type': 'image/jpeg' },
      };
      assert.equal((await request(upload)).statusCode, 401);
      const stored = await request({ ...upload, headers: { ...upload.headers, 'x-api-key': on.cloud.apiKey } });
      assert.equal(stored.statusCode, 201, bodyOf(stored).toString());
      assert.equal((await on.cloud.pictures.head('uploaded.jpg'))?.bytes, body.byteLength);
      const similar = await request({ url: `/images/${imageId('pictures', 'uploaded.jpg')}/similar?limit=3` });
      assert.equal(keysOf(similar).length, 3);
    });

    it('signs an upload, which is found when S3 has announced it', async () => {
      const photo = await readPhoto('rocket.jpg');
      const body = Buffer.from(
        JSON.stringify({ contentType: 'image/jpeg', bytes: photo.byteLength, key: 'signed.jpg' }),
      );
      const headers = { 'content-type': 'application/json', 'x-api-key': on.cloud.apiKey };
      const answer = await request({ method: 'POST', url: '/uploads', body, headers });
      assert.equal(answer.statusCode, 201, bodyOf(answer).toString());
      const signed = jsonOf<{ id: string; url: string; headers: Record<string, string> }>(answer);
      const put = await fetch(signed.url, { method: 'PUT', headers: signed.headers, body: new Uint8Array(photo) });
      assert.equal(put.status, 200);
      assert.deepEqual(await deliver([message(s3Body({ key: 'signed.jpg', sequencer: '01' }))]), []);
      assert.equal((await request({ url: `/images/${signed.id}` })).statusCode, 200);
    });

    it('searches with a picture that is sent', async () => {
      const body = Buffer.from(
        JSON.stringify({ terms: [{ image: (await readPhoto('cat.jpg')).toString('base64') }], limit: 1 }),
      );
      const found = await request({
        method: 'POST',
        url: '/search',
        body,
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(found.statusCode, 200, bodyOf(found).toString());
      assert.deepEqual(keysOf(found), ['photos/cat.jpg']);
    });

    it('serves the page and the documentation out of its own folder', async () => {
      const page = await request({ url: '/', headers: { accept: 'text/html' } });
      assert.equal(page.statusCode, 200);
      const script = /src="([^"]+\.js)"/.exec(bodyOf(page).toString())?.[1];
      assert.equal((await request({ url: `/${script!.replace(/^\//, '')}` })).statusCode, 200);
      for (const url of ['/docs', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js', '/openapi.json']) {
        assert.equal((await request({ url })).statusCode, 200, url);
      }
    });

    it('answers problems as problems, and keeps its numbers to itself', async () => {
      for (const [url, status] of [
        ['/no/such/route', 404],
        ['/metrics', 404],
        ['/search', 400],
      ] as const) {
        const answer = await request({ url });
        assert.equal(answer.statusCode, status, url);
        assert.match(answer.headers['content-type']!, /^application\/problem\+json/);
      }
    });

    it('sends status and headers also when there is no body', async () => {
      const url = `/images/${imageId('pictures', 'photos/cat.jpg')}/content`;
      const head = await request({ method: 'HEAD', url });
      assert.deepEqual([head.statusCode, head.headers['content-type'], head.body], [200, 'image/jpeg', '']);
      const { etag } = head.headers;
      const fresh = await request({ url, headers: { 'if-none-match': etag! } });
      assert.deepEqual([fresh.statusCode, fresh.headers.etag, fresh.body], [304, etag, '']);
      const allowed = await request({ method: 'OPTIONS', url });
      assert.deepEqual([allowed.statusCode, allowed.headers.allow, allowed.body], [204, 'GET, HEAD, OPTIONS', '']);
    });

    it('streams nothing compressed, which the function URL would unpack', async () => {
      const headers = { 'accept-encoding': 'gzip, br' };
      for (const url of ['/openapi.json', '/images?limit=20', '/']) {
        const answer = await request({ url, headers });
        assert.deepEqual([answer.statusCode, answer.headers['content-encoding']], [200, undefined], url);
      }
      assert.ok(
        bodyOf(await request({ url: '/images?limit=20', headers })).length > 1024,
        'long enough to be compressed',
      );
    });

    it(
      'behind CloudFront answers nobody who comes past it, and tells callers apart by the address that it ' + 'saw',
      async () => {
        await using closed = await start('api', {
          SIGHTLINE_ORIGIN_KEY_HASH: createHash('sha256').update('from CloudFront').digest('hex'),
          SIGHTLINE_RATE_LIMIT: '1',
        });
        const ask = async (headers: Record<string, string>) =>
          (await request({ url: '/search?q=cat', headers }, closed)).statusCode;
        for (const headers of [{}, { 'x-sightline-origin': 'a guess' }, { 'x-sightline-origin': '' }]) {
          assert.equal(await ask(headers as Record<string, string>), 421);
        }
        const through = (viewer: string) =>
          ask({ 'x-sightline-origin': 'from CloudFront', 'x-sightline-viewer': viewer });
        assert.deepEqual(
          [await through('192.0.2.1'), await through('192.0.2.1'), await through('192.0.2.2')],
          [200, 429, 200],
        );
      },
    );

    it('answers a GET with content, and what is no request at all', async () => {
      const found = await request({ url: '/search?q=cat', body: Buffer.from('{"not": "looked at"}') });
      assert.equal(found.statusCode, 200, bodyOf(found).toString());
      const answer = await request({ method: 'TRACE', url: '/search?q=cat' });
      assert.deepEqual([answer.statusCode, jsonOf<{ type: string }>(answer).type], [400, '/problems/malformed-http']);
    });

    it('lets the caller see that a picture broke off, and answers the next request', async () => {
      const url = `/images/${imageId('pictures', 'photos/cat.jpg')}/content`;
      on.cloud.s3.inject({
        matches: ({ method, url: at }) => method === 'GET' && at.includes('cat.jpg'),
        times: 1,
        does: 'break-body',
      });
      const broken = await request({ url });
      on.cloud.s3.calm();
      assert.equal(broken.isCut, true);
      const bytes = await readPhoto('cat.jpg');
      assert.ok(bodyOf(broken).equals(bytes.subarray(0, bodyOf(broken).length)), 'nothing else follows what there was');
      assert.ok(bodyOf(await request({ url })).equals(bytes));
    });

    describe('behind API Gateway', () => {
      type Answer = { statusCode: number; body: string; isBase64Encoded: boolean };
      let gateway: LambdaFunction;
      before(async () => {
        gateway = await start('api', {}, 'bufferedHandler');
      });
      after(() => gateway?.kill());
      const ask = async (event: object) => (await gateway.invoke<Answer>(event)).result;

      it('answers payloads 2.0 and 1.0, texts as they are and pictures in base64', async () => {
        const url = `/images/${imageId('pictures', 'photos/cat.jpg')}/content`;
        for (const event of [(at: string) => httpEvent({ url: at }, 'api-gateway-v2-get'), restEvent]) {
          const health = await ask(event('/health'));
          assert.deepEqual([health.statusCode, health.isBase64Encoded], [200, false]);
          assert.equal(JSON.parse(health.body).status, 'ok');
          const content = await ask(event(url));
          assert.equal(content.isBase64Encoded, true);
          assert.ok(Buffer.from(content.body, 'base64').equals(await readPhoto('cat.jpg')));
        }
      });

      it('reads several values of one parameter, and odd ones', async () => {
        const url = '/images?tagsAll=one%20%26%20two&tagsAll=none';
        for (const event of [httpEvent({ url }, 'api-gateway-v2-get'), restEvent(url)]) {
          const listed = await ask(event);
          assert.deepEqual([listed.statusCode, JSON.parse(listed.body).items], [200, []], listed.body);
        }
      });

      it('says so when an answer is longer than API Gateway takes, and gives it in parts', async () => {
        const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
        const create = { width: 1500, height: 1100, channels: 3, background: 'black', noise } as const;
        const large = await sharp({ create }).png({ compressionLevel: 0 }).toBuffer();
        assert.ok(large.length > 4.8e6);
        await on.cloud.pictures.put('large.png', large);
        assert.deepEqual(await deliver([message(s3Body({ key: 'large.png', sequencer: '01' }))]), []);
        const url = `/images/${imageId('pictures', 'large.png')}/content`;
        const whole = await ask(restEvent(url));
        assert.equal(whole.statusCode, 413);
        assert.match(JSON.parse(whole.body).detail, /at most 6 MB .* ask for parts of it with Range/);
        const part = await ask(restEvent(url, { range: 'bytes=0-999999' }));
        assert.equal(part.statusCode, 206);
        assert.ok(Buffer.from(part.body, 'base64').equals(large.subarray(0, 1e6)));
        assert.ok(bodyOf(await request({ url })).equals(large), 'the function URL streams it');
      });
    });
  });
}
