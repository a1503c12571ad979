import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Filter, Point, VectorStore } from '../../core/ports.ts';
import { cosine } from '../support/cosine.ts';
import {
  everyHit,
  everyPoint,
  FILTERS,
  image,
  matches,
  randomPoints,
  ranked,
  seededRandom,
  unit,
  uuid,
} from './vectors-data.ts';
import { type Open, type OpenStore, withStore } from './vectors-open.ts';

const random = seededRandom(2);
/** Computed in float32 throughout. */
const SCORE_TOLERANCE = 1e-5;

/** Asserts the hits, best first; scores too close for float32 may be in either order. */
function assertRanking(
  hits: readonly { id: string; score: number }[],
  expected: readonly { id: string; score: number }[],
  what: string,
): void {
  assert.equal(hits.length, expected.length, what);
  const scores = new Map(expected.map(({ id, score }) => [id, score]));
  assert.equal(new Set(hits.map(({ id }) => id)).size, hits.length, `${what}: each hit once`);
  for (const [i, { id, score }] of hits.entries()) {
    assert.ok(Math.abs(score - (scores.get(id) ?? Number.NaN)) < SCORE_TOLERANCE, `${what}: score of ${id}`);
    assert.ok(Math.abs(score - expected[i]!.score) < SCORE_TOLERANCE, `${what}: hit ${i}`);
    assert.ok(i === 0 || score <= hits[i - 1]!.score, `${what}: best first`);
  }
}

/** Calls back with a store of these points before the tests of the calling suite. */
function useStoreOf(points: readonly Point[], open: Open, use: (store: VectorStore) => void): void {
  let opened: OpenStore;
  before(async () => {
    opened = await open();
    const { store } = opened;
    await store.upsert(points, 'newer');
    // Neither affects the results, but both leave traces that could.
    const passing = randomPoints(random, 40, 1001);
    await store.upsert(passing, 'newer');
    await store.remove(
      passing.map(({ id }) => ({ id, sequencer: '1', deletedAt: '2026-01-01T00:00:00.000Z' })),
      'newer',
    );
    use(store);
  });
  after(() => opened.cleanup());
}

/** What filters mean. */
export function filtersContract(open: Open): void {
  describe('filters', () => {
    const points = randomPoints(random, 300);
    let store: VectorStore;
    useStoreOf(points, open, (opened) => {
      store = opened;
    });

    for (const filter of FILTERS) {
      it(`knows what ${JSON.stringify(filter)} means`, async () => {
        const expected = points.filter((point) => matches(point, filter));
        const ids = expected.map(({ id }) => id).sort();
        const vector = unit(random);
        assert.equal(await store.count(filter), expected.length);
        const hits = (await store.query({ vector, filter, limit: 1000 })).items;
        assertRanking(hits, ranked(points, vector, filter), 'query');
        assert.deepEqual(
          (await everyPoint(store, 'id', 1000, filter)).map(({ id }) => id),
          ids,
        );
        assert.deepEqual(await store.facet('tags', filter, 1000), facets(expected));
      });
    }

    it('matches something with most filters, so that the test above means something', () => {
      const matching = FILTERS.filter((filter) => points.some((point) => matches(point, filter)));
      assert.ok(matching.length > FILTERS.length * 0.7, `${matching.length} of ${FILTERS.length}`);
      assert.ok(FILTERS.filter((filter) => points.every((point) => matches(point, filter))).length <= 2);
    });
  });
}

export function readingContract(open: Open): void {
  describe('reading', () => {
    const points = randomPoints(random, 300);
    let store: VectorStore;
    useStoreOf(points, open, (opened) => {
      store = opened;
    });

    it('finds the nearest, best first, with their payloads', async () => {
      for (let i = 0; i < 10; i++) {
        const vector = unit(random);
        const { items } = await store.query({ vector, filter: {}, limit: 20 });
        assertRanking(items, ranked(points, vector).slice(0, 20), `query ${i}`);
        for (const { id, payload } of items) {
          assert.deepEqual(payload, points.find((point) => point.id === id)?.payload);
        }
      }
    });

    it('finds what was made of pictures by their bytes, and of no removed one', async () => {
      const bytes = (digit: string) => digit.repeat(64);
      const put = (id: number, digit: string) => {
        const classes = digit === 'd' ? null : `classes of ${digit}`;
        const payload = image({ key: `copies/${id}`, sha256: bytes(digit), sequencer: '1', classes });
        return { id: uuid(id), vector: unit(random), payload };
      };
      const copies = [put(3002, 'c'), put(3001, 'c'), put(3003, 'd'), put(3004, 'e')];
      await store.upsert(copies, 'newer');
      const tombstones = (ids: number[]) =>
        ids.map((id) => ({ id: uuid(id), sequencer: '2', deletedAt: '2026-01-01T00:00:00.000Z' }));
      await store.remove(tombstones([3004]), 'newer');
      const ids = [3001, 3004, 3999].map(uuid);
      const { points, copies: found } = await store.lookUp(ids, ['c', 'd', 'e', 'f'].map(bytes));
      assert.deepEqual(points, await store.get(ids));
      assert.deepEqual([...points.keys()].sort(), [uuid(3001), uuid(3004)].sort());
      assert.deepEqual([...found.keys()].sort(), ['c', 'd'].map(bytes));
      const near = (digit: string, ...of: number[]) =>
        of.some((i) => cosine(found.get(bytes(digit))!.vector, copies[i]!.vector) > 0.99999);
      assert.ok(near('c', 0, 1) && near('d', 2));
      assert.deepEqual([found.get(bytes('c'))!.classes, found.get(bytes('d'))!.classes], ['classes of c', null]);
      assert.deepEqual([...(await store.lookUp([uuid(3001)], [])).points.keys()], [uuid(3001)]);
      assert.deepEqual([...(await store.lookUp([], [bytes('d')])).copies.keys()], [bytes('d')]);
      assert.deepEqual(await store.lookUp([], []), { points: new Map(), copies: new Map() });
      await store.remove(tombstones([3001, 3002, 3003]), 'newer');
    });

    it('finds the pictures of the same bytes, the last indexed first, for several at once', async () => {
      const [many, one, none] = ['6', '7', '8'].map((digit) => digit.repeat(64));
      const put = (id: number, sha256: string, indexedAt: string) => {
        const payload = image({ key: `same/${id}`, sha256, sequencer: '1', indexedAt });
        return { id: uuid(id), vector: unit(random), payload };
      };
      const days = ['2026-03-01', '2026-03-03', '2026-03-02', '2026-03-02'].map((day) => `${day}T00:00:00.000Z`);
      const points = [...days.map((day, i) => put(3101 + i, many!, day)), put(3110, one!, days[0]!)];
      await store.upsert(points, 'newer');
      await store.remove([{ id: uuid(3104), sequencer: '2', deletedAt: days[0]! }], 'newer');
      const found = await store.copies([many!, one!, none!], 1000);
      const idsOf = (sha256: string) => found.get(sha256)?.map(({ id }) => id);
      assert.deepEqual(idsOf(many!), [3102, 3103, 3101].map(uuid));
      assert.deepEqual([idsOf(one!), idsOf(none!)], [[uuid(3110)], undefined]);
      assert.deepEqual(found.get(one!)![0], (await store.get([uuid(3110)])).get(uuid(3110)));
      assert.equal((await store.copies([many!], 2)).get(many!)!.length, 2);
      assert.equal((await store.copies([], 10)).size, 0);
      await assert.rejects(async () => store.copies([many!], 1001), { code: 'invalid-input' });
      const gone = [3101, 3102, 3103, 3110].map((id) => ({ id: uuid(id), sequencer: '2', deletedAt: days[0]! }));
      await store.remove(gone, 'newer');
    });

    for (const limit of [1, 7, 150, 299, 300, 1000]) {
      // A part of the points in pages of 1, each of which is a request.
      const filters: Filter[] =
        limit === 1 ? [{ tagsAny: ['dog'] }] : [{}, { kind: 'image' }, { tagsAny: ['dog', 'beach'] }];

      it(`covers every hit once in pages of ${limit}`, async () => {
        const vector = unit(random);
        for (const filter of filters) {
          assertRanking(await everyHit(store, { vector, filter, limit }), ranked(points, vector, filter), `${limit}`);
        }
      });

      it(`lists everything once in pages of ${limit}`, async () => {
        for (const filter of filters) {
          const found = points.filter((point) => matches(point, filter));
          const byAge = found.toSorted((a, b) => time(b) - time(a) || (a.id < b.id ? -1 : 1));
          assert.deepEqual(
            (await everyPoint(store, 'id', limit, filter)).map(({ id }) => id),
            found.map(({ id }) => id).sort(),
          );
          assert.deepEqual(
            await everyPoint(store, 'newest', limit, filter),
            byAge.map(({ id, payload }) => ({ id, deleted: false, payload })),
          );
        }
      });

      it(`lists everything by the clock of its place, what has no date at the end, in pages of ${limit}`, async () => {
        const sign = { taken: 1, '-taken': -1 };
        for (const order of ['taken', '-taken'] as const) {
          for (const filter of filters) {
            const expected = points
              .filter((point) => matches(point, filter))
              .map((point) => ({ id: point.id, clock: clockOf(point) }))
              .sort((a, b) => {
                if (a.clock === b.clock) return a.id < b.id ? -1 : 1;
                if (a.clock === null || b.clock === null) return a.clock === null ? 1 : -1;
                return a.clock < b.clock ? -sign[order] : sign[order];
              });
            assert.deepEqual(
              (await everyPoint(store, order, limit, filter)).map(({ id }) => id),
              expected.map(({ id }) => id),
              order,
            );
          }
        }
      });
    }

    it('ends a list exactly where it ends', async () => {
      const vector = unit(random);
      assert.equal((await store.query({ vector, filter: {}, limit: 300 })).next, undefined);
      assert.ok((await store.query({ vector, filter: {}, limit: 299 })).next);
      assert.equal((await store.list({ filter: {}, limit: 300, order: 'id' })).next, undefined);
      assert.ok((await store.list({ filter: {}, limit: 299, order: 'newest' })).next);
    });

    it('leaves out what scores too low, on every page', async () => {
      const vector = unit(random);
      const all = ranked(points, vector);
      for (const minScore of [-1, 0, all[10]!.score - 1e-3, all[0]!.score + 1e-3, 1]) {
        const expected = all.filter(({ score }) => score >= minScore);
        assertRanking(await everyHit(store, { vector, filter: {}, limit: 8, minScore }), expected, `${minScore}`);
      }
    });

    it('never returns excluded ids, on any page', async () => {
      const vector = unit(random);
      const all = ranked(points, vector);
      const exclude = [...all.slice(0, 12), ...all.slice(30, 60)].map(({ id }) => id).concat(uuid(999_999));
      const expected = all.filter(({ id }) => !exclude.includes(id));
      assertRanking(await everyHit(store, { vector, filter: {}, limit: 10, exclude }), expected, 'exclude');
      const tagged = expected.filter(({ id }) => points.find((p) => p.id === id)!.payload.tags.includes('dog'));
      const filter = { tagsAll: ['dog'] };
      assertRanking(await everyHit(store, { vector, filter, limit: 10, exclude }), tagged, 'exclude and filter');
    });

    it('counts tags, most frequent first, then by name', async () => {
      assert.deepEqual(await store.facet('tags', {}, 3), facets(points).slice(0, 3));
      assert.deepEqual(await store.facet('tags', {}, 1000), facets(points));
    });

    it('counts the values of other fields', async () => {
      const images = points.flatMap(({ payload }) => (payload.kind === 'image' ? [payload] : []));
      const cameras = images.flatMap(({ camera }) => (camera === null ? [] : [camera]));
      assert.deepEqual(await store.facet('camera', {}, 10), counted(cameras));
      const folders = images.map(({ key }) => key.replace(/\/?[^/]*$/, ''));
      assert.deepEqual(await store.facet('folder', {}, 3), counted(folders).slice(0, 3));
      assert.deepEqual(await store.facet('folder', { kind: 'caption' }, 3), []);
      const types = images.map(({ contentType }) => contentType);
      assert.deepEqual(await store.facet('contentType', {}, 10), counted(types));
      const dates = images.map(({ takenAt }) => takenAt ?? '');
      assert.deepEqual(await store.facet('month', {}, 1000), counted(dates.map((date) => date.slice(0, 7))));
      const days = counted(dates.map((date) => date.slice(5, 10)));
      assert.ok(days.length > 20, 'pictures of many days and some without a date');
      assert.deepEqual(await store.facet('dayOfYear', {}, 1000), days);
    });

    it('answers queries side by side as it does one by one', async () => {
      const queries = Array.from({ length: 12 }, (_, i) => ({
        vector: unit(random),
        filter: FILTERS[i]!,
        limit: 5 + i,
      }));
      const alone = [];
      for (const query of queries) alone.push(await store.query(query));
      assert.deepEqual(await Promise.all(queries.map((query) => store.query(query))), alone);
    });
  });

  tiesContract(open);
  emptyContract(open);
}

function tiesContract(open: Open): void {
  describe('equal vectors', () => {
    it('are ordered by id and paged through once', () =>
      withStore(open, async (store) => {
        const [same, vector] = [unit(random), unit(random)];
        const copies: Point[] = Array.from({ length: 60 }, (_, i) => ({
          id: uuid(Math.floor(random() * 2 ** 32) * 100 + i),
          vector: same,
          payload: image({ key: `copy ${i}` }),
        }));
        const others = randomPoints(random, 20, 1);
        await store.upsert([...copies, ...others], 'newer');
        for (const limit of [1, 7, 30, 60, 100]) {
          const hits = await everyHit(store, { vector, filter: {}, limit });
          assertRanking(hits, ranked([...copies, ...others], vector), `pages of ${limit}`);
          const ids = new Set(copies.map(({ id }) => id));
          assert.deepEqual(
            hits.map(({ id }) => id).filter((id) => ids.has(id)),
            [...ids].sort(),
          );
        }
        const own = await store.query({ vector: same, filter: {}, limit: 1 });
        assert.ok(own.items[0]!.score <= 1 && own.items[0]!.score > 1 - SCORE_TOLERANCE);
        const opposite = same.map((x) => -x) as Point['vector'];
        assert.ok((await everyHit(store, { vector: opposite, filter: {}, limit: 50 })).at(-1)!.score >= -1);
      }));
  });
}

function emptyContract(open: Open): void {
  describe('an empty store', () => {
    it('has nothing and says so', () =>
      withStore(open, async (store) => {
        assert.deepEqual(await store.query({ vector: unit(random), filter: {}, limit: 10 }), { items: [] });
        assert.deepEqual(await store.query({ vector: unit(random), filter: { tagsAny: ['a'] }, limit: 10 }), {
          items: [],
        });
        assert.deepEqual(await store.list({ filter: {}, limit: 10, order: 'id' }), { items: [] });
        assert.deepEqual(await store.list({ filter: {}, limit: 10, order: 'newest' }), { items: [] });
        assert.equal(await store.count({}), 0);
        assert.deepEqual(await store.facet('tags', {}, 10), []);
        assert.equal((await store.get([uuid(1)])).size, 0);
        assert.equal((await store.get([])).size, 0);
        assert.equal((await store.vectors([uuid(1)])).size, 0);
        assert.equal(await store.purgeTombstones('2030-01-01T00:00:00.000Z'), 0);
        assert.equal(await store.setTags(uuid(1), []), false);
      }));

    it('is empty again when everything was removed, and can be filled again', () =>
      withStore(open, async (store) => {
        const points = randomPoints(random, 20);
        await store.upsert(points, 'newer');
        const graves = points.map(({ id }) => ({ id, sequencer: '1', deletedAt: '2026-01-01T00:00:00.000Z' }));
        await store.remove(graves, 'newer');
        assert.deepEqual(await store.query({ vector: unit(random), filter: {}, limit: 10 }), { items: [] });
        const others = randomPoints(random, 30, 500);
        await store.upsert(others, 'newer');
        const vector = unit(random);
        assertRanking(
          (await store.query({ vector, filter: {}, limit: 100 })).items,
          ranked(others, vector),
          'refilled',
        );
      }));
  });
}

function time({ payload }: Point): number {
  return Date.parse(payload.indexedAt);
}

function facets(points: readonly Point[]): { value: string; count: number }[] {
  return counted(points.flatMap(({ payload }) => payload.tags));
}

function counted(values: readonly string[]): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)));
}

function clockOf({ payload }: Point): string | null {
  return payload.kind === 'image' ? (payload.takenAt?.slice(0, 23) ?? null) : null;
}
