import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { figuresOf, type QueryTable, queryTable } from '../../../training/metrics/retrieval-metrics.ts';
import { compare, interval } from '../../../training/metrics/significance.ts';
import { Random } from '../../../training/random.ts';

/** Each picture has `captions` captions. All of them find it at the given rank, and it finds them from that rank on. */
function tableOf(ranks: readonly number[], captions: number): QueryTable {
  return queryTable({
    firstCaption: Uint32Array.from({ length: ranks.length + 1 }, (_, p) => p * captions),
    pictureRank: Uint32Array.from(ranks.flatMap((rank) => new Array<number>(captions).fill(rank))),
    captionRank: Uint32Array.from(ranks.flatMap((rank) => Array.from({ length: captions }, (_, c) => rank + c))),
  });
}

const resampling = { resamples: 2000, seed: 1 };

describe('intervals and comparisons', () => {
  it('gives the width that the binomial distribution has, over pictures and not over captions', () => {
    const ranks = Array.from({ length: 400 }, (_, p) => (p % 4 === 0 ? 1 : 20));
    // Normal approximation of the binomial: 1.96 standard deviations in each direction.
    const half = 100 * 1.96 * Math.sqrt((0.25 * 0.75) / 400);
    for (const captions of [1, 5]) {
      const { low, high } = interval(tableOf(ranks, captions), resampling);
      for (const side of ['textToImage', 'imageToText'] as const) {
        const width = (high[side].recall[1] - low[side].recall[1]) / 2;
        assert.ok(Math.abs(width - half) < half * 0.1, `${captions} captions, ${side}: ${width}, expected ${half}`);
        assert.ok(low[side].recall[1] < 25 && high[side].recall[1] > 25);
        assert.deepEqual([low[side].medianRank, high[side].medianRank], [20, 20]);
      }
      // Both directions rise and fall together here; the interval of their sum must reflect that.
      const sum = (high.recallSum - low.recallSum) / 2;
      assert.ok(Math.abs(sum - 6 * half) < 6 * half * 0.1, `sum ${sum}, expected ${6 * half}`);
    }
  });

  it('is the same for the same seed and another for another', () => {
    const random = new Random(5, 'ranks');
    const table = tableOf(
      Array.from({ length: 50 }, () => 1 + random.below(15)),
      2,
    );
    const { low } = interval(table, { resamples: 50, seed: 1 });
    assert.deepEqual(interval(table, { resamples: 50, seed: 1 }).low, low);
    assert.notDeepEqual(interval(table, { resamples: 50, seed: 2 }).low, low);
  });

  it('gives the p value that trying every flip gives', () => {
    const random = new Random(7, 'ranks');
    const draw = (best: number) => Array.from({ length: 10 }, () => best + random.below(8));
    const [first, second] = [draw(3), draw(1)];
    const { p, difference } = compare(tableOf(first, 3), tableOf(second, 3), { resamples: 5_000, seed: 1 });

    const differences = first.map((rank, i) => 10 * (1 / second[i]! - 1 / rank));
    const observed = differences.reduce((sum, d) => sum + d, 0);
    assert.ok(Math.abs(difference.textToImage.meanReciprocalRank - observed) < 1e-9);
    let reached = 0;
    for (let flips = 0; flips < 1024; flips++) {
      const sum = differences.reduce((total, d, i) => total + (flips & (1 << i) ? -d : d), 0);
      if (Math.abs(sum) >= Math.abs(observed) - 1e-9) reached++;
    }
    const exact = reached / 1024;
    const got = p.textToImage.meanReciprocalRank;
    // Four standard deviations of a proportion over 5,000 rounds.
    assert.ok(Math.abs(got - exact) < 4 * Math.sqrt((exact * (1 - exact)) / 5_000), `p ${got}, exactly ${exact}`);
  });

  it('compares medians by swapping the heads, too', () => {
    const random = new Random(8, 'ranks');
    const draw = (best: number) => Array.from({ length: 9 }, () => best + random.below(12));
    const [worse, better] = [draw(9), draw(1)];
    const { p, difference } = compare(tableOf(worse, 1), tableOf(better, 1), { resamples: 5_000, seed: 1 });
    const median = (ranks: readonly number[]) => ranks.toSorted((a, b) => a - b)[4]!;
    const observed = median(better) - median(worse);
    assert.equal(difference.imageToText.medianRank, observed);
    let reached = 0;
    for (let flips = 0; flips < 512; flips++) {
      const [one, other] = [worse.slice(), better.slice()];
      for (let i = 0; i < 9; i++) if (flips & (1 << i)) [one[i], other[i]] = [other[i]!, one[i]!];
      if (Math.abs(median(other) - median(one)) >= Math.abs(observed)) reached++;
    }
    const exact = reached / 512;
    const got = p.imageToText.medianRank;
    assert.ok(exact < 0.5, `${exact} shows nothing`);
    assert.ok(Math.abs(got - exact) < 4 * Math.sqrt((exact * (1 - exact)) / 5_000), `p ${got}, exactly ${exact}`);
  });

  it('finds nothing between a head and itself', () => {
    const table = tableOf([1, 4, 2, 8, 5], 2);
    const { p, difference } = compare(table, table, { resamples: 100, seed: 3 });
    assert.equal(difference.recallSum, 0);
    assert.equal(p.recallSum, 1);
    assert.equal(p.imageToText.medianRank, 1);
  });

  it('sees a difference that is there', () => {
    const random = new Random(9, 'ranks');
    const worse = Array.from({ length: 300 }, () => 2 + random.below(20));
    const better = worse.map((rank, i) => (i % 3 === 0 ? Math.max(1, rank - 6) : rank));
    const { p, interval: between, difference } = compare(tableOf(worse, 2), tableOf(better, 2), resampling);
    assert.ok(difference.recallSum > 0 && between.low.recallSum > 0);
    assert.equal(p.recallSum, 1 / 2001);
    assert.equal(
      difference.recallSum,
      figuresOf(tableOf(better, 2)).recallSum - figuresOf(tableOf(worse, 2)).recallSum,
    );
  });
});
