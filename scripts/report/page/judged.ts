import type { FoundPicture, ReportData, ReportPicture } from '../report-data.ts';

/** The report's data, and values that several parts of the page need. */

export const report = JSON.parse(document.getElementById('data')!.textContent!) as ReportData;

/** A picture of the evaluated split. */
export interface Judged {
  readonly index: number;
  readonly picture: ReportPicture;
  readonly found: FoundPicture;
  /** Rank of its best caption, with the picture as the query, from 1. */
  readonly rank: number;
}

/** A caption of the evaluated split. */
export interface JudgedCaption {
  readonly of: Judged;
  readonly caption: number;
  readonly text: string;
  /** Rank of its picture, with the caption as the query, from 1. */
  readonly rank: number;
  readonly score: number;
}

export const judged: readonly Judged[] = report.pictures.flatMap((picture, index) =>
  picture.found === null
    ? []
    : [{ index, picture, found: picture.found, rank: Math.min(...picture.found.captionRanks) }],
);

export const judgedCaptions: readonly JudgedCaption[] = judged.flatMap((of) =>
  of.picture.captions.map((text, caption) => ({
    of,
    caption,
    text,
    rank: of.found.pictureRanks[caption]!,
    score: of.picture.scores[caption]!,
  })),
);

/** Mean cosine of a picture and its captions. */
export function likeness({ scores }: ReportPicture): number {
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** Margin of the right answer over the best wrong one shown; negative if it is below. */
export function margin({ index, found, picture }: Judged): number {
  const own = Math.max(...picture.scores);
  const wrong = found.topCaptions.find(([owner]) => owner !== index);
  return wrong === undefined ? 1 : own - wrong[2];
}

/** The same for a caption among pictures. */
export function captionMargin({ of, caption, score }: JudgedCaption): number {
  const wrong = of.found.topPictures[caption]!.find(([answer]) => answer !== of.index);
  return wrong === undefined ? 1 : score - wrong[2];
}

/** Words of a search; one caption must contain them all. */
export function matcher(search: string): (picture: ReportPicture) => boolean {
  const matches = captionMatcher(search);
  return ({ captions, image }) => captions.some(matches) || (search.trim() !== '' && image.includes(search.trim()));
}

export function captionMatcher(search: string): (text: string) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}

/** Converts int8 vectors to floats of about unit length. */
export function unpack(packed: string): Float32Array {
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  return Float32Array.from(new Int8Array(bytes.buffer), (value) => value / 127);
}

export function percent(value: number): string {
  return value.toFixed(1);
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
