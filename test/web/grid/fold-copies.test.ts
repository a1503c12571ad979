import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashDistance, isPlain, MAX_BITS } from '../../../core/picture/near-duplicate-rule.ts';
import type { CaptionItem, ImageItem, Item } from '../../../web/client.ts';
import { CopyFolder } from '../../../web/grid/fold-copies.ts';
import { seededRandom } from '../../support/random.ts';

const fold: CopyFolder['fold'] = (items, shown) => new CopyFolder().fold(items, shown);
const random = seededRandom(3);
const hex = () => Math.floor(random() * 16).toString(16);
const hash = () => Array.from({ length: 32 }, hex).join('');

let number = 0;
const picture = (look: Partial<ImageItem>): ImageItem => {
  const id = String(++number);
  return { id, kind: 'image', sha256: id, perceptualHash: null, takenAt: null, takenFrom: null, ...look } as ImageItem;
};
const idsOf = (items: readonly Item[]) => items.map(({ id }) => id);

describe('folding copies', () => {
  it('leaves one of the same bytes and of the same look, where the first was, whatever stands between', () => {
    const [seen, other] = [hash(), hash()];
    const near = seen.replace(/^./, (digit) => (Number.parseInt(digit, 16) ^ 7).toString(16));
    const [a, b, c] = [picture({ sha256: 'x' }), picture({ perceptualHash: seen }), picture({ perceptualHash: other })];
    const [a2, a3, b2] = [picture({ sha256: 'x' }), picture({ sha256: 'x' }), picture({ perceptualHash: near })];
    const words = { id: 'words', kind: 'caption' } as CaptionItem;
    const { items, copies } = fold([a, b, words, a2, c, b2, a3]);
    assert.deepEqual(idsOf(items), idsOf([a, b, words, c]));
    assert.deepEqual(
      [...copies],
      [
        [a.id, [a2, a3]],
        [b.id, [b2]],
      ],
    );

    const shown = fold([a, b, words, a2, c, b2, a3], a3.id);
    assert.deepEqual(idsOf(shown.items), idsOf([a3, b, words, c]));
    assert.deepEqual(shown.copies.get(a3.id), [a, a2]);
  });

  it('leaves plain pictures and those that a camera took at another time alone', () => {
    const plain = '0'.repeat(32);
    const seen = hash();
    const burst = [1, 2].map((second) =>
      picture({ perceptualHash: seen, takenFrom: 'exif', takenAt: `2019-07-05T10:00:0${second}.000` }),
    );
    const sent = picture({ perceptualHash: seen, takenFrom: 'name', takenAt: '2020-01-01T00:00:00.000' });
    const alone = [picture({ perceptualHash: plain }), picture({ perceptualHash: plain }), picture({})];
    const { items, copies } = fold([...alone, ...burst, sent]);
    assert.deepEqual(idsOf(items), idsOf([...alone, ...burst]));
    assert.deepEqual(copies.get(burst[0]!.id), [sent]);
  });

  it('finds two alike wherever the server does', () => {
    for (let round = 0; round < 500; round++) {
      const seen = hash();
      const digits = [...seen];
      const changes = round % 14;
      for (let i = 0; i < changes; i++) digits[Math.floor(random() * 32)] = hex();
      const changed = digits.join('');
      const [one, other] = [seen, changed].map((perceptualHash) => picture({ perceptualHash })) as [
        ImageItem,
        ImageItem,
      ];
      const isCopy = hashDistance(seen, changed) <= MAX_BITS && !isPlain(seen) && !isPlain(changed);
      assert.equal(fold([one, other]).items.length, isCopy ? 1 : 2, `${seen} ${changed}`);
    }
  });

  it('goes on with a list that grows as if it were new, and begins again with another', () => {
    const seen = [hash(), hash(), hash()];
    const all = Array.from({ length: 60 }, (_, i) => picture({ perceptualHash: i % 2 ? hash() : seen[i % 3]! }));
    const folder = new CopyFolder();
    for (const end of [0, 7, 30, 60, 60, 45]) {
      const items = all.slice(end === 45 ? 10 : 0, end);
      assert.deepEqual(folder.fold(items, all[6]!.id), fold(items, all[6]!.id), String(end));
    }
  });
});
