import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VectorStore } from '../../core/ports.ts';
import { caption, everyHit, everyPoint, image, seededRandom, unit, uuid } from './vectors-data.ts';
import { type Open, withStore } from './vectors-open.ts';

const random = seededRandom(5);

const CALLED = [
  image({ key: 'Küche/IMG_0504.jpg', camera: 'Canon EOS 5D' }),
  image({ key: '2019/Straße/beach2.jpg', tags: ['To Do', 'été'] }),
  image({ key: '2019 Kuchen/写真０７.png', keywords: ['Grandma Anna', 'birthday'] }),
  caption({ caption: 'A dog on the Beach, 2019', tags: ['summer'] }),
  image({ key: '!!!/___.!', tags: [] }),
];
const POINTS = CALLED.map((payload, i) => ({ id: uuid(i), vector: unit(random), payload }));

/** Words, and the numbers of the points they match. */
const FOUND: readonly [string[], number[]][] = [
  [['kuche'], [0]],
  [['kuche*'], [0, 2]],
  [['img', '0504'], [0]],
  [['504'], [0]],
  [['504*'], [0]],
  [['050*', 'jpg'], [0]],
  [['50'], []],
  [['canon', '5'], [0]],
  [['strasse'], [1]],
  [['beach'], [1, 3]],
  [['beach', '2'], [1]],
  [['2019'], [1, 2, 3]],
  [['20*'], [1, 2, 3]],
  [['2019', 'kuchen'], [2]],
  [['to', 'do'], [1]],
  [['ete'], [1]],
  [['真'], [2]],
  [['写', '07'], [2]],
  [['anna', 'birth*'], [2]],
  [['dog', 'summer'], [3]],
  [['nowhere'], []],
  [['kuche', 'nowhere'], []],
];

export function wordsContract(open: Open): void {
  describe('words', () => {
    const found = async (store: VectorStore, words: string[]) =>
      (await everyPoint(store, 'id', 2, { words })).map(({ id }) => Number.parseInt(id.slice(-6), 16));

    it('find what is called so, whole or by its beginning, and leave it out', () =>
      withStore(open, async (store, reopen) => {
        await store.upsert(POINTS, 'newer');
        for (const open of [async () => store, reopen]) {
          const now = await open();
          for (const [words, expected] of FOUND) {
            assert.deepEqual(await found(now, words), expected, words.join(' '));
            const others = POINTS.map((_, i) => i).filter((i) => !expected.includes(i));
            assert.equal(await now.count({ exceptWords: words }), others.length, words.join(' '));
            const hits = await everyHit(now, { vector: unit(random), filter: { exceptWords: words }, limit: 2 });
            assert.deepEqual(hits.map(({ id }) => id).sort(), others.map(uuid), words.join(' '));
          }
          const both = { words: ['2019'], exceptWords: ['kuchen'], kind: 'image' } as const;
          const hits = await everyHit(now, { vector: unit(random), filter: both, limit: 5 });
          assert.deepEqual(
            hits.map(({ id }) => id),
            [uuid(1)],
          );
        }
      }));

    it('follow tags, captions and files as they change', () =>
      withStore(open, async (store) => {
        await store.upsert(POINTS, 'newer');
        await store.setTags(uuid(0), ['Holiday']);
        assert.deepEqual(await found(store, ['holiday']), [0]);
        assert.deepEqual(await found(store, ['kuche', 'holiday']), [0]);
        const renewed = { ...POINTS[0]!, payload: image({ key: 'Bad/x.jpg', tags: ['other'] }) };
        await store.upsert([renewed], 'not-older', { keepTags: true });
        assert.deepEqual(await found(store, ['holiday']), [0]);
        assert.deepEqual(await found(store, ['bad', 'holiday']), [0]);
        assert.deepEqual(await found(store, ['other']), []);
        assert.deepEqual(await found(store, ['kuche']), []);
        await store.upsert([renewed], 'not-older');
        assert.deepEqual(await found(store, ['other']), [0]);
        assert.deepEqual(await found(store, ['holiday']), []);
        await store.setTags(uuid(0), []);
        assert.deepEqual(await found(store, ['other']), []);
        await store.remove([{ id: uuid(0), sequencer: '1', deletedAt: '2026-01-01' }], 'newer');
        assert.deepEqual(await found(store, ['bad']), []);
        assert.deepEqual(await found(store, ['2019']), [1, 2, 3]);
      }));
  });
}
