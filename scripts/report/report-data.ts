import { basename } from 'node:path';
import { type HeadFile, headBytes } from '../../core/encode/head-file.ts';
import type { PairSet } from '../../training/features/extract.ts';
import type { EvaluatedHead } from '../../training/metrics/evaluate-head.ts';
import { decimals, ownerOf } from '../../training/metrics/query-lines.ts';
import type { Figures } from '../../training/metrics/retrieval-metrics.ts';
import type { Interval } from '../../training/metrics/significance.ts';
import type { EpochFigures } from '../../training/trainer/trainer.ts';
import type { Answer, FoundCaptions, TrainingPicture, TrainingReport } from '../../web/state/training.ts';
import type { SideFigures, SideReport } from '../card/markdown.ts';
import { PUBLISHED, type Published } from './published.ts';

/** The data of a report, as plain JSON. */

export interface ReportData extends TrainingReport {
  readonly dataset: string;
  /** Heads measured on this split; the report is about the first. */
  readonly runs: readonly Run[];
  readonly published: readonly Published[];
  readonly pictures: readonly ReportPicture[];
  /** Vectors of the split, for the similarity matrix. */
  readonly vectors: PackedVectors;
}

export interface Run {
  /** Name of the folder without its path, since reports are shared. */
  readonly name: string;
  readonly recipe: string;
  readonly profile: string;
  readonly encoders: { readonly text: string; readonly image: string };
  readonly dimension: number;
  readonly space: string;
  readonly bytes: number;
  readonly curves: readonly EpochFigures[];
  /** The epoch of the head; null if its file does not say. */
  readonly epoch: number | null;
  /** Epochs after which training was interrupted and resumed. */
  readonly resumedAfter: readonly number[];
  readonly trainedOn: { readonly pictures: number; readonly captions: number } | null;
  readonly figures: Figures;
  readonly interval: Interval;
  /** What was found when its text sides were trained, by the language of the captions. */
  readonly languages: readonly LanguageFigures[];
}

export interface LanguageFigures extends SideFigures {
  /** Name of the text encoder of this side. */
  readonly encoder: string;
  readonly lang: string;
  /** Whether a twin was judged, because the side itself has seen these pictures. */
  readonly byTwin: boolean;
}

export interface ReportPicture extends TrainingPicture {
  readonly found: FoundPicture | null;
}

export interface FoundPicture extends FoundCaptions {
  /** Best pictures for each of its captions, as answers with -1 for the caption. */
  readonly topPictures: readonly (readonly Answer[])[];
}

/**
 * Unit vectors as int8, base64: component = byte / 127. For display; every rank is computed from the vectors
 * themselves.
 */
export interface PackedVectors {
  readonly dimension: number;
  readonly images: string;
  /** Vector of the first caption of each picture. */
  readonly texts: string;
}

export interface ReportParts {
  readonly dataset: string;
  readonly split: string;
  readonly heads: readonly EvaluatedHead[];
  readonly pictures: PairSet['pictures'];
  /** Other pictures with the cosines of their captions. */
  readonly others: readonly { readonly picture: PairSet['pictures'][number]; readonly scores: readonly number[] }[];
  /** By name of the picture. */
  readonly thumbnails: ReadonlyMap<string, string>;
}

export function reportData({ dataset, split, heads, pictures, others, thumbnails }: ReportParts): ReportData {
  const [head] = heads;
  if (head === undefined) throw new Error('expected at least one head');
  const shown = pictures.map(
    ({ image, captions }, p): ReportPicture => ({
      image,
      split,
      captions,
      thumbnail: thumbnails.get(image) ?? null,
      scores: ownCaptions(head, p).map((c) => decimals(head.ranking.ownScore[c]!)),
      found: foundPicture(head, p),
    }),
  );
  const further = others.map(
    ({ picture, scores }): ReportPicture => ({
      image: picture.image,
      split: picture.split,
      captions: picture.captions,
      thumbnail: thumbnails.get(picture.image) ?? null,
      scores: scores.map(decimals),
      found: null,
    }),
  );
  return {
    title: `${head.info.name} on ${dataset}, ${split}`,
    dataset,
    split,
    published: PUBLISHED,
    evaluated: shown.length,
    runs: heads.map(runOf),
    pictures: [...shown, ...further],
    vectors: packVectors(head),
  };
}

function ownCaptions({ ranking }: EvaluatedHead, p: number): number[] {
  const first = ranking.firstCaption[p]!;
  return Array.from({ length: ranking.firstCaption[p + 1]! - first }, (_, i) => first + i);
}

function foundPicture(head: EvaluatedHead, p: number): FoundPicture {
  const { ranking } = head;
  const own = ownCaptions(head, p);
  const captionAnswer = ({ answer, score }: { answer: number; score: number }): Answer => {
    const owner = ownerOf(ranking.firstCaption, answer);
    return [owner, answer - ranking.firstCaption[owner]!, decimals(score)];
  };
  return {
    pictureRanks: own.map((c) => ranking.pictureRank[c]!),
    captionRanks: own.map((c) => ranking.captionRank[c]!),
    topCaptions: ranking.topCaptions.of(p).map(captionAnswer),
    topPictures: own.map((c) =>
      ranking.topPictures.of(c).map(({ answer, score }): Answer => [answer, -1, decimals(score)]),
    ),
  };
}

function runOf({ folder, info, figures, interval }: EvaluatedHead): Run {
  const { training } = info;
  return {
    name: basename(folder),
    recipe: info.recipe,
    profile: info.profile,
    dimension: info.dimension,
    space: info.space,
    encoders: { text: info.texts[0]!.encoder, image: info.image.encoder },
    bytes: headBytes(info),
    ...trainingOf(training),
    figures,
    interval,
    languages: info.texts.flatMap(({ encoder, training }) => {
      const { validation = {}, withValidation = false } = training as Partial<SideReport>;
      return Object.entries(validation).map(([lang, own]) => ({ encoder, lang, byTwin: withValidation, ...own }));
    }),
  };
}

/** The training record in head.json; heads from elsewhere may have none. */
function trainingOf(training: HeadFile['training']): Pick<Run, 'curves' | 'epoch' | 'resumedAfter' | 'trainedOn'> {
  const list = <T>(value: unknown) => (Array.isArray(value) ? (value as T[]) : []);
  return {
    curves: list<EpochFigures>(training.curves),
    epoch: typeof training.epoch === 'number' ? training.epoch : null,
    resumedAfter: list<number>(training.resumedAfter),
    trainedOn: (training.pairs as Run['trainedOn'] | undefined) ?? null,
  };
}

function packVectors({ vectors, ranking }: EvaluatedHead): PackedVectors {
  const { dimension, images, texts } = vectors;
  const pack = (values: Float32Array) =>
    Buffer.from(Int8Array.from(values, (value) => Math.round(value * 127)).buffer).toString('base64');
  const firsts = new Float32Array(images.length);
  for (let p = 0; p < images.length / dimension; p++) {
    const from = ranking.firstCaption[p]! * dimension;
    firsts.set(texts.subarray(from, from + dimension), p * dimension);
  }
  return { dimension, images: pack(images), texts: pack(firsts) };
}
