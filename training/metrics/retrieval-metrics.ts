import { type EmbeddedPairs, ownersOf, type Ranking, rankPairs } from './ranking.ts';
import type { ScoreOptions } from './score-blocks.ts';

/** How well texts find their pictures and pictures their texts; the convention is in docs/evaluation.md. */

export type { EmbeddedPairs };

export const CUTOFFS = [1, 5, 10] as const;

export type AtCutoffs = Readonly<Record<(typeof CUTOFFS)[number], number>>;

/** Metrics of one direction, in percent except the median rank. */
export interface DirectionValues {
  /** Share of queries with a right result among the first k. */
  readonly recall: AtCutoffs;
  readonly medianRank: number;
  /** Share of right results among the first k. */
  readonly precision: AtCutoffs;
  /** Normalised discounted cumulative gain of the first k, gain 1 (Järvelin and Kekäläinen 2002). */
  readonly ndcg: AtCutoffs;
  /** Mean of 1 over the rank of the first right result. */
  readonly meanReciprocalRank: number;
  /** Mean over queries of the mean, over right results, of the precision at their rank. */
  readonly meanAveragePrecision: number;
}

export interface Values {
  readonly textToImage: DirectionValues;
  readonly imageToText: DirectionValues;
  /** Sum of the six recalls, 0 to 600. */
  readonly recallSum: number;
}

export interface Figures extends Values {
  readonly textToImage: DirectionValues & { readonly queries: number };
  readonly imageToText: DirectionValues & { readonly queries: number };
}

/** Means of a query: recall, precision and ndcg at the cutoffs, reciprocal rank, average precision. */
const MEANS = 3 * CUTOFFS.length + 2;
/** A vector of statistics: means and median of texts, means and median of pictures, sum of recalls. */
export const STATISTICS = 2 * (MEANS + 1) + 1;

/** The queries of each picture, which are resampled together. */
export interface QueryTable {
  readonly pictures: number;
  readonly captions: number;
  readonly firstCaption: Uint32Array;
  /** [pictures, 2 * MEANS] Sums over the caption queries of a picture, then those of the picture as a query. */
  readonly sums: Float64Array;
  /** Ranks in ascending order, and the picture that each belongs to. */
  readonly textRanks: SortedRanks;
  readonly imageRanks: SortedRanks;
}

export interface SortedRanks {
  readonly ranks: Uint32Array;
  readonly owner: Uint32Array;
}

/** The metrics of a split. */
export async function evaluate(pairs: EmbeddedPairs, options: ScoreOptions = {}): Promise<Figures> {
  return figuresOf(queryTable(await rankPairs(pairs, options)));
}

export function queryTable({
  firstCaption,
  pictureRank,
  captionRank,
}: Pick<Ranking, 'firstCaption' | 'pictureRank' | 'captionRank'>): QueryTable {
  const pictures = firstCaption.length - 1;
  const sums = new Float64Array(pictures * 2 * MEANS);
  const best = new Uint32Array(pictures);
  for (let p = 0; p < pictures; p++) {
    const [first, end] = [firstCaption[p]!, firstCaption[p + 1]!];
    const own = sums.subarray(p * 2 * MEANS, (p + 1) * 2 * MEANS);
    for (let c = first; c < end; c++) addMeans(own, 0, pictureRank.subarray(c, c + 1));
    const ranks = captionRank.slice(first, end).sort();
    addMeans(own, MEANS, ranks);
    best[p] = ranks[0]!;
  }
  const sorted = (ranks: Uint32Array, owner: Uint32Array): SortedRanks => {
    const order = Uint32Array.from(ranks, (_, i) => i).sort((a, b) => ranks[a]! - ranks[b]! || a - b);
    return { ranks: order.map((i) => ranks[i]!), owner: order.map((i) => owner[i]!) };
  };
  return {
    pictures,
    captions: pictureRank.length,
    firstCaption,
    sums,
    textRanks: sorted(pictureRank, ownersOf(firstCaption)),
    imageRanks: sorted(
      best,
      best.map((_, p) => p),
    ),
  };
}

/** Adds the contribution of a query with right results at these ranks, ascending. */
function addMeans(sums: Float64Array, at: number, ranks: Uint32Array): void {
  for (const [i, k] of CUTOFFS.entries()) {
    let [hits, gain, ideal] = [0, 0, 0];
    for (const [j, rank] of ranks.entries()) {
      if (rank <= k) {
        hits++;
        gain += 1 / Math.log2(1 + rank);
      }
      if (j < k) ideal += 1 / Math.log2(2 + j);
    }
    sums[at + i]! += hits > 0 ? 1 : 0;
    sums[at + CUTOFFS.length + i]! += hits / k;
    sums[at + 2 * CUTOFFS.length + i]! += gain / ideal;
  }
  const precision = ranks.reduce((sum, rank, j) => sum + (j + 1) / rank, 0);
  sums[at + MEANS - 2]! += 1 / ranks[0]!;
  sums[at + MEANS - 1]! += precision / ranks.length;
}

/**
 * The statistics of a table in which picture p occurs weights[p] times.
 * @param weights whole numbers, [pictures]
 */
export function statistics(table: QueryTable, weights: Uint32Array): Float64Array {
  const { pictures, sums, firstCaption } = table;
  const totals = new Float64Array(2 * MEANS);
  let [texts, images] = [0, 0];
  for (let p = 0; p < pictures; p++) {
    const weight = weights[p]!;
    if (weight === 0) continue;
    images += weight;
    texts += weight * (firstCaption[p + 1]! - firstCaption[p]!);
    for (let i = 0, from = p * 2 * MEANS; i < totals.length; i++, from++) totals[i]! += weight * sums[from]!;
  }
  const all = new Float64Array(STATISTICS);
  for (let i = 0; i < MEANS; i++) {
    all[i] = (100 * totals[i]!) / texts;
    all[MEANS + 1 + i] = (100 * totals[MEANS + i]!) / images;
  }
  all[MEANS] = weightedMedian(table.textRanks, texts, weights);
  all[2 * MEANS + 1] = weightedMedian(table.imageRanks, images, weights);
  all[STATISTICS - 1] = recallSum(all);
  return all;
}

function recallSum(all: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < CUTOFFS.length; i++) sum += all[i]! + all[MEANS + 1 + i]!;
  return sum;
}

/** The weighted median rank; the mean of the two middle ones for an even number. */
function weightedMedian({ ranks, owner }: SortedRanks, total: number, weights: Uint32Array): number {
  const [lower, upper] = [Math.floor((total - 1) / 2), Math.ceil((total - 1) / 2)];
  let [seen, low] = [0, -1];
  for (let i = 0; i < ranks.length; i++) {
    seen += weights[owner[i]!]!;
    if (low === -1 && seen > lower) low = ranks[i]!;
    if (seen > upper) return (low + ranks[i]!) / 2;
  }
  return Number.NaN;
}

export function figuresOf(table: QueryTable): Figures {
  const values = toValues(statistics(table, new Uint32Array(table.pictures).fill(1)));
  return {
    textToImage: { queries: table.captions, ...values.textToImage },
    imageToText: { queries: table.pictures, ...values.imageToText },
    recallSum: values.recallSum,
  };
}

/** Statistics by name. */
export function toValues(all: Float64Array): Values {
  return {
    textToImage: directionValues(all.subarray(0, MEANS + 1)),
    imageToText: directionValues(all.subarray(MEANS + 1)),
    recallSum: all[STATISTICS - 1]!,
  };
}

function directionValues(part: Float64Array): DirectionValues {
  const at = (from: number): AtCutoffs => ({ 1: part[from]!, 5: part[from + 1]!, 10: part[from + 2]! });
  return {
    recall: at(0),
    medianRank: part[MEANS]!,
    precision: at(CUTOFFS.length),
    ndcg: at(2 * CUTOFFS.length),
    meanReciprocalRank: part[MEANS - 2]!,
    meanAveragePrecision: part[MEANS - 1]!,
  };
}
