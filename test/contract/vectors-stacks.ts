import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStacks, findStacks } from '../../core/find-stacks.ts';
import { hashDistance, MAX_BITS } from '../../core/picture/near-duplicate-rule.ts';
import type { Point } from '../../core/ports.ts';
import type { ImagePayload, JointEmbedding } from '../../core/types.ts';
import { caption, image, seededRandom, unit, uuid } from './vectors-data.ts';
import { type Open, withStore } from './vectors-open.ts';

const random = seededRandom(11);
const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');

/** The hash with some of its bits flipped, spread evenly. */
function turned(hash: string, bits: number, from = 0): string {
  const digits = [...hash];
  for (let i = 0; i < bits; i++) {
    const at = (from + i * 7) % digits.length;
    digits[at] = (Number.parseInt(digits[at]!, 16) ^ 4).toString(16);
  }
  const changed = digits.join('');
  assert.equal(hashDistance(hash, changed), bits);
  return changed;
}

/** A vector near another one: the cosine is about 1 / sqrt(1 + share²). */
function beside(vector: JointEmbedding, share: number): JointEmbedding {
  const other = unit(random);
  const mixed = vector.map((x, i) => x + share * other[i]!);
  const length = Math.hypot(...mixed);
  return mixed.map((x) => x / length) as JointEmbedding;
}

let number = 0;
const picture = (vector: JointEmbedding, payload: Partial<ImagePayload>): Point => ({
  id: uuid(++number),
  vector,
  payload: image({
    sha256: number.toString(16).padStart(64, '0'),
    key: `${String(number).padStart(6, '0')}.jpg`,
    ...payload,
  }),
});

export function stacksContract(open: Open): void {
  describe('stacks', () => {
    it('are pictures of the same bytes, and those that look the same, the largest first', () =>
      withStore(open, async (store) => {
        const [seen, other, burst, vector] = [hex(32), hex(32), hex(32), unit(random)];
        const look = (bits: number, more: Partial<ImagePayload> = {}) =>
          picture(beside(vector, 0.1), { perceptualHash: turned(seen, bits), ...more });
        const large = look(0, { width: 4000, height: 3000, bytes: 9000 });
        const small = look(MAX_BITS, { width: 400, height: 300, bytes: 90 });
        const heavy = look(3, { width: 400, height: 300, bytes: 300 });
        const copyOfCopy = turned((small.payload as ImagePayload).perceptualHash!, 2, 1);
        assert.ok(hashDistance(seen, copyOfCopy) > MAX_BITS);
        const smallest = look(0, { width: 100, height: 75, bytes: 10, perceptualHash: copyOfCopy });
        const twins = [1, 2, 3].map(() => picture(unit(random), { sha256: 'a'.repeat(64), bytes: 500 }));
        const alone = [
          picture(vector.map((x) => -x) as JointEmbedding, { perceptualHash: seen }),
          picture(vector, { perceptualHash: other }),
          picture(vector, { perceptualHash: null }),
          picture(vector, { perceptualHash: '0'.repeat(32) }),
          picture(vector, { perceptualHash: '0'.repeat(32) }),
          ...['07.000', '08.250', '08.500'].map((second) =>
            picture(vector, {
              perceptualHash: burst,
              takenAt: `2019-07-05T23:30:${second}`,
              takenFrom: 'exif',
            }),
          ),
        ];
        const words = { id: uuid(1000), vector, payload: caption() };
        await store.upsert([...twins, small, ...alone, smallest, heavy, large, words], 'newer');
        assert.deepEqual(await findStacks(store), [
          { ids: twins.map(({ id }) => id), spareBytes: 1000 },
          { ids: [large, heavy, small, smallest].map(({ id }) => id), spareBytes: 400 },
        ]);
      }));

    it('join photos of two times only through a copy without one, and all frames of a fixed camera', () =>
      withStore(open, async (store) => {
        const [seen, apart, vector] = [hex(32), hex(32), unit(random)];
        const at = (perceptualHash: string, second?: string) =>
          picture(vector, { perceptualHash, takenAt: second ?? null, takenFrom: second === undefined ? null : 'exif' });
        const burst = [1, 2, 2].map((second) => at(apart, `2019-07-05T23:30:0${second}`));
        const joined = [at(seen, '2019-07-05T23:30:01'), at(seen), at(seen, '2019-07-05T23:30:02')];
        const frames = Array.from({ length: 40 }, (_, i) => at(turned(seen, 1 + (i % MAX_BITS), i)));
        await store.upsert([...burst, ...joined, ...frames], 'newer');
        const found = (await findStacks(store)).map(({ ids }) => ids.toSorted());
        const ids = (points: Point[]) => points.map(({ id }) => id).toSorted();
        assert.deepEqual(found, [ids([...joined, ...frames]), ids(burst.slice(1))]);
      }));

    it('begin, where copies are equal, with the one with tags, or else of the same folder always', () =>
      withStore(open, async (store) => {
        const ofBytes = (digit: string, key: string, tags: string[] = []) =>
          picture(unit(random), { sha256: digit.repeat(64), bytes: 10 - Number(digit), key, tags });
        const trip = [ofBytes('1', 'b/1.jpg'), ofBytes('2', 'b/2.jpg'), ofBytes('3', 'b/3.jpg', ['favourite'])];
        const backup = [ofBytes('1', 'a/1.jpg'), ofBytes('2', 'a/2.jpg'), ofBytes('3', 'a/3.jpg')];
        await store.upsert([...trip, ...backup], 'newer');
        const first = (await findStacks(store)).map(({ ids }) => ids[0]);
        assert.deepEqual(first, [backup[0]!.id, backup[1]!.id, trip[2]!.id]);
      }));

    it('come in pages, each once, and follow what comes and goes', () =>
      withStore(open, async (store) => {
        const stacks = createStacks(store);
        assert.deepEqual(await stacks.list({ limit: 2 }), {
          items: [],
          next: undefined,
          total: 0,
          spare: { pictures: 0, bytes: 0 },
        });
        const pairs = [5, 5, 7, 1, 3].map((bytes, i) =>
          [1, 2].map(() => picture(unit(random), { sha256: String(i).repeat(64), bytes })),
        );
        await store.upsert(pairs.flat(), 'newer');
        const found: (readonly string[])[] = [];
        let cursor: string | undefined;
        do {
          const page = await stacks.list({ limit: 2, cursor });
          assert.deepEqual([page.total, page.spare], [5, { pictures: 5, bytes: 21 }]);
          found.push(...page.items.map(({ ids }) => ids));
          cursor = page.next;
        } while (cursor !== undefined);
        assert.deepEqual(
          found,
          [2, 0, 1, 4, 3].map((i) => pairs[i]!.map(({ id }) => id)),
        );
        const [gone] = pairs[2]!;
        await store.remove([{ id: gone!.id, sequencer: '', deletedAt: '2026-01-02T00:00:00.000Z' }], 'not-older');
        assert.equal((await stacks.list({ limit: 2 })).total, 4);
        await assert.rejects(stacks.list({ limit: 2, cursor: 'nothing' }), { code: 'invalid-cursor' });
        await assert.rejects(createStacks(store, 8).list({ limit: 2 }), { code: 'too-large' });
      }));
  });
}
