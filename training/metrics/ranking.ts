import { dot } from '../../core/util/vector-arithmetic.ts';
import { type ScoreOptions, scoreBlocks } from './score-blocks.ts';
import { TopLists } from './top-lists.ts';

/** Ranks of right results; docs/evaluation.md defines which are right and how ties count. */

/** Vectors of one split, of unit length. */
export interface EmbeddedPairs {
  /** [captions, dimension] */
  readonly texts: Float32Array;
  /** [pictures, dimension] */
  readonly images: Float32Array;
  /** Captions of picture p are rows firstCaption[p] to firstCaption[p + 1] - 1. */
  readonly firstCaption: Uint32Array;
  readonly dimension: number;
}

export interface Ranking {
  readonly firstCaption: Uint32Array;
  /** [captions] Rank, from 1, of the caption's own picture among all pictures, with the caption as the query. */
  readonly pictureRank: Uint32Array;
  /** [captions] Rank, from 1, of the caption among all captions, with its own picture as the query. */
  readonly captionRank: Uint32Array;
  /** [captions] Cosine of the caption and its own picture. */
  readonly ownScore: Float64Array;
  /** Best pictures of each caption. */
  readonly topPictures: TopLists;
  /** Best captions of each picture. */
  readonly topCaptions: TopLists;
}

export interface RankingOptions extends ScoreOptions {
  /** Best results to keep per query. @default 0 */
  readonly top?: number;
}

/** Scores closer than this count as equal: float32 sums in another order differ by less. */
const TIE = 1e-6;

/**
 * Ranks of all right results in both directions. On equal scores, a wrong result is ranked before a right one. Memory
 * grows with captions plus pictures, never with their product.
 */
export async function rankPairs(pairs: EmbeddedPairs, options: RankingOptions = {}): Promise<Ranking> {
  const { texts, images, firstCaption, dimension } = pairs;
  const [captions, pictures] = [texts.length / dimension, images.length / dimension];
  const row = (matrix: Float32Array, i: number) => matrix.subarray(i * dimension, (i + 1) * dimension);
  const owner = ownersOf(firstCaption);
  const ownScore = Float64Array.from(owner, (picture, caption) => dot(row(texts, caption), row(images, picture)));
  // Wrong results count from here.
  const limit = ownScore.map((score) => score - TIE);
  const levels = new Levels(firstCaption, limit);
  const pictureRank = new Uint32Array(captions).fill(1);
  const topPictures = new TopLists(captions, options.top ?? 0);
  const topCaptions = new TopLists(pictures, options.top ?? 0);
  const [{ floors: pictureFloors }, { floors: captionFloors }, { lowest }] = [topPictures, topCaptions, levels];
  for await (const { c0, c1, p0, p1, scores } of scoreBlocks(texts, images, dimension, options)) {
    for (let c = c0, i = 0; c < c1; c++) {
      const [mine, own] = [owner[c]!, limit[c]!];
      let before = 0;
      for (let p = p0; p < p1; p++, i++) {
        const wrong = p !== mine;
        const score = wrong ? scores[i]! : own;
        if (score > pictureFloors[c]!) topPictures.insert(c, p, score);
        if (score > captionFloors[p]!) topCaptions.insert(p, c, score);
        if (score >= own && wrong) before++;
        if (score >= lowest[p]! && wrong) levels.count(p, score);
      }
      pictureRank[c]! += before;
    }
  }
  return { firstCaption, pictureRank, captionRank: levels.ranks(), ownScore, topPictures, topCaptions };
}

/** The picture of each caption. */
export function ownersOf(firstCaption: Uint32Array): Uint32Array {
  const owner = new Uint32Array(firstCaption.at(-1)!);
  for (let p = 0; p < firstCaption.length - 1; p++) owner.fill(p, firstCaption[p]!, firstCaption[p + 1]!);
  return owner;
}

/** Counts the wrong captions ranked before each right caption of a picture. */
class Levels {
  /** [pictures] The lowest score that ranks a wrong caption before at least one right caption. */
  readonly lowest: Float64Array;
  readonly #firstCaption: Uint32Array;
  /** [captions] The right captions of each picture, best first, and the lowest score that is ranked before them. */
  readonly #order: Uint32Array;
  readonly #limit: Float64Array;
  /** [captions] Wrong captions ranked before this right one, but not before the next better one. */
  readonly #ahead: Uint32Array;

  constructor(firstCaption: Uint32Array, limit: Float64Array) {
    const captions = limit.length;
    this.#firstCaption = firstCaption;
    this.#order = Uint32Array.from({ length: captions }, (_, caption) => caption);
    for (let p = 0; p < firstCaption.length - 1; p++) {
      this.#order.subarray(firstCaption[p], firstCaption[p + 1]).sort((a, b) => limit[b]! - limit[a]! || a - b);
    }
    this.#limit = Float64Array.from(this.#order, (caption) => limit[caption]!);
    this.#ahead = new Uint32Array(captions);
    this.lowest = Float64Array.from(
      { length: firstCaption.length - 1 },
      (_, p) => this.#limit[firstCaption[p + 1]! - 1]!,
    );
  }

  /** Call it only with a score of at least `lowest`. */
  count(picture: number, score: number): void {
    let at = this.#firstCaption[picture + 1]! - 1;
    while (at > this.#firstCaption[picture]! && score >= this.#limit[at - 1]!) at--;
    this.#ahead[at]!++;
  }

  ranks(): Uint32Array {
    const ranks = new Uint32Array(this.#order.length);
    for (let p = 0; p < this.#firstCaption.length - 1; p++) {
      const first = this.#firstCaption[p]!;
      for (let at = first, wrong = 0; at < this.#firstCaption[p + 1]!; at++) {
        wrong += this.#ahead[at]!;
        ranks[this.#order[at]!] = at - first + 1 + wrong;
      }
    }
    return ranks;
  }
}
