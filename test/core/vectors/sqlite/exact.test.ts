import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';
import type { Filter, Point, VectorStore } from '../../../../core/ports.ts';
import type { JointEmbedding } from '../../../../core/types.ts';
import { dot } from '../../../../core/util/vector-arithmetic.ts';
import { openEmbeddedStore } from '../../../../core/vectors/sqlite/store.ts';
import {
  caption,
  DIMENSION,
  everyHit,
  image,
  matches,
  randomPoints,
  seededRandom,
  unit,
  uuid,
} from '../../../contract/vectors-data.ts';
import { cosine } from '../../../support/cosine.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const folder = tempFolder();

const open = (name: string, chunkSlots?: number) =>
  openEmbeddedStore({ file: join(folder, name), space: 'test', dimension: DIMENSION, threads: 1, chunkSlots });

/** Naive implementation: every vector, in float64, sorted. */
function naive(points: Iterable<Point>, vector: Float32Array, filter: Filter = {}): { id: string; score: number }[] {
  return [...points]
    .filter((point) => matches(point, filter))
    .map(({ id, vector: own }) => ({ id, score: Math.max(-1, Math.min(1, dot(vector, own))) }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

const bare = (hits: readonly { id: string; score: number }[]) => hits.map(({ id, score }) => ({ id, score }));

describe('exact search', () => {
  const random = seededRandom(21);
  const points = randomPoints(random, 20_000);
  /** Each filter matches too many points to score them one by one, so that masks are used. */
  const filters: Filter[] = [
    {},
    { kind: 'image' },
    { kind: 'caption' },
    { minBytes: 2 },
    { indexedAfter: '2026-01-08' },
  ];

  for (const chunkSlots of [undefined, 3000]) {
    it(`finds exactly what a plain loop finds, chunks of ${chunkSlots ?? 'the default'}`, async () => {
      const store = await open(`exact-${chunkSlots}.sqlite`, chunkSlots);
      for (let i = 0; i < points.length; i += 5000) await store.upsert(points.slice(i, i + 5000), 'newer');
      for (let i = 0; i < 10; i++) {
        const vector = unit(random);
        const filter = filters[i % filters.length]!;
        const expected = naive(points, vector, filter);
        const { items, next } = await store.query({ vector, filter, limit: 100 });
        assert.deepEqual(bare(items), expected.slice(0, 100));
        const second = await store.query({ vector, filter, limit: 100, cursor: next });
        assert.deepEqual(bare(second.items), expected.slice(100, 200));
        const minScore = expected[50]!.score;
        assert.deepEqual(bare(await everyHit(store, { vector, filter, limit: 20, minScore })), expected.slice(0, 51));
      }
      await store.close();
    });
  }

  it('does not lose a better match to float32 rounding', async () => {
    // Scores that differ by less than float32 precision, in the worst order.
    const base = unit(random);
    const store = await open('close.sqlite', 64);
    const close = Array.from({ length: 500 }, (_, i) => {
      const vector = base.map((x, j) => x + (j === i % DIMENSION ? (((i * 7919) % 500) - 250) * 2e-8 : 0));
      const length = Math.sqrt(dot(vector, vector));
      assert.ok(Math.abs(length - 1) < 1e-5);
      return { id: uuid(i), vector: vector as JointEmbedding, payload: image() };
    });
    await store.upsert(close, 'newer');
    // As stored: vectors slightly off unit length are normalised.
    const stored = await store.vectors(close.map(({ id }) => id));
    const expected = naive(
      close.map((point) => ({ ...point, vector: stored.get(point.id)! })),
      base,
    );
    for (const limit of [7, 100, 499]) {
      assert.deepEqual(bare(await everyHit(store, { vector: base, filter: {}, limit })), expected, `limit ${limit}`);
    }
    await store.close();
  });

  it('pages through 5,000 copies of one picture, each once, by id', async () => {
    const store = await open('ties.sqlite', 1500);
    const [same, other] = [unit(random), unit(random)];
    const ids = Array.from({ length: 5000 }, (_, i) => uuid(1 + ((i * 2731) % 5000)));
    const copies = ids.map((id): Point => ({ id, vector: same, payload: image() }));
    const rest = randomPoints(random, 500, 100_000);
    await store.upsert([...rest, ...copies], 'newer');
    for (const filter of [{}, { bucket: 'photos' }] satisfies Filter[]) {
      const expected = naive([...rest, ...copies], other, filter);
      assert.deepEqual(bare(await everyHit(store, { vector: other, filter, limit: 730 })), expected);
    }
    const own = await store.query({ vector: same, filter: {}, limit: 3, exclude: [uuid(2)] });
    assert.deepEqual(
      own.items.map(({ id }) => id),
      [uuid(1), uuid(3), uuid(4)],
    );
    await store.close();
  });

  it('goes on after a hit that has been deleted since', async () => {
    const store = await open('deleted.sqlite');
    const some = points.slice(0, 200);
    await store.upsert(some, 'newer');
    const vector = unit(random);
    const expected = naive(some, vector);
    const { next } = await store.query({ vector, filter: {}, limit: 50 });
    const gone = [expected[49]!.id, expected[50]!.id];
    await store.remove(
      gone.map((id) => ({ id, sequencer: '1', deletedAt: '2026-01-01T00:00:00Z' })),
      'newer',
    );
    const { items } = await store.query({ vector, filter: {}, limit: 50, cursor: next });
    assert.deepEqual(bare(items), expected.slice(51, 101));
    await store.close();
  });
});

describe('two handles on one file', () => {
  const seed = Number(process.hrtime.bigint() % 1_000_000n);

  it(`always agree with each other and with a map (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const stores = [await open('two.sqlite', 16), await open('two.sqlite', 16)];
    const twin = new Map<string, Point>();
    for (let step = 0; step < 400; step++) {
      const store = stores[Math.floor(random() * 2)]!;
      await randomStep(store, twin, random, step);
      if (step % 10 !== 0) continue;
      const vector = unit(random);
      for (const filter of [{}, { kind: 'image' }, { tagsAny: ['odd'] }] satisfies Filter[]) {
        const expected = naive(twin.values(), vector, filter);
        for (const [i, seen] of stores.entries()) {
          const hits = await everyHit(seen, { vector, filter, limit: 25 });
          assert.deepEqual(bare(hits), expected, `step ${step}, handle ${i}, ${JSON.stringify(filter)}`);
          for (const { id, payload } of hits) assert.deepEqual(payload, twin.get(id)?.payload);
          assert.equal(await seen.count(filter), expected.length);
        }
      }
    }
    for (const store of stores) await store.close();
  });

  it('answer from one state while the other writes', async () => {
    const random = seededRandom(22);
    const [reader, writer] = [await open('race.sqlite', 16), await open('race.sqlite', 16)];
    /** The caption describes the whole point, so that a mixture of two states is detected. */
    const versions = new Map<string, JointEmbedding>();
    let writing = true;
    const write = async () => {
      for (let version = 0; version < 60; version++) {
        const points = Array.from({ length: 20 }, (_, i): Point => {
          const [vector, text] = [unit(random), `${version}-${i}`];
          versions.set(text, vector);
          return { id: uuid(i + (version % 3) * 20), vector, payload: caption({ caption: text }) };
        });
        await writer.upsert(points, 'not-older');
        const graves = points.slice(0, 5).map(({ id }) => ({ id, sequencer: '', deletedAt: '2026-01-01T00:00:00Z' }));
        await writer.remove(graves, 'not-older');
        for (let i = 0; i < version % 4; i++) await nextTick();
      }
      writing = false;
    };
    let hits = 0;
    const read = async () => {
      while (writing) {
        const vector = unit(random);
        const { items } = await reader.query({ vector, filter: {}, limit: 30 });
        for (const { payload, score } of items) {
          const own = payload.kind === 'caption' ? versions.get(payload.caption) : undefined;
          assert.ok(own && Math.abs(cosine(own, vector) - score) < 1e-6, 'score and payload are of two states');
          hits++;
        }
      }
    };
    await Promise.all([write(), read(), read()]);
    assert.ok(hits > 100, `${hits} hits`);
    await reader.close();
    await writer.close();
  });
});

/** Writes to the store and to the reference map. */
async function randomStep(
  store: VectorStore,
  twin: Map<string, Point>,
  random: () => number,
  step: number,
): Promise<void> {
  const id = () => uuid(1 + Math.floor(random() * 80));
  const sequencer = step.toString(16).padStart(6, '0');
  const dice = random();
  if (dice < 0.5) {
    const ids = new Set(Array.from({ length: 1 + Math.floor(random() * 12) }, id));
    const points = [...ids].map((own): Point => {
      const shared = { sequencer, tags: random() < 0.5 ? ['odd'] : [] };
      return { id: own, vector: unit(random), payload: random() < 0.5 ? image(shared) : caption(shared) };
    });
    await store.upsert(points, 'newer');
    for (const point of points) twin.set(point.id, point);
  } else if (dice < 0.85) {
    const ids = [...new Set(Array.from({ length: 1 + Math.floor(random() * 12) }, id))];
    await store.remove(
      ids.map((own) => ({ id: own, sequencer, deletedAt: '2026-01-01T00:00:00.000Z' })),
      'newer',
    );
    for (const own of ids) twin.delete(own);
  } else if (dice < 0.95) {
    const own = id();
    const tags = random() < 0.5 ? ['odd', 'new'] : [];
    const point = twin.get(own);
    assert.equal(await store.setTags(own, tags), point !== undefined);
    if (point) twin.set(own, { ...point, payload: { ...point.payload, tags } });
  } else {
    await store.purgeTombstones('2027-01-01T00:00:00.000Z');
  }
}
