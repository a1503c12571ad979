import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CandidateIndex, Copy, Point, Spaces, VectorStore } from '../../core/ports.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { caption, DIMENSION, image, randomPoints, seededRandom, unit, uuid } from './vectors-data.ts';

export interface OpenSpaces {
  /** Opens an index without any spaces. */
  readonly spaces: Spaces;
  /** The same index as seen by another process. The caller closes it. */
  again(): Promise<Spaces>;
  /** Closes `spaces` and deletes all data. */
  cleanup(): Promise<void>;
}

const point = (n: number, payload: Point['payload'] = image({ key: `${n}.jpg` }), dimension = DIMENSION): Point => ({
  id: uuid(n),
  vector: unit(seededRandom(n), dimension),
  payload,
});
const tombstone = (n: number, sequencer = '') => ({
  id: uuid(n),
  sequencer,
  deletedAt: '2026-02-01T00:00:00.000Z',
});

/** Simulates a build, with random vectors for new content. */
async function syncAll(copy: Copy, dimension = DIMENSION): Promise<number> {
  const random = seededRandom(99);
  let carried = 0;
  for (let after: string | null = null; ; ) {
    const ids: string[] = await copy.differences(after, 3);
    if (ids.length === 0) return carried;
    const [wanted, there] = [await copy.from.get(ids), await copy.to.get(ids)];
    const known = await copy.to.vectors(ids);
    for (const id of ids) {
      const stored = wanted.get(id);
      const old = there.get(id);
      if (stored === undefined) {
        const sequencer = old === undefined ? '' : old.deleted ? old.sequencer : old.payload.sequencer;
        await copy.to.remove([{ ...tombstone(0, sequencer), id }], 'not-older');
      } else if (stored.deleted) await copy.to.remove([stored], 'not-older');
      else {
        const vector = known.get(id) ?? unit(random, dimension);
        await copy.to.upsert([{ id, vector, payload: stored.payload }], 'not-older');
      }
    }
    carried += ids.length;
    after = ids.at(-1)!;
  }
}

/** The contract of every {@link Spaces} driver. */
export function spacesContract(name: string, open: () => Promise<OpenSpaces>): void {
  const withSpaces = async (test: (spaces: Spaces, again: OpenSpaces['again']) => Promise<void>) => {
    const { spaces, again, cleanup } = await open();
    try {
      await test(spaces, again);
    } finally {
      await cleanup();
    }
  };
  /** A live space `a`, with `b` next to it. */
  const withTwo = (
    test: (parts: {
      spaces: Spaces;
      again: OpenSpaces['again'];
      live: VectorStore;
      candidate: CandidateIndex;
    }) => Promise<void>,
  ) =>
    withSpaces(async (spaces, again) => {
      await using live = closing(await spaces.openLive('a', DIMENSION));
      await using candidate = closing(await spaces.openCandidate('b', DIMENSION));
      await test({ spaces, again, live, candidate });
    });
  const names = async (spaces: Spaces) =>
    (await spaces.list()).map(({ space, live }) => `${space}${live ? ' live' : ''}`);
  const code = (expected: string) => (error: unknown) => (error as { code?: unknown }).code === expected;

  describe(`spaces contract: ${name}`, () => {
    it('has none at first, and the first that is opened is live', () =>
      withSpaces(async (spaces, again) => {
        assert.equal(await spaces.live(), null);
        assert.deepEqual(await spaces.list(), []);
        await assert.rejects(spaces.openCandidate('b', DIMENSION), code('not-found'));
        const store = await spaces.openLive('a', DIMENSION);
        await store.upsert([point(1), point(2, caption())], 'newer');
        await store.remove([tombstone(3)], 'newer');
        const other = await again();
        assert.deepEqual(await other.live(), { space: 'a', dimension: DIMENSION });
        const a = { space: 'a', dimension: DIMENSION, live: true, points: 2, tombstones: 1 };
        assert.deepEqual(await other.list(), [a]);
        await assert.rejects(other.openLive('b', DIMENSION), code('space-mismatch'));
        await assert.rejects(other.openCandidate('a', DIMENSION), code('precondition-failed'));
        await other.close();
        await store.close();
      }));

    it('lets one of several that begin at once with other models win, and tells the others', () =>
      withSpaces(async (spaces, again) => {
        const others = await Promise.all([again(), again(), again()]);
        const names = ['a', 'b', 'a', 'b'];
        const opened = await Promise.allSettled(
          [spaces, ...others].map((each, i) => each.openLive(names[i]!, DIMENSION)),
        );
        const live = (await spaces.live())?.space;
        for (const [i, each] of opened.entries()) {
          if (each.status === 'rejected') {
            assert.notEqual(names[i], live, String(each.reason));
            assert.equal((each.reason as { code?: unknown }).code, 'space-mismatch');
            assert.match(String(each.reason), new RegExp(`(got .*|of space )${live}\\b`));
          } else {
            assert.equal(names[i], live);
            assert.deepEqual(await each.value.upsert([point(i)], 'newer'), ['written']);
            await each.value.close();
          }
        }
        await Promise.all(others.map((each) => each.close()));
      }));

    it('keeps another space beside it, of another dimension, that no query of the live one meets', () =>
      withSpaces(async (spaces) => {
        const live = await spaces.openLive('a', DIMENSION);
        await live.upsert([point(1)], 'newer');
        const candidate = await spaces.openCandidate('b', 16);
        await candidate.to.upsert([point(1, image(), 16), point(2, image(), 16)], 'newer');
        assert.equal(await live.count({}), 1);
        assert.equal(await candidate.from.count({}), 1);
        const { items } = await live.query({ vector: point(2).vector, filter: {}, limit: 10 });
        assert.deepEqual(
          items.map(({ id }) => id),
          [uuid(1)],
        );
        assert.equal(
          (await candidate.to.query({ vector: point(2, image(), 16).vector, filter: {}, limit: 10 })).items.length,
          2,
        );
        assert.deepEqual(await names(spaces), ['a live', 'b']);
        await candidate.close();
        await assert.rejects(spaces.openCandidate('b', 17), code('space-mismatch'));
        await live.close();
      }));

    it('tells every difference once, in pages, and none when there is none', () =>
      withTwo(async ({ live, candidate }) => {
        const points = randomPoints(seededRandom(5), 40);
        await live.upsert(points, 'newer');
        await live.remove([tombstone(7, 'AA'), tombstone(100, '0055')], 'newer');
        const all = [...points.map(({ id }) => id), uuid(100)].sort();
        assert.deepEqual(await candidate.differences(null, 1000), all);
        assert.deepEqual(await candidate.differences(all[4]!, 7), all.slice(5, 12));
        assert.equal(await syncAll(candidate), all.length);
        assert.deepEqual(await candidate.differences(null, 1000), []);
        assert.deepEqual(await candidate.to.get(all), await live.get(all));
      }));

    it('tells of new and changed points, tags in another order, deletions, and what the live one does not know', () =>
      withTwo(async ({ live, candidate }) => {
        const tagged = image({ key: 'tagged', tags: ['a', 'b'] });
        await live.upsert([point(1), point(2, tagged), point(3), point(4, caption()), point(5), point(6)], 'newer');
        await live.remove([tombstone(8)], 'newer');
        await syncAll(candidate);
        const changes: [string, number, () => Promise<unknown>][] = [
          ['a new one', 7, () => live.upsert([point(7)], 'newer')],
          ['a new sequencer', 1, () => live.upsert([point(1, image({ key: '1.jpg', sequencer: '01' }))], 'newer')],
          [
            'other content',
            3,
            () => live.upsert([point(3, image({ key: '3.jpg', etag: 'other', sha256: '1'.repeat(64) }))], 'not-older'),
          ],
          [
            'a date',
            1,
            () =>
              live.upsert(
                [point(1, image({ key: '1.jpg', sequencer: '01', takenAt: '2026-01-01T00:00:00Z' }))],
                'not-older',
              ),
          ],
          ['tags', 2, () => live.setTags(uuid(2), ['b', 'a'])],
          ['no tags', 2, () => live.setTags(uuid(2), [])],
          ['tags of a caption', 4, () => live.setTags(uuid(4), ['x'])],
          ['a deletion', 5, () => live.remove([tombstone(5)], 'not-older')],
          ['a deletion of what was deleted', 8, () => live.remove([tombstone(8, '02')], 'newer')],
          ['one that comes back', 8, () => live.upsert([point(8, image({ sequencer: '03' }))], 'newer')],
          ['one that the live one does not know', 9, () => candidate.to.upsert([point(9)], 'newer')],
        ];
        for (const [what, n, change] of changes) {
          await change();
          assert.deepEqual(await candidate.differences(null, 1000), [uuid(n)], what);
          await syncAll(candidate);
          assert.deepEqual(await candidate.differences(null, 1000), [], what);
        }
        assert.equal(await candidate.to.count({}), await live.count({}));
      }));

    it('switches at once for everybody: writes to the old space are refused, reads go on, and one can go back', () =>
      withTwo(async ({ spaces, again, live, candidate }) => {
        const other = await again();
        await live.upsert([point(1), point(2)], 'newer');
        await candidate.switch(async (copy) => {
          await syncAll(copy);
        });
        assert.deepEqual(await other.live(), { space: 'b', dimension: DIMENSION });
        assert.deepEqual(await names(other), ['a', 'b live']);
        for (const write of [
          () => live.upsert([point(3)], 'newer'),
          // So that callers with nothing to write can still check whether their result is valid.
          () => live.upsert([], 'newer'),
          () => live.remove([tombstone(1)], 'not-older'),
          () => live.setTags(uuid(1), ['x']),
          () => candidate.to.upsert([point(3)], 'newer'),
        ]) {
          await assert.rejects(write, code('space-retired'));
        }
        // Where writing and checking the alias are not atomic, a rejected write may remain in the old space.
        assert.ok((await live.query({ vector: point(2).vector, filter: {}, limit: 5 })).items.length > 0);

        const next = await other.openLive('b', DIMENSION);
        assert.equal(await next.count({}), 2);
        await next.upsert([point(4)], 'newer');
        await next.setTags(uuid(1), ['new']);
        await assert.rejects(
          candidate.switch(async () => {}),
          code('space-retired'),
        );

        const back = await spaces.openCandidate('a', DIMENSION);
        assert.equal(back.live, 'b');
        await back.switch(async (copy) => {
          assert.ok((await syncAll(copy)) >= 2);
        });
        const again2 = await spaces.openLive('a', DIMENSION);
        const stored = [uuid(1), uuid(2), uuid(4)];
        assert.deepEqual(await again2.get(stored), await next.get(stored));
        assert.equal(await again2.count({}), 3);
        await assert.rejects(next.upsert([point(5)], 'newer'), code('space-retired'));
        await Promise.all([back.close(), next.close(), again2.close(), other.close()]);
      }));

    it('is as it was when a switch fails', () =>
      withTwo(async ({ spaces, live, candidate }) => {
        await live.upsert([point(1)], 'newer');
        const failing = candidate.switch(async (copy) => {
          await syncAll(copy);
          throw new Error('no');
        });
        await assert.rejects(failing, /no/);
        assert.deepEqual(await names(spaces), ['a live', 'b']);
        assert.deepEqual(await live.upsert([point(2)], 'newer'), ['written']);
        await candidate.switch(async (copy) => {
          await syncAll(copy);
        });
        assert.deepEqual(await names(spaces), ['a', 'b live']);
        const next = await spaces.openLive('b', DIMENSION);
        assert.equal(await next.count({}), 2);
        await next.close();
      }));

    it('loses no acknowledged write, whenever it comes', () =>
      withTwo(async ({ spaces, again, live, candidate }) => {
        const acknowledged = new Set<string>();
        const deleted = new Set<string>();
        let refused = 0;
        let n = 0;
        const write = async (store: VectorStore) => {
          for (;;) {
            // Paced like requests: a loop of resolved promises would starve everything else.
            await nextTurn();
            const i = ++n;
            try {
              if (i % 5 === 4) {
                await store.remove([tombstone(i - 3)], 'not-older');
                deleted.add(uuid(i - 3));
              } else if (i % 5 === 0) await store.setTags(uuid(i - 3), ['tagged']);
              else {
                await store.upsert([point(i)], 'newer');
                acknowledged.add(uuid(i));
              }
            } catch (error) {
              assert.ok(code('space-retired')(error), String(error));
              refused++;
              return;
            }
          }
        };
        const other = await again();
        const theirs = await other.openLive('a', DIMENSION);
        const writing = [live, live, theirs].map(write);
        while (acknowledged.size < 20) await new Promise((resolve) => setTimeout(resolve, 1));
        await candidate.switch(async (copy) => {
          await syncAll(copy);
          assert.deepEqual(await copy.differences(null, 1000), []);
        });
        await Promise.all(writing);
        assert.equal(refused, 3);
        const next = await spaces.openLive('b', DIMENSION);
        const ids = [...acknowledged];
        const found = await next.get(ids);
        for (const id of ids) assert.ok(found.has(id), `${id} was acknowledged and is missing`);
        for (const id of deleted) assert.equal(found.get(id)?.deleted ?? true, true, `${id} was deleted and is back`);
        await Promise.all([next.close(), theirs.close(), other.close()]);
      }));

    it('deletes a space that is not live, and it can be made again', () =>
      withTwo(async ({ spaces, live, candidate }) => {
        await live.upsert([point(1)], 'newer');
        await syncAll(candidate);
        await assert.rejects(spaces.drop('a'), code('precondition-failed'));
        assert.equal(await spaces.drop('b'), true);
        assert.equal(await spaces.drop('b'), false);
        assert.equal(await spaces.drop('nowhere'), false);
        assert.deepEqual(await names(spaces), ['a live']);
        assert.equal(await live.count({}), 1);
        await assert.rejects(candidate.to.upsert([point(2)], 'newer'), code('unavailable'));
        const made = await spaces.openCandidate('b', 16);
        assert.equal(await made.to.count({}), 0);
        assert.deepEqual(await made.differences(null, 10), [uuid(1)]);
        await made.close();
      }));
  });
}
