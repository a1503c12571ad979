import type { PairSet } from '../features/extract.ts';
import type { Ranking } from './ranking.ts';

/** The results of each query, for people and for other programs. */

export interface PictureAnswer {
  readonly image: string;
  /** Cosine, four decimals. */
  readonly score: number;
  readonly right: boolean;
}

export interface CaptionAnswer extends PictureAnswer {
  /** Index of the caption among those of its picture. */
  readonly caption: number;
  readonly text: string;
}

export type QueryLine =
  | {
      readonly direction: 'text-to-image';
      readonly image: string;
      readonly caption: number;
      readonly text: string;
      /** Rank of the caption's own picture, from 1. */
      readonly rank: number;
      readonly score: number;
      readonly top: readonly PictureAnswer[];
    }
  | {
      readonly direction: 'image-to-text';
      readonly image: string;
      /** Rank of the best of the picture's captions, from 1. */
      readonly rank: number;
      /** Ranks of the picture's captions, in their order. */
      readonly ranks: readonly number[];
      readonly top: readonly CaptionAnswer[];
    };

/** One line per query: all captions, then all pictures. */
export function* queryLines(pictures: PairSet['pictures'], ranking: Ranking): Generator<QueryLine> {
  for (const [p, { image, captions }] of pictures.entries()) {
    for (const [caption, text] of captions.entries()) {
      const c = ranking.firstCaption[p]! + caption;
      yield {
        direction: 'text-to-image',
        image,
        caption,
        text,
        rank: ranking.pictureRank[c]!,
        score: decimals(ranking.ownScore[c]!),
        top: topPictures(pictures, ranking, c),
      };
    }
  }
  for (const [p, { image }] of pictures.entries()) {
    const ranks = [...ranking.captionRank.subarray(ranking.firstCaption[p], ranking.firstCaption[p + 1])];
    const top = topCaptions(pictures, ranking, p);
    yield { direction: 'image-to-text', image, rank: Math.min(...ranks), ranks, top };
  }
}

/** The best pictures of caption c. */
function topPictures(pictures: PairSet['pictures'], ranking: Ranking, c: number): PictureAnswer[] {
  return ranking.topPictures.of(c).map(({ answer, score }) => ({
    image: pictures[answer]!.image,
    score: decimals(score),
    right: ownerOf(ranking.firstCaption, c) === answer,
  }));
}

/** The best captions of picture p. */
function topCaptions(pictures: PairSet['pictures'], ranking: Ranking, p: number): CaptionAnswer[] {
  return ranking.topCaptions.of(p).map(({ answer, score }) => {
    const owner = ownerOf(ranking.firstCaption, answer);
    const caption = answer - ranking.firstCaption[owner]!;
    const { image, captions } = pictures[owner]!;
    return { image, caption, text: captions[caption]!, score: decimals(score), right: owner === p };
  });
}

/** The picture of a caption, by binary search. */
export function ownerOf(firstCaption: Uint32Array, caption: number): number {
  let [low, high] = [0, firstCaption.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (firstCaption[middle]! <= caption) low = middle;
    else high = middle;
  }
  return low;
}

export function decimals(score: number): number {
  return Math.round(score * 1e4) / 1e4;
}
