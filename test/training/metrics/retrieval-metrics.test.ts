import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dot } from '../../../core/util/vector-arithmetic.ts';
import { rankPairs } from '../../../training/metrics/ranking.ts';
import {
  CUTOFFS,
  type DirectionValues,
  type EmbeddedPairs,
  evaluate,
} from '../../../training/metrics/retrieval-metrics.ts';
import { scoreBlocks } from '../../../training/metrics/score-blocks.ts';
import { Random } from '../../../training/random.ts';

/** Random unit vectors; pictures have 1 to 4 captions. Some vectors are duplicated to create ties. */
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

interface Answer {
  readonly id: number;
  readonly right: boolean;
}

/** The definition, literally: all results sorted, wrong ones first among equals. */
function naiveOrder(
  query: Float32Array,
  answers: readonly Float32Array[],
  right: (i: number) => boolean,
): readonly Answer[] {
  return answers
    .map((answer, id) => ({ id, score: Math.round(dot(query, answer) * 1e5), right: right(id) }))
    .sort((a, b) => b.score - a.score || Number(a.right) - Number(b.right) || a.id - b.id);
}

function naive({ texts, images, firstCaption, dimension }: EmbeddedPairs): {
  textToImage: (readonly Answer[])[];
  imageToText: (readonly Answer[])[];
} {
  const rows = (matrix: Float32Array) =>
    Array.from({ length: matrix.length / dimension }, (_, i) => matrix.slice(i * dimension, (i + 1) * dimension));
  const owner = (caption: number) => firstCaption.findLastIndex((first) => first <= caption);
  const [textRows, imageRows] = [rows(texts), rows(images)];
  return {
    textToImage: textRows.map((text, c) => naiveOrder(text, imageRows, (p) => p === owner(c))),
    imageToText: imageRows.map((image, p) => naiveOrder(image, textRows, (c) => owner(c) === p)),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const hits = (answers: readonly Answer[], k: number) => answers.slice(0, k).filter(({ right }) => right).length;
const firstRight = (answers: readonly Answer[]) => answers.findIndex(({ right }) => right) + 1;

/** Textbook formulas over complete sorted lists. */
function naiveFigures(orders: readonly (readonly Answer[])[]): DirectionValues & { queries: number } {
  const atCutoffs = (of: (order: readonly Answer[], k: number) => number) => {
    const [one, five, ten] = CUTOFFS.map((k) => 100 * mean(orders.map((order) => of(order, k))));
    return { 1: one!, 5: five!, 10: ten! };
  };
  const gain = (order: readonly Answer[], k: number) =>
    order.slice(0, k).reduce((sum, { right }, i) => sum + (right ? 1 / Math.log2(i + 2) : 0), 0);
  const ideal = (order: readonly Answer[]) => order.toSorted((a, b) => Number(b.right) - Number(a.right));
  const sorted = orders.map(firstRight).sort((a, b) => a - b);
  const averagePrecision = (order: readonly Answer[]) =>
    mean(order.flatMap(({ right }, i) => (right ? [hits(order, i + 1) / (i + 1)] : [])));
  return {
    queries: orders.length,
    recall: atCutoffs((order, k) => (hits(order, k) > 0 ? 1 : 0)),
    precision: atCutoffs((order, k) => hits(order, k) / k),
    ndcg: atCutoffs((order, k) => gain(order, k) / gain(ideal(order), k)),
    meanReciprocalRank: 100 * mean(orders.map((order) => 1 / firstRight(order))),
    meanAveragePrecision: 100 * mean(orders.map(averagePrecision)),
    medianRank: mean([sorted[Math.floor((sorted.length - 1) / 2)]!, sorted[Math.ceil((sorted.length - 1) / 2)]!]),
  };
}

/** Equal up to summation order. */
function assertClose(actual: unknown, expected: unknown, where = ''): void {
  if (typeof expected === 'number') {
    assert.ok(Math.abs((actual as number) - expected) < 1e-9, `${where}: expected ${expected}, got ${actual}`);
    return;
  }
  assert.deepEqual(Object.keys(actual as object).sort(), Object.keys(expected as object).sort(), where);
  for (const [key, value] of Object.entries(expected as object)) {
    assertClose((actual as Record<string, unknown>)[key], value, `${where}.${key}`);
  }
}

describe('retrieval figures', () => {
  const pairs = randomPairs(60, 3);
  const expected = naive(pairs);
  // One score at a time, blocks that do not divide the matrix, and everything at once.
  for (const blockScores of [1, 97, 1000, undefined]) {
    it(
      `ranks and keeps the best as the naive definition does, ties against us, ${blockScores ?? 'all'} ` +
        `scores at once`,
      async () => {
        const found = await rankPairs(pairs, { threads: 1, blockScores, top: 7 });
        assert.deepEqual([...found.pictureRank], expected.textToImage.map(firstRight));
        const ranks = expected.imageToText.map((order) => order.flatMap(({ right }, i) => (right ? [i + 1] : [])));
        for (const [p, own] of ranks.entries()) {
          const got = found.captionRank.slice(pairs.firstCaption[p], pairs.firstCaption[p + 1]).sort();
          assert.deepEqual([...got], own);
        }
        for (const [c, order] of expected.textToImage.entries()) {
          const top = found.topPictures.of(c);
          assert.equal(top.length, 7);
          // Among equal scores wrong results come first, and any of them may be omitted.
          assert.deepEqual(
            top.map(({ answer }) => order.find(({ id }) => id === answer)!.right),
            order.slice(0, 7).map(({ right }) => right),
          );
        }
        for (const [p, order] of expected.imageToText.entries()) {
          assert.deepEqual(
            found.topCaptions.of(p).map(({ answer }) => order.find(({ id }) => id === answer)!.right),
            order.slice(0, 7).map(({ right }) => right),
          );
        }
      },
    );
  }

  it('never holds more scores than it is told to', async () => {
    const { texts, images, dimension } = pairs;
    const sizes: number[] = [];
    for await (const { scores } of scoreBlocks(texts, images, dimension, { threads: 1, blockScores: 500 })) {
      sizes.push(scores.length);
    }
    assert.ok(sizes.length > 1 && Math.max(...sizes) <= 500, `${sizes}`);
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      (texts.length * images.length) / dimension ** 2,
    );
  });

  it('gives the figures that the textbook formulas give', async () => {
    const figures = await evaluate(pairs, { threads: 1 });
    assertClose(figures.textToImage, naiveFigures(expected.textToImage), 'textToImage');
    assertClose(figures.imageToText, naiveFigures(expected.imageToText), 'imageToText');
    const sum = ({ recall }: DirectionValues) => recall[1] + recall[5] + recall[10];
    assertClose(figures.recallSum, sum(figures.textToImage) + sum(figures.imageToText));
  });

  it('adds up recalls in percent and takes the middle rank', async () => {
    // Two pictures at right angles; the second picture's caption points at the first.
    const two: EmbeddedPairs = {
      texts: Float32Array.of(1, 0, 0.8, 0.6),
      images: Float32Array.of(1, 0, 0, 1),
      firstCaption: Uint32Array.of(0, 1, 2),
      dimension: 2,
    };
    const { textToImage, imageToText, recallSum } = await evaluate(two, { threads: 1 });
    assert.deepEqual(textToImage.recall, { 1: 50, 5: 100, 10: 100 });
    assert.deepEqual(imageToText.recall, { 1: 100, 5: 100, 10: 100 });
    assert.deepEqual([textToImage.medianRank, imageToText.medianRank, textToImage.queries], [1.5, 1, 2]);
    assert.deepEqual([textToImage.meanReciprocalRank, textToImage.precision[10]], [75, 10]);
    assert.equal(recallSum, 550);
  });

  it('gives the worst rank to vectors that are all the same', async () => {
    const same: EmbeddedPairs = {
      texts: new Float32Array(10).fill(Math.SQRT1_2),
      images: new Float32Array(10).fill(Math.SQRT1_2),
      firstCaption: Uint32Array.of(0, 1, 2, 3, 4, 5),
      dimension: 2,
    };
    const found = await rankPairs(same, { threads: 1 });
    assert.deepEqual([...found.pictureRank, ...found.captionRank], new Array(10).fill(5));
  });
});
