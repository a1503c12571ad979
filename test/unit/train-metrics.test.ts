import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EmbeddedPairs, evaluate, ranks } from '../../core/train/metrics.ts';
import { Random } from '../../core/train/random.ts';
import { dot } from '../../core/vector.ts';

/** Random unit vectors; pictures have 1 to 4 captions. Some vectors are there twice, so that there are ties. */
function randomPairs(pictures: number, dimension: number): EmbeddedPairs {
  const random = new Random(3, 'pairs');
  const firstCaption = new Uint32Array(pictures + 1);
  for (let p = 0; p < pictures; p++) firstCaption[p + 1] = firstCaption[p]! + 1 + random.below(4);
  const unit = (rows: number) => {
    const matrix = new Float32Array(rows * dimension);
    for (let r = 0; r < rows; r++) {
      const row = Array.from({ length: dimension }, () => random.normal());
      const length = Math.hypot(...row);
      matrix.set(
        row.map((x) => x / length),
        r * dimension,
      );
      if (r % 5 === 4) matrix.copyWithin(r * dimension, (r - 3) * dimension, (r - 2) * dimension);
    }
    return matrix;
  };
  return { texts: unit(firstCaption[pictures]!), images: unit(pictures), firstCaption, dimension };
}

/** The definition, word by word: sort all answers, wrong ones first among equals, and look for a right one. */
function naiveRank(query: Float32Array, answers: readonly Float32Array[], right: (i: number) => boolean): number {
  return (
    answers
      .map((answer, i) => ({ score: Math.round(dot(query, answer) * 1e5), right: right(i) }))
      .sort((a, b) => b.score - a.score || Number(a.right) - Number(b.right))
      .findIndex((answer) => answer.right) + 1
  );
}

describe('retrieval figures', () => {
  it('ranks as the naive definition does, ties against us', async () => {
    const pairs = randomPairs(60, 3);
    const { firstCaption, dimension } = pairs;
    const rows = (matrix: Float32Array) =>
      Array.from({ length: matrix.length / dimension }, (_, i) => matrix.slice(i * dimension, (i + 1) * dimension));
    const [texts, images] = [rows(pairs.texts), rows(pairs.images)];
    const owner = (caption: number) => firstCaption.findLastIndex((first) => first <= caption);
    const found = await ranks(pairs, { threads: 1 });
    assert.deepEqual(
      [...found.textToImage],
      texts.map((text, c) => naiveRank(text, images, (p) => p === owner(c))),
    );
    assert.deepEqual(
      [...found.imageToText],
      images.map((image, p) => naiveRank(image, texts, (c) => owner(c) === p)),
    );
  });

  it('adds up recalls in percent and takes the middle rank', async () => {
    // Two pictures at right angles; the second picture's caption points at the first.
    const pairs: EmbeddedPairs = {
      texts: Float32Array.of(1, 0, 0.8, 0.6),
      images: Float32Array.of(1, 0, 0, 1),
      firstCaption: Uint32Array.of(0, 1, 2),
      dimension: 2,
    };
    const figures = await evaluate(pairs, { threads: 1 });
    assert.deepEqual(figures.textToImage, { queries: 2, recall: { 1: 50, 5: 100, 10: 100 }, medianRank: 1.5 });
    assert.deepEqual(figures.imageToText, { queries: 2, recall: { 1: 100, 5: 100, 10: 100 }, medianRank: 1 });
    assert.equal(figures.recallSum, 550);
  });

  it('gives the worst rank to vectors that are all the same', async () => {
    const pairs: EmbeddedPairs = {
      texts: new Float32Array(10).fill(Math.SQRT1_2),
      images: new Float32Array(10).fill(Math.SQRT1_2),
      firstCaption: Uint32Array.of(0, 1, 2, 3, 4, 5),
      dimension: 2,
    };
    const found = await ranks(pairs, { threads: 1 });
    assert.deepEqual([...found.textToImage, ...found.imageToText], new Array(10).fill(5));
  });
});
