import type { CaptionAnswer, PictureAnswer } from '../../training/metrics/query-lines.ts';
import type { ReportData } from './report-data.ts';

/** The pictures of a report for other programs; the schema is in docs/evaluation.md. */

export interface PictureLine {
  readonly image: string;
  readonly split: string;
  readonly captions: readonly CaptionLine[];
  /** Rank of its best caption, with the picture as the query; null outside the evaluated split. */
  readonly rank: number | null;
  /** Captions that it finds, best first; empty outside the evaluated split. */
  readonly top: readonly Omit<CaptionAnswer, 'caption'>[];
}

export interface CaptionLine {
  readonly text: string;
  /** Cosine of caption and picture. */
  readonly score: number;
  /** Rank of the picture, with the caption as the query; null outside the evaluated split. */
  readonly rank: number | null;
  /** Pictures that it finds, best first. */
  readonly top: readonly PictureAnswer[];
}

/** One line per picture, in the order of the report. */
export function* pictureLines({ pictures }: ReportData): Generator<PictureLine> {
  for (const [p, { image, split, captions, scores, found }] of pictures.entries()) {
    yield {
      image,
      split,
      captions: captions.map((text, i) => ({
        text,
        score: scores[i]!,
        rank: found?.pictureRanks[i] ?? null,
        top: (found?.topPictures[i] ?? []).map(([answer, , score]) => ({
          image: pictures[answer]!.image,
          score,
          right: answer === p,
        })),
      })),
      rank: found === null ? null : Math.min(...found.captionRanks),
      top: (found?.topCaptions ?? []).map(([owner, caption, score]) => ({
        image: pictures[owner]!.image,
        text: pictures[owner]!.captions[caption]!,
        score,
        right: owner === p,
      })),
    };
  }
}
