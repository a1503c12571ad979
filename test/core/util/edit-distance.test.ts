import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editDistance, wordsNextTo } from '../../../core/util/edit-distance.ts';

describe('the distance between words', () => {
  it('counts letters that are missing, too many, others, or exchanged with their neighbour', () => {
    for (const [a, b, distance] of [
      ['', '', 0],
      ['', 'abc', 3],
      ['sunset', 'sunset', 0],
      ['sunste', 'sunset', 1],
      ['usnset', 'sunset', 1],
      ['sunet', 'sunset', 1],
      ['sunnset', 'sunset', 1],
      ['sumset', 'sunset', 1],
      ['küche', 'kuche', 1],
      ['usnste', 'sunset', 2],
      ['ca', 'abc', 3],
      ['kitten', 'sitting', 3],
    ] as const) {
      assert.equal(editDistance(a, b), distance, `${a} ${b}`);
      assert.equal(editDistance(b, a), distance, `${b} ${a}`);
    }
  });

  it('is one for the words next to a word, and they are all there', () => {
    const next = wordsNextTo('zoé');
    for (const word of next) assert.equal(editDistance('zoé', word), 1, word);
    for (const word of ['oé', 'zé', 'zo', 'ozé', 'zéo', 'zoéz', 'zoo', 'azoé', 'ééo']) {
      assert.equal(next.has(word), editDistance('zoé', word) === 1, word);
    }
    assert.ok(!next.has('zoé'));
  });
});
