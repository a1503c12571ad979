import { signal } from '@preact/signals';
import { ApiFault } from '../api-error.ts';
import { t } from '../i18n/translate.ts';
import { faultOf } from '../transport.ts';
import { bytesOf, type MapSource } from './map.ts';
import { addressOf } from './server.ts';
import { watchedFetch } from './slow-answers.ts';

/** The parts of a report (`npm run report`) that the page shows itself; the file has more. */
export interface TrainingReport {
  readonly title: string;
  /** The split the head was judged on. */
  readonly split: string;
  /** Those of the split first, then a few of the others. */
  readonly pictures: readonly TrainingPicture[];
  /** How many of them are of the split. */
  readonly evaluated: number;
  /** Unit vectors of the split's pictures as signed bytes in base64. */
  readonly vectors: { readonly dimension: number; readonly images: string };
  readonly runs: readonly { readonly space: string }[];
}

export interface TrainingPicture {
  readonly image: string;
  readonly split: string;
  /** A small WebP in base64; null when the picture could not be read. */
  readonly thumbnail: string | null;
  readonly captions: readonly string[];
  /** Cosine of each caption and the picture. */
  readonly scores: readonly number[];
  /** Null outside the split. */
  readonly found: {
    /** Rank of the picture when each of its captions is the query. */
    readonly pictureRanks: readonly number[];
    /** Rank of each of its captions when the picture is the query. */
    readonly captionRanks: readonly number[];
    /** Best captions for the picture: number of the picture they belong to, of the caption there, cosine. */
    readonly topCaptions: readonly (readonly [number, number, number])[];
  } | null;
}

export const report = signal<TrainingReport | null>(null);
export const reportFault = signal<unknown>(null);

/** The data as the report writes it: JSON without a `<`. */
const dataBlock = /<script type="application\/json" id="data">([^<]*)<\/script>/;

/** Takes the data out of the report's document; nothing in it is parsed as a document, applied or run. */
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
    // The same fault: it is no report.
  }
  throw new ApiFault('unexpected-answer', t('fault.report'));
}

/** Rank of the best of its captions with the picture as the query; null outside the split. */
export function bestRank({ found }: TrainingPicture): number | null {
  return found === null ? null : Math.min(...found.captionRanks);
}

export function thumbnailOf({ thumbnail }: TrainingPicture): string | undefined {
  return thumbnail === null ? undefined : `data:image/webp;base64,${thumbnail}`;
}

/** The pictures of the split as a map. */
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
