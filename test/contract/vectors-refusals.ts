import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ErrorCode, isSightlineError } from '../../core/errors.ts';
import type { Filter, Point } from '../../core/ports.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { caption, DIMENSION, image, randomPoints, seededRandom, unit, uuid } from './vectors-data.ts';
import { type Open, type OpenStore, withStore } from './vectors-open.ts';

const random = seededRandom(3);
const good = (): Point => ({ id: uuid(1), vector: unit(random), payload: image() });
const withComponent = (value: number) => unit(random).with(3, value) as JointEmbedding;

/** Invalid points, and the reason for each. */
const BAD_POINTS: readonly [string, () => Point[]][] = [
  ['a vector that is too short', () => [{ ...good(), vector: unit(random, DIMENSION - 1) }]],
  ['a vector that is too long', () => [{ ...good(), vector: unit(random, DIMENSION + 1) }]],
  ['an empty vector', () => [{ ...good(), vector: new Float32Array(0) as JointEmbedding }]],
  ['a component that is NaN', () => [{ ...good(), vector: withComponent(Number.NaN) }]],
  ['an infinite component', () => [{ ...good(), vector: withComponent(Infinity) }]],
  ['a zero vector', () => [{ ...good(), vector: new Float32Array(DIMENSION) as JointEmbedding }]],
  ['a vector that was not normalised', () => [{ ...good(), vector: unit(random).map((x) => 2 * x) as JointEmbedding }]],
  ['one id twice', () => [good(), good()]],
  ['an id that is no UUID', () => [{ ...good(), id: 'photo.jpg' }]],
  ['an id in upper case', () => [{ ...good(), id: 'ABCDEF00-0000-5000-8000-000000000001' }]],
  ['a sequencer that is not hexadecimal', () => [{ ...good(), payload: image({ sequencer: 'xyz' }) }]],
  ['a date that is none', () => [{ ...good(), payload: image({ indexedAt: 'yesterday' }) }]],
  ['a date of taking that is none', () => [{ ...good(), payload: image({ takenAt: '2026-13-45' }) }]],
  ['a lone surrogate in a tag', () => [{ ...good(), payload: image({ tags: ['\ud800'] }) }]],
  ['a lone surrogate in a caption', () => [{ ...good(), payload: caption({ caption: 'a \udc00 b' }) }]],
  ['a size that is no number', () => [{ ...good(), payload: image({ bytes: Number.NaN }) }]],
];

const BAD_FILTERS: readonly Filter[] = [
  { takenAfter: 'soon' },
  { indexedBefore: '' },
  { minBytes: Number.NaN },
  { maxBytes: Infinity },
  { tagsAll: ['\ud800'] },
  { words: [] },
  { words: ['Dog'] },
  { words: ['two words'] },
  { words: ['"'] },
  { words: ['a*'] },
  { exceptWords: Array.from({ length: 9 }, (_, i) => `${i}`) },
  { tagsAny: Array.from({ length: 101 }, (_, i) => `tag ${i}`) },
];

async function refuses(work: () => Promise<unknown>, code: ErrorCode, what: string): Promise<void> {
  await assert.rejects(work, (error) => isSightlineError(error, code), `expected ${code}: ${what}`);
}

export function refusalsContract(open: Open): void {
  describe('refusals', () => {
    // All tests share one store, which stays empty: on a server, creating one takes longer than the test itself.
    describe('of points', () => {
      let opened: OpenStore;
      before(async () => {
        opened = await open();
      });
      after(() => opened.cleanup());

      for (const [what, points] of BAD_POINTS) {
        it(`refuses ${what} and writes nothing of the call`, async () => {
          const { store } = opened;
          const innocent = randomPoints(random, 2, 100);
          const batch = [innocent[0]!, ...points(), innocent[1]!];
          await refuses(() => store.upsert(batch, 'newer'), 'invalid-input', what);
          assert.equal(await store.count({}), 0);
        });
      }
    });

    it('refuses tombstones that could not be ordered', () =>
      withStore(open, async (store) => {
        const grave = { id: uuid(1), sequencer: '1', deletedAt: '2026-01-01T00:00:00.000Z' };
        for (const bad of [{ id: 'x' }, { sequencer: 'not hex' }, { deletedAt: 'then' }]) {
          const what = JSON.stringify(bad);
          await refuses(() => store.remove([{ ...grave, ...bad }], 'newer'), 'invalid-input', what);
        }
        await refuses(() => store.remove([grave, grave], 'newer'), 'invalid-input', 'one id twice');
        await refuses(() => store.purgeTombstones('long ago'), 'invalid-input', 'no date');
        assert.equal((await store.get([uuid(1)])).size, 0);
      }));

    it('refuses ids, limits, vectors and filters that can never work', () =>
      withStore(open, async (store) => {
        await store.upsert(randomPoints(random, 5), 'newer');
        const vector = unit(random);
        await refuses(() => store.get(['x']), 'invalid-input', 'get');
        await refuses(() => store.vectors(['x']), 'invalid-input', 'vectors');
        await refuses(() => store.setTags('x', []), 'invalid-input', 'setTags');
        await refuses(() => store.setTags(uuid(1), ['\ud800']), 'invalid-input', 'setTags');
        for (const limit of [0, -1, 1.5, 1001, Number.NaN]) {
          await refuses(() => store.query({ vector, filter: {}, limit }), 'invalid-input', `query ${limit}`);
          await refuses(() => store.list({ filter: {}, limit, order: 'id' }), 'invalid-input', `list ${limit}`);
          await refuses(() => store.facet('tags', {}, limit), 'invalid-input', `facetTags ${limit}`);
        }
        for (const filter of BAD_FILTERS) {
          const what = JSON.stringify(filter).slice(0, 80);
          await refuses(() => store.query({ vector, filter, limit: 1 }), 'invalid-input', what);
          await refuses(() => store.list({ filter, limit: 1, order: 'id' }), 'invalid-input', what);
          await refuses(() => store.count(filter), 'invalid-input', what);
          await refuses(() => store.facet('tags', filter, 1), 'invalid-input', what);
        }
        const query = { vector, filter: {}, limit: 1 };
        await refuses(() => store.query({ ...query, minScore: Number.NaN }), 'invalid-input', 'minScore');
        await refuses(() => store.query({ ...query, exclude: ['x'] }), 'invalid-input', 'exclude');
        const many = Array.from({ length: 101 }, (_, i) => uuid(i));
        await refuses(() => store.query({ ...query, exclude: many }), 'invalid-input', 'exclude 101');
        for (const bad of [unit(random, 3), withComponent(Number.NaN), new Float32Array(DIMENSION)]) {
          const wrong = { ...query, vector: bad as JointEmbedding };
          await refuses(() => store.query(wrong), 'invalid-input', 'vector');
        }
      }));

    it('refuses cursors it did not make for this very question', () =>
      withStore(open, async (store) => {
        await store.upsert(randomPoints(random, 50), 'newer');
        const vector = unit(random);
        const filter: Filter = { maxBytes: 8, kind: 'image' };
        const query = { vector, filter, limit: 3, minScore: -0.9 };
        const cursor = (await store.query(query)).next!;
        const byId = (await store.list({ filter, limit: 3, order: 'id' })).next!;
        const newest = (await store.list({ filter, limit: 3, order: 'newest' })).next!;
        assert.ok(cursor && byId && newest);

        const foreign = ['', 'x', '!!!', 'bnVsbA', 'W10', cursor.slice(0, -4), `${cursor}AAAA`, 'A'.repeat(10_000)];
        for (const bad of [...foreign, byId, newest]) {
          await refuses(() => store.query({ ...query, cursor: bad }), 'invalid-cursor', `query ${bad.slice(0, 40)}`);
        }
        for (const bad of [...foreign, cursor, newest]) {
          const list = () => store.list({ filter, limit: 3, order: 'id', cursor: bad });
          await refuses(list, 'invalid-cursor', `list ${bad.slice(0, 40)}`);
        }
        const others = [
          { ...query, vector: unit(random) },
          { ...query, filter: { ...filter, maxBytes: 7 } },
          { ...query, filter: {} },
          { ...query, minScore: -0.8 },
          { vector, filter, limit: 3 },
        ];
        for (const [i, other] of others.entries()) {
          await refuses(() => store.query({ ...other, cursor }), 'invalid-cursor', `another query ${i}`);
        }
        await refuses(() => store.list({ filter: {}, limit: 3, order: 'id', cursor: byId }), 'invalid-cursor', 'list');
        const swapped = () => store.list({ filter, limit: 3, order: 'newest', cursor: byId });
        await refuses(swapped, 'invalid-cursor', 'another order');

        // The same query with another page size and the filter's fields in another order.
        const same = { ...query, limit: 5, filter: { kind: 'image', maxBytes: 8 } as const };
        assert.equal((await store.query({ ...same, cursor })).items.length, 5);
      }));
  });
}
