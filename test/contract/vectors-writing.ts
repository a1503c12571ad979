import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Point, StoredPoint, Tombstone, VectorStore } from '../../core/ports.ts';
import { compareSequencers } from '../../core/sequencer-order.ts';
import { cosine } from '../support/cosine.ts';
import { caption, DIMENSION, image, randomPoints, seededRandom, unit, uuid } from './vectors-data.ts';
import { type Open, withStore } from './vectors-open.ts';

const random = seededRandom(1);
const ID = uuid(7);
const AT = '2026-02-03T04:05:06.789Z';

const create = (sequencer: string, key = `key-${sequencer}`): Point => ({
  id: ID,
  vector: unit(random),
  payload: image({ key, sequencer }),
});
const grave = (sequencer: string, id = ID) => ({ id, sequencer, deletedAt: AT });

async function stored(store: VectorStore, id = ID): Promise<StoredPoint | Tombstone | undefined> {
  return (await store.get([id])).get(id);
}

/** A summary of the stored state: the key of a live picture, `grave <sequencer>`, or `nothing`. */
async function state(store: VectorStore): Promise<string> {
  const found = await stored(store);
  if (found === undefined) return 'nothing';
  if (found.deleted) return `grave ${found.sequencer}`;
  return found.payload.kind === 'image' ? found.payload.key : found.payload.caption;
}

export function writingContract(open: Open): void {
  describe('writing', () => {
    it('gives back what was written, whole', () =>
      withStore(open, async (store) => {
        const points: Point[] = [
          {
            id: uuid(1),
            vector: unit(random),
            payload: image({
              bucket: 'Fotos',
              key: 'Grüße/été 🏖 100%_\'"\\.jpg',
              etag: 'abc-1',
              sha256: 'a'.repeat(64),
              contentType: 'image/webp',
              bytes: 2 ** 40,
              width: 1,
              height: 60_000,
              takenAt: '2019-05-06T07:08:09.123Z',
              tags: ['b', 'a', 'Ü', '犬', 'with space', '100%'],
              indexedAt: AT,
              sequencer: '0055AED6DCD90281E5',
            }),
          },
          {
            id: uuid(2),
            vector: unit(random),
            payload: caption({ caption: 'two\nlines, "quoted" 🐕', tags: ['x'] }),
          },
        ];
        assert.deepEqual(await store.upsert(points, 'newer'), ['written', 'written']);
        const found = await store.get([uuid(2), uuid(3), uuid(1)]);
        assert.equal(found.size, 2);
        for (const { id, payload } of points) assert.deepEqual(found.get(id), { id, deleted: false, payload });
      }));

    it('gives back unit vectors of live points', () =>
      withStore(open, async (store) => {
        const points = randomPoints(random, 3);
        // As after a round trip through half precision: same direction, not exactly unit length.
        const long = { ...points[2]!, vector: points[2]!.vector.map((x) => x * 1.0005) as Point['vector'] };
        await store.upsert([points[0]!, points[1]!, long], 'newer');
        await store.remove([grave('1', points[1]!.id)], 'newer');
        const found = await store.vectors([points[0]!.id, points[1]!.id, long.id, uuid(99)]);
        assert.deepEqual([...found.keys()].sort(), [points[0]!.id, long.id].sort());
        for (const point of [points[0]!, points[2]!]) {
          const vector = found.get(point.id)!;
          assert.equal(vector.length, DIMENSION);
          for (const [i, x] of vector.entries()) assert.ok(Math.abs(x - point.vector[i]!) < 1e-6);
        }
      }));

    it('keeps everything when it is closed and opened again', () =>
      withStore(open, async (store, reopen) => {
        const points = randomPoints(random, 50);
        await store.upsert(points, 'newer');
        await store.setTags(points[3]!.id, ['kept']);
        await store.remove([grave('A', points[5]!.id)], 'newer');
        const before = await store.get(points.map(({ id }) => id));
        const query = { vector: unit(random), filter: {}, limit: 60 };
        const hits = (await store.query(query)).items;
        const again = await reopen();
        assert.equal(again.space, store.space);
        assert.equal(again.dimension, DIMENSION);
        assert.deepEqual(await again.get(points.map(({ id }) => id)), before);
        assert.deepEqual((await again.query(query)).items, hits);
        assert.equal(hits.length, 49);
        assert.equal(await again.count({}), 49);
        assert.deepEqual(await again.upsert([{ ...points[5]!, payload: image({ sequencer: '9' }) }], 'newer'), [
          'stale',
        ]);
      }));

    it('replaces a point whole, vector and kind included', () =>
      withStore(open, async (store) => {
        const [before, after] = [unit(random), unit(random)];
        await store.upsert([{ id: ID, vector: before, payload: image({ tags: ['old'], sequencer: '1' }) }], 'newer');
        await store.upsert([{ id: ID, vector: after, payload: caption({ sequencer: '2' }) }], 'newer');
        assert.deepEqual(await stored(store), { id: ID, deleted: false, payload: caption({ sequencer: '2' }) });
        const [hit] = (await store.query({ vector: after, filter: { kind: 'caption' }, limit: 1 })).items;
        assert.ok(hit && Math.abs(hit.score - 1) < 1e-5);
        assert.equal(await store.count({ kind: 'image' }), 0);
        assert.equal(await store.count({ tagsAny: ['old'] }), 0);
        assert.ok(cosine((await store.vectors([ID])).get(ID)!, after) > 0.99999);
      }));

    it('answers for each point in order', () =>
      withStore(open, async (store) => {
        const points = randomPoints(random, 6).map((point) => ({
          ...point,
          payload: { ...point.payload, sequencer: '5' },
        }));
        await store.upsert(points.slice(2, 4), 'newer');
        const expected = ['written', 'written', 'stale', 'stale', 'written', 'written'];
        assert.deepEqual(await store.upsert(points, 'newer'), expected);
        const graves = points.map(({ id }, i) => grave(i % 2 === 0 ? '6' : '4', id));
        assert.deepEqual(
          await store.remove(graves, 'newer'),
          points.map((_, i) => (i % 2 === 0 ? 'removed' : 'stale')),
        );
        assert.equal(await store.count({}), 3);
        assert.deepEqual(await store.upsert([], 'newer'), []);
        assert.deepEqual(await store.remove([], 'newer'), []);
      }));

    it('takes a thousand points in one call', () =>
      withStore(open, async (store) => {
        const points = randomPoints(random, 1000);
        const answers = await store.upsert(points, 'newer');
        assert.equal(answers.length, 1000);
        assert.ok(answers.every((answer) => answer === 'written'));
        assert.equal(await store.count({}), 1000);
      }));
  });

  orderContract(open);
  tagsContract(open);
  keepingTagsContract(open);
}

function orderContract(open: Open): void {
  describe('order of events', () => {
    /** Ascending; the last three are equal, because trailing zeros do not count. */
    const sequencers = ['', '0055AED6DCD9', '0055AED6DCD90281E5', '0055aed6dcd90281e6', '01', 'A', 'F', 'f0', 'F000'];

    for (const when of ['newer', 'not-older'] as const) {
      it(`writes and removes what is ${when}, and nothing else`, () =>
        withStore(open, async (store) => {
          for (const [i, there] of sequencers.entries()) {
            const [ids, others] = [0, 10_000].map((first) => sequencers.map((_, j) => uuid(first + 100 * i + j)));
            await store.upsert(
              ids!.map((id) => ({ ...create(there, 'there'), id })),
              'newer',
            );
            const incoming = sequencers.map((sequencer, j) => ({ ...create(sequencer, 'incoming'), id: ids![j]! }));
            const written = await store.upsert(incoming, when);
            const found = await store.get(ids!);
            await store.remove(
              others!.map((id) => grave(there, id)),
              'newer',
            );
            const removed = await store.remove(
              sequencers.map((sequencer, j) => grave(sequencer, others![j])),
              when,
            );
            for (const [j, sequencer] of sequencers.entries()) {
              const order = compareSequencers(sequencer, there);
              const wins = order > 0 || (order === 0 && when === 'not-older');
              const what = `${JSON.stringify(sequencer)} over ${JSON.stringify(there)}`;
              assert.equal(written[j], wins ? 'written' : 'stale', what);
              const live = found.get(ids![j]!);
              assert.ok(live && !live.deleted && live.payload.kind === 'image');
              assert.equal(live.payload.key, wins ? 'incoming' : 'there', what);
              assert.equal(live.payload.sequencer, wins ? sequencer : there, what);
              assert.equal(removed[j], wins ? 'removed' : 'stale', what);
            }
          }
        }));
    }

    it('leaves a tombstone that only `get` sees', () =>
      withStore(open, async (store) => {
        await store.upsert([create('1'), { ...create('1'), id: uuid(8) }], 'newer');
        assert.deepEqual(await store.remove([grave('2')], 'newer'), ['removed']);
        assert.deepEqual(await stored(store), { id: ID, deleted: true, sequencer: '2', deletedAt: AT });
        assert.equal(await store.count({}), 1);
        assert.equal((await store.query({ vector: unit(random), filter: {}, limit: 10 })).items.length, 1);
        for (const order of ['id', 'newest'] as const) {
          assert.deepEqual(
            (await store.list({ filter: {}, limit: 10, order })).items.map(({ id }) => id),
            [uuid(8)],
          );
        }
        assert.equal((await store.vectors([ID])).size, 0);
        assert.equal(await store.setTags(ID, ['a']), false);
      }));

    it('buries what it has never seen', () =>
      withStore(open, async (store) => {
        assert.deepEqual(await store.remove([grave('5')], 'newer'), ['removed']);
        assert.deepEqual(await store.upsert([create('4')], 'newer'), ['stale']);
        assert.deepEqual(await store.upsert([create('5')], 'newer'), ['stale']);
        assert.equal(await state(store), 'grave 5');
        assert.deepEqual(await store.upsert([create('6')], 'newer'), ['written']);
        assert.equal(await state(store), 'key-6');
        assert.equal(await store.count({}), 1);
      }));

    it('ends in the newest state, whatever the order and however often events come', () =>
      withStore(open, async (store) => {
        const happenings = [
          { sequencer: '0A1', removed: false },
          { sequencer: '0A2', removed: true },
          { sequencer: '0A3', removed: false },
          { sequencer: '0A30001', removed: true },
        ];
        for (const count of [2, 3, 4]) {
          const events = happenings.slice(0, count);
          const newest = events.at(-1)!;
          for (const order of permutations(events)) {
            const id = uuid(Math.floor(random() * 2 ** 40));
            for (const { sequencer, removed } of [...order, order[0]!]) {
              if (removed) await store.remove([grave(sequencer, id)], 'newer');
              else await store.upsert([{ ...create(sequencer), id }], 'newer');
            }
            const found = await stored(store, id);
            const what = order.map(({ sequencer }) => sequencer).join(', ');
            assert.equal(found?.deleted, newest.removed, what);
            const sequencer = found?.deleted ? found.sequencer : found?.payload.sequencer;
            assert.equal(sequencer, newest.sequencer, what);
          }
        }
      }));

    it('lets the newest of concurrent writes win', () =>
      withStore(open, async (store) => {
        for (let round = 0; round < 5; round++) {
          const id = uuid(1000 + round);
          const order = Array.from({ length: 20 }, (_, i) => i + 1).sort(() => random() - 0.5);
          const answers = await Promise.all(
            order.map((n) => store.upsert([{ ...create(n.toString(16).padStart(4, '0')), id }], 'newer')),
          );
          assert.deepEqual(answers[order.indexOf(20)], ['written']);
          const found = await stored(store, id);
          assert.ok(found && !found.deleted);
          assert.equal(found.payload.sequencer, '0014');
          assert.equal(await store.count({}), round + 1);
        }
      }));

    it('forgets tombstones by their age, and then no longer defends them', () =>
      withStore(open, async (store) => {
        await store.upsert([create('1')], 'newer');
        const old = { id: uuid(1), sequencer: '5', deletedAt: '2026-01-01T00:00:00.000Z' };
        const recent = { id: uuid(2), sequencer: '5', deletedAt: '2026-01-03T00:00:00.000Z' };
        await store.remove([old, recent], 'newer');
        assert.equal(await store.purgeTombstones('2026-01-01T00:00:00.000Z'), 0);
        assert.equal(await store.purgeTombstones('2026-01-02T00:00:00.000Z'), 1);
        assert.equal(await store.purgeTombstones('2026-01-02T00:00:00.000Z'), 0);
        assert.deepEqual([...(await store.get([old.id, recent.id])).keys()], [recent.id]);
        assert.deepEqual(await store.upsert([{ ...create('4'), id: old.id }], 'newer'), ['written']);
        assert.deepEqual(await store.upsert([{ ...create('4'), id: recent.id }], 'newer'), ['stale']);
        assert.equal(await store.count({}), 2);
      }));
  });
}

function tagsContract(open: Open): void {
  describe('tags', () => {
    it('replaces the tags of a live point and nothing else', () =>
      withStore(open, async (store) => {
        const point = { ...create('5'), payload: image({ sequencer: '5', tags: ['a', 'b'] }) };
        await store.upsert([point], 'newer');
        const vector = (await store.vectors([ID])).get(ID);
        const tagged = { vector: point.vector, filter: { tagsAny: ['a'] }, limit: 5 };
        assert.equal((await store.query(tagged)).items.length, 1);
        assert.equal(await store.count({ tagsAny: ['a'] }), 1);
        assert.equal(await store.setTags(ID, ['z', 'b', 'ü']), true);
        assert.equal((await store.query(tagged)).items.length, 0);
        assert.deepEqual(await stored(store), {
          id: ID,
          deleted: false,
          payload: { ...point.payload, tags: ['z', 'b', 'ü'] },
        });
        assert.deepEqual((await store.vectors([ID])).get(ID), vector);
        assert.equal(await store.count({ tagsAny: ['a'] }), 0);
        assert.equal(await store.count({ tagsAll: ['z', 'ü'] }), 1);
        assert.equal(
          (await store.query({ vector: point.vector, filter: { tagsAny: ['z'] }, limit: 5 })).items.length,
          1,
        );
        assert.equal(
          (await store.query({ vector: point.vector, filter: { tagsAny: ['a'] }, limit: 5 })).items.length,
          0,
        );
        assert.equal(await store.setTags(ID, []), true);
        assert.deepEqual(await store.facet('tags', {}, 10), []);
        assert.equal(await store.setTags(uuid(999), ['a']), false);
        assert.equal(await stored(store, uuid(999)), undefined);
      }));

    it('keeps each tag once, in the order given', () =>
      withStore(open, async (store) => {
        await store.upsert([{ ...create('1'), payload: image({ tags: ['b', 'a', 'b', 'B'] }) }], 'newer');
        const written = await stored(store);
        assert.deepEqual(written?.deleted === false && written.payload.tags, ['b', 'a', 'B']);
        await store.setTags(ID, ['c', 'c', 'a']);
        const replaced = await stored(store);
        assert.deepEqual(replaced?.deleted === false && replaced.payload.tags, ['c', 'a']);
        assert.deepEqual(await store.facet('tags', {}, 10), [
          { value: 'a', count: 1 },
          { value: 'c', count: 1 },
        ]);
      }));
  });
}

function keepingTagsContract(open: Open): void {
  describe('points that keep their tags', () => {
    const tagsOf = async (store: VectorStore, id = ID) => {
      const found = await stored(store, id);
      return found === undefined || found.deleted ? null : found.payload.tags;
    };
    const withTags = (id: string, sequencer: string, ...tags: string[]): Point => ({
      id,
      vector: unit(random),
      payload: image({ sequencer, key: `${id}-${sequencer}`, tags }),
    });
    const keepTags = true;

    it('are replaced whole but for these', () =>
      withStore(open, async (store) => {
        const [live, buried, untagged, late, fresh] = [1, 2, 3, 4, 5].map(uuid) as [
          string,
          string,
          string,
          string,
          string,
        ];
        const before = [live, buried, untagged, late].map((id) =>
          withTags(id, '5', ...(id === untagged ? [] : ['b', 'a'])),
        );
        await store.upsert(before, 'newer');
        await store.setTags(live, ['z', 'a', 'ü']);
        await store.remove([grave('6', buried)], 'newer');
        const after = [live, buried, untagged, late, fresh].map((id) => withTags(id, id === late ? '4' : '7', 'own'));
        const expected = ['written', 'written', 'written', 'stale', 'written'];
        assert.deepEqual(await store.upsert(after, 'newer', { keepTags }), expected);
        const tags = [['z', 'a', 'ü'], ['own'], [], ['b', 'a'], ['own']];
        for (const [i, { id, vector, payload }] of after.entries()) {
          const source = id === late ? before[3]! : { vector, payload };
          assert.deepEqual(await stored(store, id), {
            id,
            deleted: false,
            payload: { ...source.payload, tags: tags[i] },
          });
          assert.ok(cosine((await store.vectors([id])).get(id)!, source.vector) > 0.99999);
        }
        assert.equal(await store.count({ tagsAny: ['z'] }), 1);
        assert.equal(await store.count({ tagsAny: ['own'] }), 2);
        // Removed tags stay removed; tags in the payload count again if the caller keeps none.
        await store.setTags(live, []);
        assert.deepEqual(await store.upsert([withTags(live, '8', 'own')], 'newer', { keepTags }), ['written']);
        assert.deepEqual(await tagsOf(store, live), []);
        assert.deepEqual(await store.upsert([withTags(live, '8', 'own')], 'not-older'), ['written']);
        assert.deepEqual(await tagsOf(store, live), ['own']);
        assert.deepEqual(await store.upsert([withTags(live, '8')], 'not-older', { keepTags }), ['written']);
        assert.deepEqual(await tagsOf(store, live), ['own']);
      }));

    it('have the last tags that were set, whatever is written at the same time', () =>
      withStore(open, async (store) => {
        await store.upsert([withTags(ID, '0', 'first', 'second')], 'newer');
        let sequencer = 0;
        for (let round = 0; round < 12; round++) {
          const when = round % 2 === 0 ? 'newer' : 'not-older';
          // A different order also counts as a change.
          const tags = round % 3 === 0 ? ['second', 'first'] : [`tag ${round}`, 'second', 'first'];
          const again = () => {
            if (when === 'newer') sequencer++;
            return store.upsert([withTags(ID, sequencer.toString(16).padStart(4, '0'))], when, { keepTags });
          };
          const [set] = await Promise.all([store.setTags(ID, tags), again(), again(), again()]);
          assert.equal(set, true);
          assert.deepEqual(await tagsOf(store), tags, `round ${round}, ${when}`);
          const found = await stored(store);
          assert.ok(found && !found.deleted);
          assert.equal(Number.parseInt(found.payload.sequencer, 16), sequencer);
        }
      }));

    it('are not made of tags that a deletion has taken away', () =>
      withStore(open, async (store) => {
        for (let round = 1; round <= 8; round++) {
          const [older, newer] = [`${round}1`, `${round}2`];
          await store.upsert([withTags(ID, `${round}0`, 'gone')], 'newer');
          await Promise.all([
            store.remove([grave(older)], 'newer'),
            store.upsert([withTags(ID, newer, 'own')], 'newer', { keepTags }),
          ]);
          // Either the deletion came first, or it was too late.
          assert.ok(['own', 'gone'].includes((await tagsOf(store))!.join()));
          assert.equal(await store.count({}), 1);
        }
      }));
  });
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}
