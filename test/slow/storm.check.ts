import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import sharp from 'sharp';
import { imageId } from '../../core/point-ids.ts';
import type { VectorStore } from '../../core/ports.ts';
import { openEmbeddedStore } from '../../core/vectors/sqlite/store.ts';
import { openQdrantStore } from '../core/vectors/qdrant/open.ts';
import { type Cloud, startCloud } from '../functions/lambda/cloud.ts';
import { type Change, message, s3Body } from '../functions/lambda/events.ts';
import { type BuildReport, buildFunctions, type LambdaFunction, startFunction } from '../functions/lambda/function.ts';
import { type FakeQdrant, startFakeQdrant } from '../support/fake-qdrant.ts';
import { seededRandom } from '../support/random.ts';
import type { Fault } from '../support/s3-server.ts';

/**
 * `SEED=N STORE=qdrant npm run test:storm`: pictures are put, replaced and deleted while two instances of the built
 * ingest function handle S3's notifications: late, twice, in any order, while functions are killed and stores fail. In
 * the end the index must match the bucket. Takes minutes, so it is not in `npm test`; CI runs it with fewer events.
 * Every run prints its random seed.
 */

const DELIVERIES = Number(process.env.EVENTS ?? 10_000);
const KEYS = 400;
/** `qdrant` uses a fake of that server, which counts requests, instead of the embedded store. */
const STORE = process.env.STORE ?? 'embedded';
const seed = Number(process.env.SEED ?? randomInt(2 ** 31));

const random = seededRandom(seed);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;

interface Content {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly isPicture: boolean;
}

async function makeContents(): Promise<Content[]> {
  const content = (bytes: Uint8Array, isPicture: boolean) => ({
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    isPicture,
  });
  const photos = ['cat', 'coffee', 'dahlia', 'moon', 'rocket', 'sunset'].map((name) =>
    fileURLToPath(new URL(`../../examples/photos/${name}.jpg`, import.meta.url)),
  );
  const pictures = photos.flatMap((file) =>
    [64, 96, 128, 160, 192].map(async (size) => content(await sharp(file).resize(size, size).jpeg().toBuffer(), true)),
  );
  const others = ['no picture', '<svg/>'].map((text) => content(new TextEncoder().encode(text), false));
  return [...(await Promise.all(pictures)), ...others];
}

const keys = Array.from({ length: KEYS }, (_, i) => `${pick(['a', 'b b', 'c+c', 'ü/d', '猫/e%20'])}/${i}.jpg`);

/** The bucket's content, and the notifications about it. */
interface World {
  readonly current: Map<string, Content>;
  readonly sequence: Map<string, number>;
  readonly pool: SQSRecord[];
  delivered: number;
  announcing: boolean;
}

it(`0 lost, 0 doubled, 0 stale after ${DELIVERIES} events (SEED=${seed})`, {
  timeout: 90 * 60_000,
}, async (context) => {
  const build = await buildFunctions();
  context.after(() => build.remove());
  const cloud = await startCloud();
  context.after(() => cloud.stop());
  const qdrant = STORE === 'qdrant' ? await startFakeQdrant() : null;
  context.after(() => qdrant?.stop());
  const contents = await makeContents();
  const world: World = { current: new Map(), sequence: new Map(), pool: [], delivered: 0, announcing: true };
  const tally = { crashes: 0, outages: 0, returned: 0 };

  const store: Record<string, string> = {};
  if (qdrant !== null) {
    const QdrantUrl = { type: 'sst.sst.Secret', value: qdrant.url };
    Object.assign(store, { SIGHTLINE_DATA: '', SST_RESOURCE_QdrantUrl: JSON.stringify(QdrantUrl) });
  }
  const env = { ...cloud.env, ...store, SIGHTLINE_MAX_RECEIVES: '1000', LOG_LEVEL: 'error' };
  const start = () => startFunction(join(build.out, 'ingest'), 'functions/ingest.handler', env);
  await Promise.all([
    change(world, cloud, contents),
    trouble(world, cloud, qdrant, tally),
    work(world, start, tally),
    work(world, start, tally),
  ]);
  cloud.s3.calm();

  const requests = qdrant === null ? undefined : qdrant.calls.length / world.delivered;
  const found = await readIndex(build, cloud, qdrant);
  const expected = [...world.current].filter(([, { isPicture }]) => isPicture);
  const lost = expected.filter(([key]) => !found.has(key)).map(([key]) => key);
  const stale = [...found].filter(([key, shas]) => shas[0] !== world.current.get(key)?.sha256).map(([key]) => key);
  const doubled = [...found].filter(([, shas]) => shas.length > 1).map(([key]) => key);
  context.diagnostic(JSON.stringify({ seed, delivered: world.delivered, requests, ...tally, live: expected.length }));
  assert.deepEqual({ lost, stale, doubled }, { lost: [], stale: [], doubled: [] });
  assert.equal(found.size, expected.length);
  assert.ok(world.delivered >= DELIVERIES && tally.crashes >= DELIVERIES / 1000 && tally.outages >= DELIVERIES / 1000);
});

/** Changes the bucket and announces each change one to three times, alone or with others in one message. */
async function change(world: World, cloud: Cloud, contents: readonly Content[]): Promise<void> {
  let announced = 0;
  let together: Change[] = [];
  while (announced < DELIVERIES) {
    if (world.pool.length > 300) {
      await sleep(20);
      continue;
    }
    const key = pick(keys);
    const sequence = (world.sequence.get(key) ?? 0) + 1;
    world.sequence.set(key, sequence);
    // The expiry of an old version changes nothing, but is announced like a deletion.
    const what = pick(['put', 'put', 'put', 'put', 'put', 'delete', 'delete', 'expire'] as const);
    const content = pick(contents);
    if (what === 'delete') {
      await retried(() => cloud.pictures.delete(key));
      world.current.delete(key);
    } else if (what === 'put') {
      await retried(() => cloud.pictures.put(key, content.bytes).then(() => {}));
      world.current.set(key, content);
    }

    const name = what !== 'put' ? 'ObjectRemoved:Delete' : 'ObjectCreated:Put';
    together.push({ key, name, sequencer: sequence.toString(16).padStart(16, '0').toUpperCase() });
    if (random() < 0.2) continue;
    const body = s3Body(...together);
    const copies = pick([1, 1, 2, 3]);
    for (let i = 0; i < copies; i++) world.pool.push(message(body));
    announced += copies * together.length;
    world.delivered += copies * together.length;
    together = [];
  }
  if (together.length > 0) world.pool.push(message(s3Body(...together)));
  world.announcing = false;
}

/** The bucket itself must change, whatever fails. */
async function retried(work: () => Promise<void>): Promise<void> {
  while (true) {
    try {
      return await work();
    } catch {
      await sleep(50);
    }
  }
}

/** Until everything is handled, the stores occasionally fail or respond with errors. */
async function trouble(
  world: World,
  cloud: Cloud,
  qdrant: FakeQdrant | null,
  tally: { outages: number },
): Promise<void> {
  const faults: Fault['does'][] = [
    { status: 503, code: 'SlowDown' },
    { status: 500, code: 'InternalError' },
    { status: 403, code: 'AccessDenied' },
    'break-before',
    'break-after',
    'break-body',
  ];
  while (world.announcing || world.pool.length > 0) {
    await sleep(500 + below(4000));
    tally.outages++;
    if (random() < 0.25) {
      if (qdrant === null) await lockIndex(cloud, 200 + below(1500));
      else qdrant.inject(1 + below(12), () => true, pick([null, UNAVAILABLE]), pick(['served', 'not served']));
    } else cloud.s3.inject({ matches: () => true, times: 1 + below(12), does: pick(faults) });
  }
}

/** Qdrant's response when overloaded. */
const UNAVAILABLE = { status: 503, body: { status: { error: 'Service unavailable' } } };

/** Another process that locks the index file. */
async function lockIndex(cloud: Cloud, ms: number): Promise<void> {
  using database = new DatabaseSync(join(cloud.env.SIGHTLINE_DATA!, 'index.sqlite'), { timeout: 1000 });
  try {
    database.exec('BEGIN IMMEDIATE');
    await sleep(ms);
    database.exec('ROLLBACK');
  } catch {
    // A function holds the lock at this moment: no outage this time.
  }
}

/** One instance of the function with its share of the messages, in any order. Occasionally it is killed halfway. */
async function work(
  world: World,
  start: () => Promise<LambdaFunction>,
  tally: { crashes: number; returned: number },
): Promise<void> {
  let fn = await start();
  try {
    while (world.announcing || world.pool.length > 0) {
      const batch = take(world.pool, 1 + below(10));
      if (batch.length === 0) {
        await sleep(10);
        continue;
      }
      const isDue = tally.crashes < world.delivered / 1000;
      const dies = random() < 0.02 || isDue ? sleep(below(150)).then(() => fn.kill()) : null;
      const back = await fn.invoke<SQSBatchResponse>({ Records: batch }).then(
        ({ result }) => new Set(result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)),
        () => null,
      );
      await dies;
      // After a crash even handled messages are delivered again: SQS was not told.
      const returned = batch.filter(({ messageId }) => dies !== null || back === null || back.has(messageId));
      for (const record of returned) countReceive(record);
      world.pool.push(...returned);
      tally.returned += returned.length;
      if (dies !== null || back === null) {
        tally.crashes++;
        // An instance that could not open its stores returned an error and lives on.
        await fn.kill();
        fn = await start();
      }
    }
  } finally {
    await fn.kill();
  }
}

function take(pool: SQSRecord[], count: number): SQSRecord[] {
  const taken: SQSRecord[] = [];
  while (taken.length < count && pool.length > 0) taken.push(pool.splice(below(pool.length), 1)[0]!);
  return taken;
}

function countReceive(record: SQSRecord): void {
  record.attributes.ApproximateReceiveCount = String(Number(record.attributes.ApproximateReceiveCount) + 1);
}

/** SHA-256 of every live picture by key; several if a key is in the index twice. */
async function readIndex(build: BuildReport, cloud: Cloud, qdrant: FakeQdrant | null): Promise<Map<string, string[]>> {
  const head = JSON.parse(await readFile(join(build.out, 'ingest', 'models', 'head-compact', 'head.json'), 'utf8'));
  const store = await openStore(cloud, qdrant, head);
  const found = new Map<string, string[]>();
  try {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await store.list({ filter: { kind: 'image' }, limit: 1000, cursor, order: 'id' });
      for (const { id, payload } of page.items) {
        if (payload.kind !== 'image') continue;
        assert.equal(id, imageId('pictures', payload.key));
        found.set(payload.key, [...(found.get(payload.key) ?? []), payload.sha256]);
      }
      cursor = page.next;
    }
    assert.equal(await store.count({ kind: 'image' }), found.size);
  } finally {
    await store.close();
  }
  return found;
}

async function openStore(
  cloud: Cloud,
  qdrant: FakeQdrant | null,
  { space, dimension }: { readonly space: string; readonly dimension: number },
): Promise<VectorStore> {
  if (qdrant !== null) return openQdrantStore({ url: qdrant.url, space, dimension });
  return openEmbeddedStore({ file: join(cloud.env.SIGHTLINE_DATA!, 'index.sqlite'), space, dimension });
}
