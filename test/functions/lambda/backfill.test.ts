import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isSightlineError } from '../../../core/errors.ts';
import type { ListedObject } from '../../../core/ports.ts';
import type { Page } from '../../../core/types.ts';
import { parseS3Event } from '../../../functions/events/s3-event.ts';
import { type BackfillState, backfill } from '../../../functions/lambda/backfill.ts';
import { runScript } from '../../support/start-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { startQueue, type TestQueue } from './queue.ts';

/** A bucket with this many objects with long keys, in pages of 1000. */
function bucketOf(count: number) {
  const object = (i: number): ListedObject => ({
    key: `${'ü'.repeat(300)}/${String(i).padStart(6, '0')} +.jpg`,
    bytes: 1000,
    etag: 'e',
    lastModified: new Date(0),
  });
  return {
    bucket: 'pictures',
    async list({ cursor = '0', limit }: { cursor?: string; limit: number }): Promise<Page<ListedObject>> {
      const first = Number(cursor);
      const items = Array.from({ length: Math.min(limit, count - first) }, (_, i) => object(first + i));
      return first + limit < count ? { items, next: String(first + limit) } : { items };
    },
  };
}

function recorder(refuse: (call: number) => number[] = () => []) {
  const requests: string[][] = [];
  return {
    requests,
    keys: () => requests.flat().flatMap((body) => parseS3Event(body).map(({ key }) => key)),
    async send(bodies: readonly string[]) {
      const refused = refuse(requests.length);
      requests.push(bodies.filter((_, i) => !refused.includes(i)));
      return refused;
    },
  };
}

describe('backfill', () => {
  it('announces every object once, within the limits of SQS', async () => {
    const queue = recorder();
    const result = await backfill({ objects: bucketOf(2345), queue, prefix: '', maxBytes: 1e6 });
    assert.deepEqual([result.finished, result.sent, result.bytes], [true, 2345, 2_345_000]);
    assert.equal(new Set(queue.keys()).size, 2345);
    assert.equal(queue.keys().length, 2345);
    for (const request of queue.requests) {
      assert.ok(request.length <= 10);
      assert.ok(request.reduce((sum, body) => sum + Buffer.byteLength(body), 0) <= 262_144);
    }
  });

  it('asks to look only, with no claim to be newer than anything', async () => {
    const queue = recorder();
    await backfill({ objects: bucketOf(1), queue, prefix: '', maxBytes: 1e6 });
    const [job] = parseS3Event(queue.requests[0]![0]!);
    assert.deepEqual([job!.type, job!.sequencer], ['created', null]);
  });

  it('goes on where it was stopped', async () => {
    const first = recorder();
    const stop = new AbortController();
    let last: BackfillState | undefined;
    const onProgress = (state: BackfillState) => {
      last = state;
      if (state.sent >= 2000) stop.abort();
    };
    const options = { objects: bucketOf(4500), prefix: '', maxBytes: 1e6 };
    const stopped = await backfill({ ...options, queue: first, onProgress, signal: stop.signal });
    assert.deepEqual([stopped.finished, stopped.sent], [false, 2000]);
    const second = recorder();
    const result = await backfill({ ...options, queue: second, from: last });
    assert.deepEqual([result.finished, result.sent], [true, 4500]);
    assert.equal(new Set([...first.keys(), ...second.keys()]).size, 4500);
    assert.equal(second.keys().length, 2500);
  });

  it('sends no faster than it is told, and stops while it waits', async () => {
    const queue = recorder();
    const stop = new AbortController();
    const seen: number[] = [];
    const onSent = (pictures: number) => {
      seen.push(pictures);
      if (pictures >= 300) stop.abort();
    };
    const options = { objects: bucketOf(2345), queue, prefix: '', maxBytes: 1e6, onSent, signal: stop.signal };
    const startedAt = performance.now();
    const stopped = await backfill({ ...options, rate: 1000 });
    // It waited for two whole requests, and did not read all pages of the first.
    assert.ok(performance.now() - startedAt >= ((seen.at(-2) ?? 0) / 1000) * 1000 - 5);
    assert.ok(seen.length < 100 && queue.keys().length === seen.at(-1), `${seen}`);
    assert.deepEqual([stopped.finished, stopped.sent, stopped.cursor], [false, 0, undefined]);
  });

  it('sends again what the queue refused', async () => {
    const queue = recorder((call) => (call === 0 ? [0, 2] : []));
    await backfill({ objects: bucketOf(50), queue, prefix: '', maxBytes: 1e6 });
    assert.equal(new Set(queue.keys()).size, 50);
    await assert.rejects(
      backfill({ objects: bucketOf(50), queue: recorder(() => [0]), prefix: '', maxBytes: 1e6 }),
      (error) => isSightlineError(error, 'unavailable'),
    );
  });
});

describe('npm run reindex', () => {
  let cloud: Cloud;
  let queue: TestQueue;
  const data = tempFolder();
  before(async () => {
    cloud = await startCloud();
    queue = await startQueue({ maxReceives: 3, visibilitySeconds: 30 });
    const body = new TextEncoder().encode('a picture');
    for (const key of ['old/a b.jpg', 'old/c+d.jpg', 'other/e.jpg']) await cloud.pictures.put(key, body);
    await cloud.pictures.put('old/', new Uint8Array());
    for (const key of ['old/frozen é.jpg', 'old/thawed.jpg']) await cloud.pictures.put(key, body);
    cloud.s3.archive('pictures', 'old/frozen é.jpg');
    cloud.s3.archive('pictures', 'old/thawed.jpg', 'restored');
  });
  after(async () => {
    await cloud.stop();
    await queue.stop();
  });

  const reindex = (...args: string[]) =>
    runScript(['scripts/sightline.ts', 'reindex', ...args, '--data', data], {
      ...cloud.env,
      AWS_REGION: 'eu-central-1',
    });

  it('counts and estimates without sending anything', async () => {
    // On the server named by S3_ENDPOINT, as everywhere.
    const { code, stdout } = await reindex('s3://pictures/old/', '--dry-run', '--json');
    assert.equal(code, 0);
    const summary = JSON.parse(stdout);
    const { sent, messages, empty, archived, bytes } = summary;
    assert.deepEqual([sent, messages, empty, archived, bytes], [3, 1, 1, 1, 27]);
    assert.ok(summary.costUsd.total > 0 && summary.costUsd.total < 0.001);
    assert.equal(queue.size(), 0);
  });

  it('announces what lies under the prefix', async () => {
    const args = ['s3://pictures/old/', '--queue', queue.url, '--endpoint', cloud.s3.endpoint];
    const { code, stdout, stderr } = await reindex(...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /3 pictures .* announced in 1 message\./);
    assert.match(stdout, /Left out: 1 archived object\./);
    const event = await queue.receive();
    const keys = event!.Records.flatMap(({ body }) => parseS3Event(body).map(({ key }) => key));
    assert.deepEqual(keys, ['old/a b.jpg', 'old/c+d.jpg', 'old/thawed.jpg']);
  });

  it('says how far it came when it is interrupted', async () => {
    for (let i = 0; i < 110; i++) await cloud.pictures.put(`many/${i}.jpg`, new Uint8Array([1]));
    const script = fileURLToPath(new URL('../../../scripts/sightline.ts', import.meta.url));
    const args = [script, 'reindex', 's3://pictures/many/', '--queue', queue.url, '--rate', '10', '--data', data];
    const child = execFile(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      env: { ...process.env, ...cloud.env, AWS_REGION: 'eu-central-1' },
    });
    let output = '';
    child.stdout!.on('data', (text) => {
      output += text;
    });
    const before = queue.size();
    while (queue.size() === before) await sleep(20);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    assert.match(output, /^Interrupted after 100 pictures; .* repeats the last 100/);
    while ((await queue.receive()) !== null);
  });

  it('says what is wrong with how it was called', async () => {
    for (const args of [['pictures'], ['s3://pictures'], ['s3://pictures', '--dry-run', '--rate', '0']]) {
      const { code, stderr } = await reindex(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /expected/);
    }
    const missing = await reindex('s3://no-such-bucket', '--dry-run', '--endpoint', cloud.s3.endpoint);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /there is no bucket no-such-bucket/);
  });
});
