import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openS3, type S3Store } from '../../core/objects/s3/store.ts';
import { NOTHING_KNOWN } from '../../core/picture-fields.ts';
import { imageId } from '../../core/point-ids.ts';
import type { VectorStore } from '../../core/ports.ts';
import type { ImagePayload } from '../../core/types.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { openQdrantSpaces } from '../../core/vectors/qdrant/spaces.ts';
import { s3Body } from '../functions/lambda/events.ts';
import { startQueue, type TestQueue } from '../functions/lambda/queue.ts';
import { type FakeQdrant, startFakeQdrant } from '../support/fake-qdrant.ts';
import { type S3TestServer, startS3 } from '../support/s3-server.ts';
import { eventually, killWhen, type RunningServer, runScript, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

/**
 * `npm start` with every pair of drivers, chosen by flags and environment alone: pictures in a folder or in S3, vectors
 * in a file or in Qdrant; and a bucket whose changes arrive through a queue.
 */

const samples = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const DEADLINE = 60_000;
const region = 'eu-central-1';

const root = tempFolder();
let s3: S3TestServer;
let qdrant: FakeQdrant;
let queue: TestQueue;
let pictures: S3Store;
let env: Record<string, string>;
before(async () => {
  s3 = await startS3();
  qdrant = await startFakeQdrant({ apiKey: 'secret' });
  queue = await startQueue({ maxReceives: 3, visibilitySeconds: 30 });
  for (const bucket of ['pictures', 'with-file']) s3.createBucket(bucket);
  const { endpoint, credentials } = s3;
  pictures = await openS3({ bucket: 'pictures', region, endpoint, credentials });
  env = {
    S3_ENDPOINT: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    QDRANT_API_KEY: 'secret',
  };
});
after(async () => {
  pictures.close();
  await Promise.all([s3.stop(), qdrant.stop(), queue.stop()]);
});

const photo = async (name: string) => new Uint8Array(await readFile(join(samples, name)));

async function json<T>(server: RunningServer, path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(server.url + path, init);
  const text = await response.text();
  assert.ok(response.ok, `${path}: ${response.status} ${text}\n${server.output()}`);
  return (text === '' ? null : JSON.parse(text)) as T;
}
/** The parts of a Qdrant request that are checked. */
type Sent = { shard_number?: number; params?: unknown };
type Items = { items: { id: string; key: string; tags: string[] }[] };
const keys = async (server: RunningServer) => (await json<Items>(server, '/images')).items.map(({ key }) => key).sort();
const has = (server: RunningServer, ...expected: string[]) =>
  eventually(`${expected} to be indexed`, DEADLINE, async () => {
    const found = await keys(server);
    return expected.every((key) => found.includes(key)) ? found : null;
  });

const XMP = '<rdf:Description exif:DateTimeOriginal="1990-02-03T04:05:06"/>';

async function withLive<T>(url: string, work: (vectors: VectorStore) => Promise<T>): Promise<T> {
  await using spaces = closing(await openQdrantSpaces({ url }));
  await using vectors = closing(await spaces.openLive((await spaces.live())!.space, 64));
  return await work(vectors);
}

const payloadsOf = (url: string) =>
  withLive(url, async (vectors) =>
    (await vectors.list({ filter: { kind: 'image' }, limit: 10, order: 'id' })).items.map(
      ({ payload }) => payload as ImagePayload,
    ),
  );

/** Leaves all pictures in the state of the first version. */
async function ageAll(url: string): Promise<void> {
  await withLive(url, async (vectors) => {
    for (const { id, payload } of (await vectors.list({ filter: { kind: 'image' }, limit: 10, order: 'id' })).items) {
      const vector = (await vectors.vectors([id])).get(id)!;
      await vectors.upsert([{ id, vector, payload: { ...(payload as ImagePayload), ...NOTHING_KNOWN } }], 'not-older');
    }
  });
}

describe('sightline search', () => {
  it('finds what was indexed from S3 into Qdrant by the same options, and only reads there', async (context) => {
    const qdrant = await startFakeQdrant({ apiKey: 'secret' });
    context.after(() => qdrant.stop());
    const { endpoint, credentials } = s3;
    s3.createBucket('searched');
    const bucket = await openS3({ bucket: 'searched', region, endpoint, credentials });
    context.after(() => bucket.close());
    await bucket.put('a/cat.jpg', await photo('cat.jpg'));
    const given = ['--data', join(root, 'searched'), '--qdrant', qdrant.url];
    const indexed = await runScript(['scripts/sightline.ts', 'index', 's3://searched', ...given], env);
    assert.equal(indexed.code, 0, indexed.stderr);
    const before = qdrant.calls.length;
    const command = ['scripts/sightline.ts', 'search', 'a cat', '--paths', '--bucket', 's3://searched', ...given];
    const found = await runScript(command, env);
    assert.deepEqual([found.code, found.stdout], [0, 's3://searched/a/cat.jpg\n'], found.stderr);
    const writes = qdrant.calls.slice(before).filter(({ method, path }) => method === 'PUT' || /delete/.test(path));
    assert.deepEqual(writes, []);
  });
});

describe('npm start', () => {
  // Folder and file are tested in first-start.test.ts; S3 with Qdrant below.
  for (const [objects, vectors] of [
    ['folder', 'qdrant'],
    ['s3', 'file'],
  ] as const) {
    it(
      `keeps pictures in ${objects === 's3' ? 'S3' : 'a folder'} and vectors in ` +
        `${vectors === 'file' ? 'a file' : 'Qdrant'}`,
      async (context) => {
        const qdrant = await startFakeQdrant({ apiKey: 'secret' });
        context.after(() => qdrant.stop());
        const data = join(root, `${objects}-${vectors}`);
        const photos = join(data, 'photos');
        const first = `first-${vectors}.jpg`;
        if (objects === 'folder') {
          await mkdir(photos, { recursive: true });
          await copyFile(join(samples, 'cat.jpg'), join(photos, first));
        } else {
          const { endpoint, credentials } = s3;
          const bucket = await openS3({ bucket: 'with-file', region, endpoint, credentials });
          await bucket.put(first, await photo('cat.jpg'));
          await bucket.put('frozen.jpg', await photo('moon.jpg'));
          s3.archive('with-file', 'frozen.jpg');
          bucket.close();
        }
        const args = [
          '--data',
          data,
          ...(objects === 'folder' ? ['--photos', photos] : ['--bucket', 's3://with-file']),
          ...(vectors === 'qdrant' ? ['--qdrant', qdrant.url] : []),
        ];
        const settings = { ...env, SIGHTLINE_QDRANT_SHARDS: '2', SIGHTLINE_QDRANT_SEARCH: 'graph' };
        let server = await startServer(args, settings);
        try {
          await has(server, first);
          const key = `rocket-${vectors}.jpg`;
          const body = await photo('rocket.jpg');
          const headers = { 'content-type': 'image/jpeg' };
          const { id } = await json<{ id: string }>(server, `/images?key=${key}`, { method: 'POST', headers, body });
          const found = await json<Items>(server, '/search?q=a+rocket&limit=1&kind=image');
          assert.equal(found.items[0]?.id, id);
          assert.equal((await server.send('PATCH', `/images/${id}`, { tags: ['kept'] })).status, 200);
          const shown = await fetch(`${server.url}/images/${id}/content`);
          assert.deepEqual(new Uint8Array(await shown.arrayBuffer()), body);

          if (objects === 's3') {
            assert.equal(await server.stop(), 0, server.output());
            server = await startServer(args, settings);
          }
          const kept = await json<Items>(server, '/images?tagsAll=kept');
          assert.deepEqual(
            kept.items.map((item) => item.id),
            [id],
          );
          await has(server, first, key);
          await json(server, `/images/${imageId(await bucketOf(server, id), first)}`, { method: 'DELETE' });
          assert.ok(!(await keys(server)).includes(first));

          assert.equal((await json<{ total: number }>(server, '/failures')).total, 0);
          if (objects === 's3') assert.match(server.output(), /archived objects are left out/);
          const sent = (method: string, path: RegExp) =>
            qdrant.calls
              .filter((call) => call.method === method && path.test(call.path))
              .map(({ body }) => body as Sent);
          if (vectors === 'qdrant') {
            assert.deepEqual(sent('PUT', /^\/collections\/[^/]+$/)[0]?.shard_number, 2);
            // Through the graph, with the default number of candidates.
            assert.deepEqual(sent('POST', /\/points\/query$/).at(-1)?.params, { hnsw_ef: 128 });
          }
        } finally {
          await server.stop();
        }
      },
    );
  }

  it('follows a bucket by its queue, uploads that were signed included', async () => {
    await pictures.put('before/cat.jpg', await photo('cat.jpg'));
    const args = [
      '--data',
      join(root, 'queue'),
      '--bucket',
      's3://pictures',
      '--queue',
      queue.url,
      '--qdrant',
      qdrant.url,
    ];
    const server = await startServer(args, env);
    try {
      await has(server, 'before/cat.jpg');
      assert.match(server.output(), /follows its changes in the queue events/);
      await pictures.put('new/a b+c.jpg', await photo('moon.jpg'));
      queue.send(s3Body({ key: 'new/a b+c.jpg', sequencer: '01' }), JSON.stringify({ Event: 's3:TestEvent' }));
      await has(server, 'new/a b+c.jpg');

      const body = await photo('coffee.jpg');
      const signed = await json<{ url: string; headers: Record<string, string> }>(server, '/uploads', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ contentType: 'image/jpeg', bytes: body.byteLength, key: 'signed.jpg' }),
      });
      assert.equal((await fetch(signed.url, { method: 'PUT', headers: signed.headers, body })).status, 200);
      queue.send(s3Body({ key: 'signed.jpg', sequencer: '01' }));
      await has(server, 'signed.jpg');

      await pictures.put('signed.jpg.xmp', Buffer.from(XMP));
      queue.send(s3Body({ key: 'signed.jpg.xmp', sequencer: '01' }));
      await eventually('the date of a sidecar', DEADLINE, async () => {
        const { items } = await json<{ items: { takenAt: string }[] }>(server, '/images?takenBefore=1991-01-01');
        return items.length === 1 ? assert.match(items[0]!.takenAt, /^1990-02-03/) : null;
      });

      await pictures.delete('new/a b+c.jpg');
      queue.send(s3Body({ key: 'new/a b+c.jpg', sequencer: '02', name: 'ObjectRemoved:Delete' }));
      await eventually('a removed picture to go', DEADLINE, async () =>
        (await keys(server)).includes('new/a b+c.jpg') ? null : true,
      );
      await eventually('an empty queue', DEADLINE, async () =>
        (await json<{ backlog: number }>(server, '/status')).backlog === 0 ? true : null,
      );
      assert.equal(queue.size(), 0);
      assert.deepEqual(queue.deadLetters(), []);
    } finally {
      assert.equal(await server.stop(), 0, server.output());
    }
  });

  it('has a command that brings a bucket up to date, with what an older version did not read', async () => {
    const { endpoint, credentials } = s3;
    s3.createBucket('earlier');
    const bucket = await openS3({ bucket: 'earlier', region, endpoint, credentials });
    for (const name of ['cat.jpg', 'moon.jpg']) await bucket.put(name, await photo(name));
    await bucket.put('moon.xmp', Buffer.from(XMP));
    bucket.close();
    await using qdrant = await startFakeQdrant();
    const data = join(root, 'earlier');
    const args = ['scripts/sightline.ts', 'index', 's3://earlier', '--data', data, '--qdrant', qdrant.url, '--json'];
    const summary = async () => {
      const { code, stdout, stderr } = await runScript(args, env);
      assert.equal(code, 0, stderr);
      const { handled, unchanged, refreshed, pictures } = JSON.parse(stdout);
      return { handled, unchanged, refreshed, pictures };
    };
    assert.deepEqual(await summary(), { handled: 2, unchanged: 0, refreshed: 0, pictures: 2 });
    await ageAll(qdrant.url);
    assert.deepEqual(await summary(), { handled: 0, unchanged: 2, refreshed: 2, pictures: 2 });
    assert.deepEqual(await summary(), { handled: 0, unchanged: 2, refreshed: 0, pictures: 2 });
    const { takenAt, takenFrom } = (await payloadsOf(qdrant.url)).find(({ key }) => key === 'moon.jpg')!;
    assert.deepEqual([takenAt, takenFrom], ['1990-02-03T04:05:06.000', 'sidecar']);
  });

  it('hides and counts the pictures of a bucket that is not served any more, until it is taken out', async () => {
    const { endpoint, credentials } = s3;
    s3.createBucket('before');
    const bucket = await openS3({ bucket: 'before', region, endpoint, credentials });
    await bucket.put('moon.jpg', await photo('moon.jpg'));
    bucket.close();
    const data = join(root, 'before');
    const { code, stderr } = await runScript(['scripts/sightline.ts', 'index', 's3://before', '--data', data], env);
    assert.equal(code, 0, stderr);
    await mkdir(join(root, 'after'));
    await writeFile(join(root, 'after', 'cat.jpg'), await photo('cat.jpg'));
    await using server = await startServer(['--data', data, '--photos', join(root, 'after')]);
    const get = (path: string) => server.get<ReturnType<typeof JSON.parse>>(path);
    await eventually('the cat', 120_000, async () => ((await get('/status')).pictures === 1 ? true : null));
    const { hidden, folders } = await get('/status');
    assert.equal(hidden, 1);
    assert.deepEqual(
      folders.map(({ name, there }: { name: string; there: boolean }) => [name, there]),
      [
        ['after', true],
        ['s3://before', false],
      ],
    );
    assert.equal((await get('/search?q=the+moon')).items[0].key, 'cat.jpg');
    assert.equal((await server.send('DELETE', `/folders/${encodeURIComponent('s3://before')}`)).status, 204);
    const now = await get('/status');
    assert.deepEqual([now.pictures, now.hidden, now.folders.length], [1, 0, 1]);
  });

  it('says what is wrong with a bucket, a queue or a Qdrant that cannot be used', async () => {
    const credentials = /there is no bucket no-such-bucket/;
    const cases: [string[], Record<string, string>, RegExp][] = [
      [['--bucket', 's3://no-such-bucket'], {}, credentials],
      [['--bucket', 's3://pictures', '--queue', queue.url.replace('events', 'none')], {}, /there is no such queue/],
      [['--queue', queue.url], {}, /--queue.*--bucket/],
      [['--qdrant', qdrant.url], { QDRANT_API_KEY: 'wrong' }, /expected a valid API key/],
    ];
    await Promise.all(
      cases.map(async ([args, more, message]) => {
        const all = ['scripts/sightline.ts', 'serve', '--port', '0', '--data', join(root, 'wrong'), ...args];
        const { code, stderr } = await runScript(all, { ...env, ...more });
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
        assert.doesNotMatch(stderr, /^ +at /m);
      }),
    );
  });
});

it('waits for a Qdrant that does not answer yet, says so, and ends when it is interrupted', async () => {
  const args = ['--port', '0', '--data', join(root, 'waiting'), '--qdrant', 'http://127.0.0.1:1'];
  const isWaiting = (text: string) => text.includes('tried again every 5 s');
  const command = ['scripts/sightline.ts', 'serve', ...args];
  const { code, printed } = await killWhen('the server to try again', isWaiting, command, 'SIGINT');
  assert.equal(code, 0, printed);
  assert.doesNotMatch(printed, /AbortError|^ +at /m);
});

async function bucketOf(server: RunningServer, id: string): Promise<string> {
  return (await json<{ bucket: string }>(server, `/images/${id}`)).bucket;
}
