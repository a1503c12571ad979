import assert from 'node:assert/strict';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SQSBatchResponse } from 'aws-lambda';
import sharp from 'sharp';
import { imageId } from '../../core/index-image.ts';
import { openQdrantSpaces } from '../../core/vectors/qdrant-spaces.ts';
import { unreadableKey } from '../../functions/lambda/last-attempt.ts';
import { startFakeQdrant } from '../qdrant/server.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { type HttpRequest, httpEvent, message, restEvent, s3Body, testEvent } from './events.ts';
import {
  type BuildReport,
  bodyOf,
  buildFunctions,
  jsonOf,
  type LambdaFunction,
  placed,
  runBuild,
  startFunction,
} from './function.ts';
import { startQueue } from './queue.ts';
import type { Streamed } from './response-stream.ts';

/**
 * What `npm run build:lambda` makes, run as Lambda runs it: in a process and a folder of its own, with recorded events,
 * against an S3 server and the embedded store.
 */

const readPhoto = (name: string) => readFile(fileURLToPath(new URL(`../../examples/photos/${name}`, import.meta.url)));
const skip = process.platform === 'linux' ? false : 'the functions are built for Linux';

describe('the built Lambda functions', { skip }, () => {
  let build: BuildReport & { remove(): Promise<void> };
  let cloud: Cloud;
  let ingest: LambdaFunction;
  let api: LambdaFunction;
  const places = new Map<string, Awaited<ReturnType<typeof placed>>>();

  async function start(name: 'api' | 'ingest', env: Record<string, string> = {}, handler = 'handler') {
    return startFunction(places.get(name)!.folder, `functions/${name}.${handler}`, { ...cloud.env, ...env });
  }

  before(async () => {
    build = await buildFunctions();
    for (const name of ['api', 'ingest']) places.set(name, await placed(join(build.out, name)));
    cloud = await startCloud();
    [ingest, api] = await Promise.all([start('ingest'), start('api')]);
  });
  after(async () => {
    await Promise.all([ingest?.kill(), api?.kill()]);
    await cloud?.stop();
    await Promise.all([...places.values(), build].map((place) => place?.remove()));
  });

  const request = async (asked: HttpRequest, fn = api): Promise<Streamed> =>
    (await fn.invoke<Streamed>(httpEvent(asked))).result;
  const deliver = async (...messages: ReturnType<typeof message>[]): Promise<string[]> => {
    const { result } = await ingest.invoke<SQSBatchResponse>({ Records: messages });
    return result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  };
  const keysOf = (answer: Streamed) => jsonOf<{ items: { key: string }[] }>(answer).items.map(({ key }) => key);

  describe('as folders', () => {
    it('are within their budget', () => {
      for (const { total } of Object.values(build.functions)) assert.ok(total > 50e6 && total <= build.budget);
      assert.equal(build.budget, 120e6);
    });

    it('are not made when they are over it, or the call makes no sense', async () => {
      const out = await mkdtemp(join(tmpdir(), 'sightline-over-'));
      const fails = (code: number, stderr: RegExp, ...options: string[]) =>
        assert.rejects(runBuild('--arch', process.arch, '--out', out, ...options), { code, stderr });
      try {
        await fails(1, /expected api to have at most 60000000 bytes, got 1\d{8}/, '--budget', '60');
        await fails(2, /--arch: expected arm64 or x64, got "mips"/, '--arch', 'mips');
        await fails(2, /expected a profile of models\/manifest.json/, '--profile', 'none');
      } finally {
        await rm(out, { recursive: true, force: true });
      }
    });

    it('carry native code for one system only', async () => {
      for (const name of ['api', 'ingest']) {
        const natives: string[] = [];
        for await (const file of glob('**/*.{node,so*,dll,dylib}', { cwd: join(build.out, name) })) natives.push(file);
        assert.equal(natives.length, 4, `${natives}`);
        for (const file of natives) assert.match(file, new RegExp(`linux[-/]${process.arch}`));
      }
    });

    it('carry the models of one profile, the page where it is served, and no source', async () => {
      for (const name of ['api', 'ingest'] as const) {
        const files: string[] = [];
        for await (const file of glob('**', { cwd: join(build.out, name), withFileTypes: true })) {
          assert.ok(!file.isSymbolicLink(), file.name);
          if (file.isFile()) files.push(join(file.parentPath, file.name).slice(join(build.out, name).length + 1));
        }
        assert.deepEqual(
          files.filter((file) => /\.(ts|map)$/.test(file)),
          [],
        );
        assert.equal(files.filter((file) => /^models\/.*\.onnx$/.test(file)).length, 3);
        assert.equal(files.includes('page/index.html'), name === 'api');
      }
    });

    it('know nothing of the machine they were built on', async () => {
      const root = fileURLToPath(new URL('../..', import.meta.url));
      for await (const file of glob('*/functions/*.mjs', { cwd: build.out })) {
        assert.ok(!(await readFile(join(build.out, file), 'utf8')).includes(root), file);
      }
    });
  });

  describe('ingest', () => {
    it('indexes what an event of S3 announces, and the API finds it', async () => {
      await cloud.pictures.put('photos/cat.jpg', await readPhoto('cat.jpg'), { contentType: 'image/jpeg' });
      await cloud.pictures.put('photos/rocket.jpg', await readPhoto('rocket.jpg'));
      const both = s3Body({ key: 'photos/cat.jpg', sequencer: '01' }, { key: 'photos/rocket.jpg', sequencer: '01' });
      assert.deepEqual(await deliver(message(both)), []);
      const found = await request({ url: '/search?q=a+cat&limit=5' });
      assert.equal(found.statusCode, 200);
      assert.deepEqual(keysOf(found).sort(), ['photos/cat.jpg', 'photos/rocket.jpg']);
    });

    it('finds objects whose keys S3 encodes', async () => {
      const keys = [
        'odd/a b+c.jpg',
        'odd/100%.jpg',
        'odd/Größe 猫 🐈.jpg',
        "odd/it's (1)!*~.jpg",
        'odd//double.jpg',
        'odd/end/',
      ];
      for (const key of keys) await cloud.pictures.put(key, await readPhoto('coffee.jpg'));
      const messages = keys.map((key) => message(s3Body({ key, sequencer: '01' })));
      assert.deepEqual(await deliver(...messages), []);
      const listed = await request({ url: '/images?keyPrefix=odd/' });
      assert.deepEqual(keysOf(listed).sort(), keys.toSorted());
    });

    it('takes what S3 removes out of the index', async () => {
      await cloud.pictures.put('gone.jpg', await readPhoto('moon.jpg'));
      await deliver(message(s3Body({ key: 'gone.jpg', sequencer: '01' })));
      await cloud.pictures.delete('gone.jpg');
      await deliver(message(s3Body({ key: 'gone.jpg', sequencer: '02', name: 'ObjectRemoved:Delete' })));
      assert.equal((await request({ url: `/images/${imageId('pictures', 'gone.jpg')}` })).statusCode, 404);
    });

    it('is content with test events, objects that are gone, and events that change nothing', async () => {
      const nothing = [
        message(testEvent),
        message(s3Body({ key: 'never-there.jpg', sequencer: '01' })),
        message(s3Body({ key: 'photos/cat.jpg', sequencer: '03', name: 'ObjectTagging:Put' })),
      ];
      assert.deepEqual(await deliver(...nothing), []);
    });

    it('gives back only what failed, and lists what can never be indexed', async () => {
      await cloud.pictures.put('good.jpg', await readPhoto('galaxies.jpg'));
      await cloud.pictures.put('text.jpg', Buffer.from('this is no picture'));
      const poison = message('{"this": "is no event"}');
      const outage = message(s3Body({ key: 'unreachable.jpg', sequencer: '01' }));
      const good = message(s3Body({ key: 'good.jpg', sequencer: '01' }));
      const bad = message(s3Body({ key: 'text.jpg', sequencer: '01' }));
      await cloud.pictures.put('frozen.jpg', await readPhoto('moon.jpg'));
      cloud.s3.archive('pictures', 'frozen.jpg');
      const archived = message(s3Body({ key: 'frozen.jpg', sequencer: '01' }));
      cloud.s3.inject({
        matches: ({ url }) => url.includes('unreachable'),
        times: 100,
        does: { status: 403, code: 'AccessDenied' },
      });
      const failed = await deliver(poison, outage, archived, good, bad);
      cloud.s3.calm();
      assert.deepEqual(failed.sort(), [poison, outage].map(({ messageId }) => messageId).sort());
      assert.equal((await request({ url: `/images/${imageId('pictures', 'good.jpg')}` })).statusCode, 200);
      type Listed = { key: string; reason: string; message: string; retryable: boolean };
      const failures = jsonOf<{ items: Listed[] }>(await request({ url: '/failures' })).items;
      assert.equal(failures.find(({ key }) => key === 'text.jpg')?.reason, 'not-an-image');
      const frozen = failures.find(({ key }) => key === 'frozen.jpg');
      assert.ok(frozen?.retryable);
      assert.match(frozen.message, /must be restored before it can be read/);
      cloud.s3.archive('pictures', 'frozen.jpg', 'restored');
      assert.deepEqual(
        await deliver(message(s3Body({ key: 'frozen.jpg', sequencer: '02', name: 'ObjectRestore:Completed' }))),
        [],
      );
      const left = jsonOf<{ items: Listed[] }>(await request({ url: '/failures' })).items;
      assert.ok(!left.some(({ key }) => key === 'frozen.jpg'));
    });

    it('lists a poison message on its last delivery, and still gives it back, for the dead letter queue', async () => {
      const poison = message('not even JSON', { attempt: 3 });
      assert.deepEqual(await deliver(poison), [poison.messageId]);
      const failures = jsonOf<{ items: { key: string; reason: string }[] }>(await request({ url: '/failures' })).items;
      assert.equal(failures.find(({ key }) => key === unreadableKey(poison.body))?.reason, 'invalid-input');
    });

    it('writes logs and metrics that CloudWatch reads', () => {
      const lines = ingest
        .log()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.ok(lines.some(({ level, message: text }) => level === 'INFO' && text === 'ready'));
      const metrics = lines.filter((line) => line._aws !== undefined);
      assert.ok(metrics.some(({ Indexed }) => Indexed === 2 || Indexed?.length === 2));
      assert.ok(metrics.every(({ _aws }) => _aws.CloudWatchMetrics[0].Namespace === 'Sightline'));
    });
  });

  it('send traces of what they do', () => {
    const names = new Set(cloud.traces.map(({ name }) => name));
    assert.ok(names.has('ingest') && names.has('request'), `${[...names]}`);
    const runs = new Set(cloud.traces.filter(({ name }) => name === 'ingest').map(({ id }) => id));
    assert.ok(
      cloud.traces.some(({ name, parent_id }) => name === 'S3' && runs.has(parent_id)),
      `${[...names]}`,
    );
  });

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
      const stored = await request({ ...upload, headers: { ...upload.headers, 'x-api-key': cloud.apiKey } });
      assert.equal(stored.statusCode, 201, bodyOf(stored).toString());
      assert.equal((await cloud.pictures.head('uploaded.jpg'))?.bytes, body.byteLength);
      const similar = await request({ url: `/images/${imageId('pictures', 'uploaded.jpg')}/similar?limit=3` });
      assert.equal(keysOf(similar).length, 3);
    });

    it('signs an upload, which is found when S3 has announced it', async () => {
      const photo = await readPhoto('rocket.jpg');
      const body = Buffer.from(
        JSON.stringify({ contentType: 'image/jpeg', bytes: photo.byteLength, key: 'signed.jpg' }),
      );
      const headers = { 'content-type': 'application/json', 'x-api-key': cloud.apiKey };
      const answer = await request({ method: 'POST', url: '/uploads', body, headers });
      assert.equal(answer.statusCode, 201, bodyOf(answer).toString());
      const signed = jsonOf<{ id: string; url: string; headers: Record<string, string> }>(answer);
      const put = await fetch(signed.url, { method: 'PUT', headers: signed.headers, body: new Uint8Array(photo) });
      assert.equal(put.status, 200);
      assert.deepEqual(await deliver(message(s3Body({ key: 'signed.jpg', sequencer: '01' }))), []);
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

    it('answers a GET with content, and what is no request at all', async () => {
      const found = await request({ url: '/search?q=cat', body: Buffer.from('{"not": "looked at"}') });
      assert.equal(found.statusCode, 200, bodyOf(found).toString());
      const answer = await request({ method: 'TRACE', url: '/search?q=cat' });
      assert.deepEqual([answer.statusCode, jsonOf<{ type: string }>(answer).type], [400, '/problems/malformed-http']);
    });

    it('lets the caller see that a picture broke off, and answers the next request', async () => {
      const url = `/images/${imageId('pictures', 'photos/cat.jpg')}/content`;
      cloud.s3.inject({
        matches: ({ method, url: at }) => method === 'GET' && at.includes('cat.jpg'),
        times: 1,
        does: 'break-body',
      });
      const broken = await request({ url });
      cloud.s3.calm();
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
        await cloud.pictures.put('large.png', large);
        assert.deepEqual(await deliver(message(s3Body({ key: 'large.png', sequencer: '01' }))), []);
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

  it('answer words without the decoder and the model for pictures, with secrets that were encrypted as SST does it', async () => {
    const place = await placed(join(build.out, 'api'));
    const key = randomBytes(32);
    // As `Runtime.Build` of SST's command line writes it: AES-256-GCM with a nonce of zeros, its tag at the end.
    const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
    const apiKeys = { type: 'sst.sst.Secret', value: createHash('sha256').update('another key').digest('hex') };
    const links = cipher.update(JSON.stringify({ ApiKeys: apiKeys }));
    await writeFile(join(place.folder, 'resource.enc'), Buffer.concat([links, cipher.final(), cipher.getAuthTag()]));
    const { SST_RESOURCE_ApiKeys: _, ...env } = cloud.env;
    const fn = await startFunction(place.folder, 'functions/api.handler', {
      ...env,
      SST_KEY: key.toString('base64'),
      SST_KEY_FILE: 'resource.enc',
    });
    try {
      assert.equal((await request({ url: '/ready' }, fn)).statusCode, 200);
      assert.equal((await request({ url: '/search?q=a+cat' }, fn)).statusCode, 200);
      const url = `/images/${imageId('pictures', 'never-there.jpg')}`;
      const remove = (apiKey: string) => request({ method: 'DELETE', url, headers: { 'x-api-key': apiKey } }, fn);
      assert.deepEqual([(await remove(cloud.apiKey)).statusCode, (await remove('another key')).statusCode], [401, 404]);

      // Decoder and image model are loaded together.
      const libraries = () => readFile(`/proc/${fn.pid}/maps`, 'utf8');
      assert.match(await libraries(), /onnxruntime/);
      assert.doesNotMatch(await libraries(), /libvips/);
      const body = Buffer.from(JSON.stringify({ terms: [{ image: (await readPhoto('cat.jpg')).toString('base64') }] }));
      const headers = { 'content-type': 'application/json' };
      assert.equal((await request({ method: 'POST', url: '/search', body, headers }, fn)).statusCode, 200);
      assert.match(await libraries(), /libvips/);
    } finally {
      await fn.kill();
      await place.remove();
    }
  });

  /** Without the embedded store's folder the functions look for Qdrant, as in the cloud. */
  const secret = (value: string) => JSON.stringify({ type: 'sst.sst.Secret', value });
  const withQdrant = (url: string, apiKey = '') => ({
    SIGHTLINE_DATA: '',
    SIGHTLINE_REQUEST_TIMEOUT_MS: '6000',
    SST_RESOURCE_QdrantUrl: secret(url),
    SST_RESOURCE_QdrantApiKey: secret(apiKey),
  });

  it('index into Qdrant and search there, with its key, and tell how many messages wait', async () => {
    const qdrant = await startFakeQdrant({ apiKey: 'secret' });
    const queue = await startQueue({ maxReceives: 3, visibilitySeconds: 30 });
    queue.send('one', 'two');
    const env = { ...withQdrant(qdrant.url, 'secret'), SIGHTLINE_QUEUE_URL: queue.url };
    const [qdrantIngest, qdrantApi] = await Promise.all([start('ingest', env), start('api', env)]);
    try {
      await cloud.pictures.put('in-qdrant.jpg', await readPhoto('dragonfly.jpg'));
      const Records = [message(s3Body({ key: 'in-qdrant.jpg', sequencer: '01' }))];
      assert.deepEqual((await qdrantIngest.invoke<SQSBatchResponse>({ Records })).result.batchItemFailures, []);
      assert.deepEqual(keysOf(await request({ url: '/search?q=an+insect' }, qdrantApi)), ['in-qdrant.jpg']);
      assert.ok(qdrant.calls.every(({ headers }) => headers['api-key'] === 'secret'));
      assert.doesNotMatch(qdrantIngest.log() + qdrantApi.log(), /Missing AWS Lambda trace data/);
      const waiting = async () =>
        jsonOf<{ backlog: number | null }>(await request({ url: '/status' }, qdrantApi)).backlog;
      assert.equal(await waiting(), 2);
      await queue.stop();
      assert.equal(await waiting(), null, 'the rest of the status is told without the queue');
    } finally {
      await Promise.all([qdrantIngest.kill(), qdrantApi.kill()]);
      await Promise.all([qdrant.stop(), queue.stop()]);
    }
  });

  it('write nothing that does not count once other models have taken over, and do not start with those that have not', async () => {
    const qdrant = await startFakeQdrant();
    const env = withQdrant(qdrant.url);
    const [oldIngest, oldApi] = await Promise.all([start('ingest', env), start('api', env)]);
    const spaces = await openQdrantSpaces({ url: qdrant.url });
    const messages = (...changes: { key: string; sequencer: string }[]) =>
      changes.map((change) => message(s3Body(change)));
    const handle = async (Records: ReturnType<typeof messages>) => {
      const { result } = await oldIngest.invoke<SQSBatchResponse>({ Records });
      return result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).sort();
    };
    let late: LambdaFunction | undefined;
    try {
      for (const key of ['before.jpg', 'after.jpg']) await cloud.pictures.put(key, await readPhoto('dragonfly.jpg'));
      assert.deepEqual(await handle(messages({ key: 'before.jpg', sequencer: '01' })), []);
      const beside = await spaces.openBeside('other-models', 64);
      await beside.switch(async () => {});

      // Also one that was written before: perhaps by a try that ended before it knew whether it counts.
      const again = messages({ key: 'before.jpg', sequencer: '01' }, { key: 'after.jpg', sequencer: '01' });
      assert.deepEqual(await handle(again), again.map(({ messageId }) => messageId).sort());
      assert.match(oldIngest.log(), /is not live any more: live names sightline-other-models/);
      assert.equal((await request({ url: '/search?q=an+insect' }, oldApi)).statusCode, 200);
      const tags = await request(
        {
          method: 'PATCH',
          url: `/images/${imageId('pictures', 'before.jpg')}`,
          body: Buffer.from('{"tags":["x"]}'),
          headers: { 'content-type': 'application/json', 'x-api-key': cloud.apiKey },
        },
        oldApi,
      );
      assert.equal(tags.statusCode, 503, bodyOf(tags).toString());

      late = await start('api', env);
      assert.equal((await request({ url: '/search?q=an+insect' }, late)).statusCode, 500);
      assert.match(late.log(), /expected the alias live to name sightline-\w+, .* got sightline-other-models/);
    } finally {
      await Promise.all([oldIngest.kill(), oldApi.kill(), late?.kill()]);
      await spaces.close();
      await qdrant.stop();
    }
  });

  it('know a wrong key of Qdrant and an older Qdrant when they see one', async () => {
    for (const [options, key, log] of [
      [{ apiKey: 'secret' }, 'wrong', /API key/],
      [{ version: '1.15.0' }, '', /1\.16/],
    ] as const) {
      const qdrant = await startFakeQdrant(options);
      const broken = await start('api', withQdrant(qdrant.url, key));
      try {
        assert.equal((await request({ url: '/search?q=cat' }, broken)).statusCode, 500);
        assert.match(broken.log(), log);
      } finally {
        await broken.kill();
        await qdrant.stop();
      }
    }
  });

  describe('when they cannot work', () => {
    for (const [name, env, log] of [
      ['a secret is missing', withQdrant(''), /sst secret set QdrantUrl/],
      ['a secret is wrong', withQdrant('nonsense'), /expected the secret QdrantUrl to be a URL/],
      ['a key that may write is no hash', { SST_RESOURCE_ApiKeys: secret('the key itself') }, /apiKeyHashes.*SHA-256/],
      ['the bucket is not named', { SIGHTLINE_BUCKET: '' }, /expected SIGHTLINE_BUCKET to be set/],
      ['the profile is not carried', { SIGHTLINE_PROFILE: 'seed' }, /expected a folder (snowflake|mobilenet)/],
    ] as const) {
      it(`${name}, the API answers 500 and the log says why`, async () => {
        const broken = await start('api', env);
        try {
          const answer = await request({ url: '/search?q=cat' }, broken);
          assert.equal(answer.statusCode, 500);
          assert.equal(jsonOf<{ type: string }>(answer).type, '/problems/internal');
          assert.match(broken.log(), log);
          assert.match(broken.log(), /"Dimensions":\[\["service"\]\].*"service":"sightline".*"ServerErrors":1/);
          assert.doesNotMatch(bodyOf(answer).toString(), log);
          assert.doesNotMatch(broken.log(), /the key itself/);
        } finally {
          await broken.kill();
        }
      });
    }

    it('Qdrant does not answer, the API says to come back and ingest gives everything back', async () => {
      const env = withQdrant('http://127.0.0.1:9');
      const [deafApi, deafIngest] = await Promise.all([start('api', env), start('ingest', env)]);
      try {
        const answer = await request({ url: '/search?q=cat' }, deafApi);
        assert.equal(answer.statusCode, 503);
        assert.ok(answer.headers['retry-after']);
        const batch = { Records: [message(s3Body({ key: 'photos/cat.jpg', sequencer: '09' }))] };
        await assert.rejects(deafIngest.invoke(batch), /Qdrant at http:\/\/127\.0\.0\.1:9/);
      } finally {
        await Promise.all([deafApi.kill(), deafIngest.kill()]);
      }
    });
  });
});
