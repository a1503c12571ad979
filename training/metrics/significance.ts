import { Random } from '../random.ts';
import {
  type QueryTable,
  type SortedRanks,
  STATISTICS,
  statistics,
  toValues,
  type Values,
} from './retrieval-metrics.ts';

/**
 * Confidence intervals and tests. The resampling unit is a picture with all of its captions: captions of one picture
 * succeed and fail together, so resampling them individually would make intervals far too narrow. The set of pictures
 * to search stays the same in every resample.
 */

export interface Resampling {
  /** Number of bootstrap resamples, and of sign flips. */
  readonly resamples: number;
  readonly seed: number;
}

/** Percentage of the resamples between the bounds. */
const LEVEL = 95;

/** Both bounds, for each metric separately: the percentile interval (Efron and Tibshirani 1993, chapter 13). */
export interface Interval extends Resampling {
  readonly level: number;
  readonly low: Values;
  readonly high: Values;
}

export interface Comparison {
  /** Metrics of the second head minus those of the first. */
  readonly difference: Values;
  readonly interval: Interval;
  /**
   * Probability of a difference at least as large, in either direction, if each picture's results are assigned to the
   * heads at random (paired sign-flip permutation test; Good 2005). At least 1 / (resamples + 1).
   */
  readonly p: Values;
}

/** The interval of each metric. */
export function interval(table: QueryTable, resampling: Resampling): Interval {
  return bounds(
    resamplesOf(table.pictures, resampling, (weights) => statistics(table, weights)),
    resampling,
  );
}

/**
 * Compares two heads on the same pictures.
 * @throws {Error} if the tables cover different pictures: a bug
 */
export function compare(first: QueryTable, second: QueryTable, resampling: Resampling): Comparison {
  if (first.pictures !== second.pictures || first.captions !== second.captions) {
    throw new Error('expected two heads on the same pictures');
  }
  const minus = (weights: Uint32Array) => subtract(statistics(second, weights), statistics(first, weights));
  const difference = minus(new Uint32Array(first.pictures).fill(1));
  return {
    difference: toValues(difference),
    interval: bounds(resamplesOf(first.pictures, resampling, minus), resampling),
    p: toValues(signFlips(first, second, difference, resampling)),
  };
}

/** The `statistic` of each resample: as many pictures, drawn with replacement. */
function resamplesOf(
  pictures: number,
  { resamples, seed }: Resampling,
  statistic: (weights: Uint32Array) => Float64Array,
): Float64Array[] {
  const random = new Random(seed, 'bootstrap');
  const weights = new Uint32Array(pictures);
  return Array.from({ length: resamples }, () => {
    weights.fill(0);
    for (let i = 0; i < pictures; i++) weights[random.below(pictures)]!++;
    return statistic(weights);
  });
}

function bounds(samples: readonly Float64Array[], resampling: Resampling): Interval {
  const [low, high] = [new Float64Array(STATISTICS), new Float64Array(STATISTICS)];
  const tail = (100 - LEVEL) / 200;
  for (let i = 0; i < STATISTICS; i++) {
    const sorted = Float64Array.from(samples, (sample) => sample[i]!).sort();
    low[i] = quantile(sorted, tail);
    high[i] = quantile(sorted, 1 - tail);
  }
  return { level: LEVEL, ...resampling, low: toValues(low), high: toValues(high) };
}

/** A quantile, interpolated (definition 7 of Hyndman and Fan 1996). */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (above - below) * (at - Math.floor(at));
}

/** Differences below this are equal: sums in another order differ by less. */
const SAME = 1e-9;

function signFlips(
  first: QueryTable,
  second: QueryTable,
  difference: Float64Array,
  { resamples, seed }: Resampling,
): Float64Array {
  const random = new Random(seed, 'sign flips');
  const { pictures } = first;
  const both = stacked(first, second);
  // In the stacked table picture p of the first head is p, and of the second pictures + p.
  const [one, other] = [new Uint32Array(2 * pictures), new Uint32Array(2 * pictures)];
  const reached = new Float64Array(STATISTICS).fill(1);
  for (let round = 0; round < resamples; round++) {
    for (let p = 0; p < pictures; p++) {
      const kept = random.uint32() & 1;
      one[p] = other[pictures + p] = kept;
      other[p] = one[pictures + p] = 1 - kept;
    }
    const by = subtract(statistics(both, other), statistics(both, one));
    for (let i = 0; i < STATISTICS; i++) if (Math.abs(by[i]!) >= Math.abs(difference[i]!) - SAME) reached[i]!++;
  }
  return reached.map((count) => count / (resamples + 1));
}

/** Both tables as one, the pictures of the second after those of the first. */
function stacked(first: QueryTable, second: QueryTable): QueryTable {
  const firstCaption = new Uint32Array(2 * first.pictures + 1);
  firstCaption.set(first.firstCaption);
  for (let p = 1; p <= second.pictures; p++) {
    firstCaption[first.pictures + p] = first.captions + second.firstCaption[p]!;
  }
  const sums = new Float64Array(first.sums.length + second.sums.length);
  sums.set(first.sums);
  sums.set(second.sums, first.sums.length);
  return {
    pictures: 2 * first.pictures,
    captions: 2 * first.captions,
    firstCaption,
    sums,
    textRanks: merged(first.textRanks, second.textRanks, first.pictures),
    imageRanks: merged(first.imageRanks, second.imageRanks, first.pictures),
  };
}

function merged(a: SortedRanks, b: SortedRanks, shift: number): SortedRanks {
  const ranks = new Uint32Array(a.ranks.length + b.ranks.length);
  const owner = new Uint32Array(ranks.length);
  for (let at = 0, i = 0, j = 0; at < ranks.length; at++) {
    const fromA = j === b.ranks.length || (i < a.ranks.length && a.ranks[i]! <= b.ranks[j]!);
    ranks[at] = fromA ? a.ranks[i]! : b.ranks[j]!;
    owner[at] = fromA ? a.owner[i++]! : b.owner[j++]! + shift;
  }
  return { ranks, owner };
}

function subtract(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]!);
}
