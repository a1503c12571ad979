import { signal } from '@preact/signals';
import { ApiFault } from '../api-error.ts';
import { t } from '../i18n/translate.ts';
import { faultOf } from '../transport.ts';
import { bytesOf, type MapSource } from './map.ts';
import { addressOf } from './server-urls.ts';
import { watchedFetch } from './slow-answers.ts';

/** The parts of a report (`npm run report`) that the page shows; the file has more. */
export interface TrainingReport {
  /** Such as "head-compact on flickr8k, val". */
  readonly title: string;
  /** The split the head was evaluated on. */
  readonly split: string;
  /** Pictures of that split first, then a few others. */
  readonly pictures: readonly TrainingPicture[];
  /** Number of pictures in the split. */
  readonly evaluated: number;
  /** Unit vectors of the split's pictures as signed bytes, in base64. */
  readonly vectors: { readonly dimension: number; readonly images: string };
  readonly runs: readonly { readonly space: string }[];
}

export interface TrainingPicture {
  readonly image: string;
  readonly split: string;
  /** Thumbnail as WebP in base64; null if the picture could not be read. */
  readonly thumbnail: string | null;
  readonly captions: readonly string[];
  /** Cosine of each caption with the picture. */
  readonly scores: readonly number[];
  /** Null outside the split. */
  readonly found: FoundCaptions | null;
}

/** An answer: index of the picture, index of the caption there, cosine. */
export type Answer = readonly [picture: number, caption: number, score: number];

export interface FoundCaptions {
  /** Rank of the picture for each of its captions as the query. */
  readonly pictureRanks: readonly number[];
  /** Rank of each caption with the picture as the query. */
  readonly captionRanks: readonly number[];
  /** Best captions for the picture. */
  readonly topCaptions: readonly Answer[];
}

export const report = signal<TrainingReport | null>(null);
export const reportFault = signal<unknown>(null);

/** The report's embedded data: JSON without `<`. */
const dataBlock = /<script type="application\/json" id="data">([^<]*)<\/script>/;

/** Extracts the data from a report file without parsing it as HTML or running anything in it. */
export async function loadReport(abort: AbortSignal): Promise<void> {
  reportFault.value = null;
  try {
    const response = await watchedFetch(addressOf('report'), { signal: abort });
    if (!response.ok) throw faultOf(response, undefined);
    report.value = asReport(dataBlock.exec(await response.text())?.[1] ?? '');
  } catch (error) {
    if (abort.aborted) return;
    reportFault.value =
      error instanceof TypeError ? new ApiFault('unreachable', 'the server does not answer', { cause: error }) : error;
  }
}

function asReport(text: string): TrainingReport {
  try {
    const data = JSON.parse(text) as TrainingReport;
    if (Array.isArray(data.pictures) && typeof data.vectors.images === 'string') return data;
  } catch {
    // The same error: the file is not a report.
  }
  throw new ApiFault('unexpected-answer', t('fault.report'));
}

/** Rank of its best caption with the picture as the query; null outside the split. */
export function bestRank({ found }: TrainingPicture): number | null {
  return found === null ? null : Math.min(...found.captionRanks);
}

export function thumbnailOf({ thumbnail }: TrainingPicture): string | undefined {
  return thumbnail === null ? undefined : `data:image/webp;base64,${thumbnail}`;
}

/** A map of the pictures in the split. */
export function trainingMap(shown: TrainingReport): MapSource {
  const pictures = shown.pictures.slice(0, shown.evaluated);
  const byName = new Map(pictures.map((picture) => [picture.image, picture]));
  const items = pictures.map(({ image }) => ({
    id: image,
    kind: 'image' as const,
    label: image,
    width: null,
    height: null,
  }));
  return {
    name: 'sightline-training-map',
    download: async () => ({
      space: `${shown.runs[0]?.space} ${shown.title}`,
      dimension: shown.vectors.dimension,
      items,
      bytes: bytesOf([shown.vectors.images]),
    }),
    thumbnail: ({ id }) => thumbnailOf(byName.get(id)!) ?? '',
  };
}
