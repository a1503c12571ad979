import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import { imageId } from '../../../core/point-ids.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import type { Readiness } from '../../../functions/http/deps.ts';
import { PROBLEMS } from '../../../functions/http/problem.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

describe('vectors over HTTP', () => {
  let t: TestApp;
  before(async () => {
    t = await testApp();
  });
  after(() => t.close());

  it('answers unit vectors in order, from JSON and from a form alike', async () => {
    const photos = await Promise.all(['cat.jpg', 'moon.jpg'].map(samplePhoto));
    const body = { texts: ['a', 'b'], images: photos.map((bytes) => Buffer.from(bytes).toString('base64')) };
    const inline = await t.json('/embed', jsonRequest('POST', body));
    assert.equal(inline.status, 200);
    const { space, dimension, texts, images } = inline.body as unknown as {
      space: string;
      dimension: number;
      texts: number[][];
      images: number[][];
    };
    assert.deepEqual([space, dimension], ['feedfeedfeedfeed', 64]);
    const [a, b] = await t.deps.embedder.embedTexts(['a', 'b']);
    assert.deepEqual(texts, [Array.from(a!), Array.from(b!)]);
    assert.deepEqual(images[1], Array.from((await t.deps.embedder.embedImage(photos[1]!)).vector));

    const form = new FormData();
    for (const text of body.texts) form.append('texts', text);
    for (const bytes of photos) form.append('images', new File([bytes], 'x.jpg'));
    const asForm = await t.json('/embed', { method: 'POST', body: form });
    assert.deepEqual(asForm.body, inline.body);
    const [only] = (await t.json('/embed', jsonRequest('POST', { texts: ['a'] }))).body.texts;
    assert.deepEqual(only, texts[0]);
  });

  it('names the picture that cannot be read', async () => {
    const images = [await samplePhoto('cat.jpg'), new TextEncoder().encode('no')].map((x) =>
      Buffer.from(x).toString('base64'),
    );
    const { status, body } = await t.json('/embed', jsonRequest('POST', { images }));
    assert.equal(status, 415);
    assert.equal(body.reason, 'not-an-image');
    assert.equal(body.errors[0]!.pointer, '#/images/1');
  });

  it('refuses nothing, too much and what is no base64', async () => {
    for (const body of [
      {},
      { texts: [] },
      { texts: Array(65).fill('x') },
      { images: Array(17).fill('AAAA') },
      { images: ['?'] },
      { images: ['AAA'] },
      { images: ['AA=A'] },
    ]) {
      assert.equal((await t.json('/embed', jsonRequest('POST', body))).status, 400, JSON.stringify(body).slice(0, 60));
    }
    assert.equal((await t.json('/embed', { method: 'POST', body: new FormData() })).status, 400);
    const many = new FormData();
    for (let i = 0; i < 17; i++) many.append('images', new File(['x'], 'x'));
    assert.equal((await t.json('/embed', { method: 'POST', body: many })).status, 400);
  });
});

describe('failures over HTTP', () => {
  let t: TestApp;
  const id = imageId('photos', 'bad.jpg');
  before(async () => {
    t = await testApp();
    const objects = t.deps.buckets.get('photos')!;
    await objects.put('bad.jpg', (await samplePhoto('cat.jpg')).slice(0, 5000));
    for (const name of ['bad.jpg', 'gone.jpg', 'third.jpg']) {
      await t.deps.failures.record({
        id: imageId('photos', name),
        bucket: 'photos',
        key: name,
        etag: 'e',
        sequencer: '',
        reason: 'truncated',
        message: 'the file ends early',
        retryable: false,
      });
    }
  });
  after(() => t.close());

  it('lists them with pages and a total', async () => {
    const first = await t.json('/failures?limit=2');
    assert.equal(first.status, 200);
    assert.equal(first.body.total, 3);
    const second = await t.json(`/failures?limit=2&cursor=${first.body.next}`);
    const items = [...(first.body.items as unknown[]), ...(second.body.items as unknown[])] as Record<
      string,
      unknown
    >[];
    assert.deepEqual(items.map(({ key }) => key).sort(), ['bad.jpg', 'gone.jpg', 'third.jpg']);
    assert.equal(items[0]!.attempts, 1);
    assert.ok(!('sequencer' in items[0]!));
  });

  it('tries again: still bad stays, what is gone goes, what is good is indexed', async () => {
    const retry = (of: string) => t.json(`/failures/${of}/retry`, { method: 'POST' });
    const bad = await retry(id);
    assert.deepEqual([bad.status, bad.body.status, bad.body.reason], [200, 'rejected', 'truncated']);
    assert.notEqual(await t.deps.failures.get(id), null);
    assert.equal((await retry(imageId('photos', 'gone.jpg'))).body.status, 'gone');
    assert.equal(await t.deps.failures.count(), 2);
    await t.deps.buckets.get('photos')!.put('bad.jpg', await samplePhoto('cat.jpg'));
    const good = await retry(id);
    assert.equal(good.body.status, 'indexed');
    assert.equal(good.body.image!.key, 'bad.jpg');
    assert.equal(await t.deps.failures.get(id), null);
    assert.equal((await retry(id)).status, 404);
    await t.deps.failures.record({
      id,
      bucket: 'photos',
      key: 'bad.jpg',
      etag: 'e',
      sequencer: '',
      reason: 'unavailable',
      message: 'no disk',
      retryable: true,
    });
    assert.equal((await retry(id)).body.status, 'unchanged');
  });

  it('keeps the failure and counts the attempt when the retry itself fails', async () => {
    await using broken = closing(
      await testApp({}, (deps) => ({
        ...deps,
        index: () => Promise.reject(new SightlineError('unavailable', 'the disk is full')),
      })),
    );
    const failure = { id, bucket: 'photos', key: 'bad.jpg', etag: 'e', sequencer: '' };
    await broken.deps.failures.record({ ...failure, reason: 'corrupt', message: 'x', retryable: false });
    const { status, headers, body } = await broken.json(`/failures/${id}/retry`, { method: 'POST' });
    assert.equal(status, 503);
    assert.equal(headers.get('retry-after'), '5');
    assert.equal(body.detail, 'the disk is full');
    const after = await broken.deps.failures.get(id);
    assert.deepEqual([after!.reason, after!.attempts, after!.retryable], ['unavailable', 2, true]);
  });
});

describe('the service about itself', () => {
  it('is alive, ready or not, and says which models answer', async () => {
    let state: Readiness = 'starting';
    await using t = closing(await testApp({}, (deps) => ({ ...deps, ready: () => state })));
    const health = await t.json('/health');
    assert.deepEqual([health.status, health.body.status, health.body.version], [200, 'ok', '0.0.0-test']);
    const notYet = await t.json('/ready');
    assert.deepEqual([notYet.status, notYet.body.state, notYet.headers.get('retry-after')], [503, 'starting', '1']);
    state = 'ready';
    assert.deepEqual((await t.json('/ready')).body, { status: 'ready', space: 'feedfeedfeedfeed' });
    const model = await t.json('/model');
    assert.deepEqual(model.body, t.deps.model);
    assert.ok(model.headers.get('etag'));
  });

  it('counts requests by route template and embeddings by kind, and asks watchers', async () => {
    await using t = closing(await testApp());
    t.deps.metrics.watch('sightline_queue_waiting', 'Pictures waiting.', async () => 7);
    const id = await t.addPhoto('cat.jpg');
    await t.json('/search?q=secret');
    await t.json(`/images/${id}`);
    await t.json('/nowhere/else', { method: 'BREW' });
    const response = await t.app.request('/metrics');
    assert.match(response.headers.get('content-type')!, /^text\/plain/);
    const text = await response.text();
    assert.match(
      text,
      /sightline_http_request_duration_seconds_count\{method="GET",route="\/images\/:id",status="200"\} 1/,
    );
    assert.match(text, /_count\{method="other",route="unmatched",status="404"\} 1/);
    assert.match(text, /sightline_embedding_duration_seconds_count\{kind="text"\} 1/);
    assert.match(text, /sightline_queue_waiting 7/);
    assert.ok(!text.includes(id) && !text.includes('secret'));
  });

  it('has metrics only locally', async () => {
    await using t = closing(await testApp({}, (deps) => ({ ...deps, local: false })));
    assert.equal((await t.json('/metrics')).status, 404);
    const { paths } = (await t.json('/openapi.json')).body as unknown as { paths: object };
    assert.ok(!('/metrics' in paths));
    assert.match((await t.app.request('/health')).headers.get('strict-transport-security')!, /max-age/);
  });

  it('logs one line a request, with the request id and without what was looked for', async () => {
    await using t = closing(await testApp());
    await t.json('/search?q=my+secret+wish', { headers: { 'x-request-id': 'abc-123' } });
    await t.json('/search', jsonRequest('POST', { text: 'another secret' }));
    await t.json('/search?q=secret&nope=1');
    const lines = t.log.filter(({ msg }) => msg === 'request');
    assert.equal(lines.length, 3);
    const { requestId, method, path, route, status, durationMs } = lines[0]!;
    assert.deepEqual([requestId, method, path, route, status], ['abc-123', 'GET', '/search', '/search', 200]);
    assert.ok(typeof durationMs === 'number' && durationMs >= 0);
    assert.ok(!JSON.stringify(t.log).includes('secret'));
  });

  it('keeps sane request ids, makes its own otherwise, and repeats it in problems', async () => {
    await using t = closing(await testApp());
    const ask = async (given?: string) => {
      const { headers, body } = await t.json(
        '/nope',
        given === undefined ? {} : { headers: { 'x-request-id': given } },
      );
      assert.equal(headers.get('x-request-id'), body.requestId);
      return body.requestId;
    };
    assert.equal(await ask('abc_1-2'), 'abc_1-2');
    for (const bad of [undefined, 'x'.repeat(65), 'a b', '<script>', 'a"b']) {
      assert.match(await ask(bad), /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    }
  });

  it('hides what went wrong inside, and logs it', async () => {
    const faults: [unknown, number, string][] = [
      [new TypeError('secret path /home/x'), 500, 'internal'],
      [new SightlineError('space-mismatch', 'secret space'), 500, 'internal'],
      [new SightlineError('unavailable', 'the store does not answer'), 503, 'unavailable'],
    ];
    for (const [fault, status, code] of faults) {
      await using t = closing(
        await testApp({}, (deps) => ({
          ...deps,
          vectors: { ...deps.vectors, query: () => Promise.reject(fault) },
        })),
      );
      const answer = await t.json('/search?q=x');
      assert.deepEqual([answer.status, answer.body.type], [status, `/problems/${code}`]);
      assert.ok(!JSON.stringify(answer.body).includes('secret'));
      const logged = t.log.find(({ err }) => err !== undefined);
      assert.equal((logged!.err as { message: string }).message, (fault as Error).message);
      assert.equal(logged!.requestId, answer.body.requestId);
    }
  });

  it('explains every type of problem', async () => {
    await using t = closing(await testApp());
    for (const code of Object.keys(PROBLEMS)) {
      const { status, body } = await t.json(`/problems/${code}`);
      assert.equal(status, 200);
      assert.equal(body.type, `/problems/${code}`);
    }
    assert.equal((await t.json('/problems/toString')).status, 404);
  });

  it('serves its documentation from here alone', async () => {
    await using t = closing(await testApp());
    const page = await t.app.request('/docs');
    assert.equal(page.status, 200);
    const html = await page.text();
    assert.doesNotMatch(html, /https?:\/\//);
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|\bon\w+=|style=/);
    assert.match(page.headers.get('content-security-policy')!, /script-src 'self';/);
    const files = [...html.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map((match) => `/${match[1]}`);
    assert.equal(files.length, 3);
    for (const file of files) {
      const response = await t.app.request(file);
      assert.equal(response.status, 200, file);
      assert.ok((await response.bytes()).byteLength > 50, file);
      const tag = response.headers.get('etag')!;
      assert.equal((await t.app.request(file, { headers: { 'if-none-match': tag } })).status, 304);
    }
    for (const bad of ['package.json', '..%2fpackage.json', 'constructor', 'index.html']) {
      assert.equal((await t.app.request(`/docs/${bad}`)).status, 404, bad);
    }
  });

  it('serves the page where no route is', async () => {
    const html = { body: '<!doctype html>', contentType: 'text/html', etag: 'v1', cacheControl: 'no-cache' };
    await using t = closing(await testApp({}, (deps) => ({ ...deps, page: (path) => (path === '/' ? html : null) })));
    const page = await t.app.request('/');
    assert.deepEqual([page.status, await page.text()], [200, html.body]);
    assert.match(page.headers.get('content-security-policy')!, /script-src 'self'/);
    assert.doesNotMatch(page.headers.get('content-security-policy')!, /unsafe/);
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    assert.equal((await t.app.request('/', { method: 'HEAD' })).status, 200);
    assert.equal((await t.app.request('/', { headers: { 'if-none-match': '"v1"' } })).status, 304);
    assert.equal((await t.json('/', { method: 'POST' })).status, 404);
    assert.equal((await t.json('/other')).status, 404);
  });
});
