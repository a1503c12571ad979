import type { Encoders } from '../../core/encode/encoder-pair.ts';
import { type HeadInputs, loadHead } from '../../core/encode/head.ts';
import type { HeadFile } from '../../core/encode/head-file.ts';
import { type Projection, sharedSpace, sharedSpaceId } from '../../core/encode/shared-space.ts';
import { closing } from '../../core/util/async-disposable.ts';
import type { PairSet } from '../features/extract.ts';
import { embedImages, embedPairs } from './embed-pairs.ts';
import { type EmbeddedPairs, type Ranking, rankPairs } from './ranking.ts';
import { type Figures, figuresOf, type QueryTable, queryTable } from './retrieval-metrics.ts';
import { type Interval, interval, type Resampling } from './significance.ts';

/** In place of a head's folder, for encoders that share a space. */
export const NO_HEAD = 'none';

/** A space, evaluated on one split. */
export interface EvaluatedSpace {
  /** Location of head.json, or {@link NO_HEAD}. */
  readonly folder: string;
  readonly info: Pick<HeadFile, 'name' | 'recipe' | 'space'>;
  readonly vectors: EmbeddedPairs;
  readonly ranking: Ranking;
  readonly table: QueryTable;
  readonly figures: Figures;
  readonly interval: Interval;
}

/** The space of a head, loaded as in serving. */
export interface EvaluatedHead extends EvaluatedSpace {
  readonly info: HeadFile;
}

export interface EvaluationOptions {
  readonly resampling: Resampling;
  /** Best results to keep per query. @default 0 */
  readonly top?: number;
  /** All pictures to search, if some have no captions here. @default those with captions */
  readonly among?: PairSet;
  /** Threads inside one operator. @default os.availableParallelism() */
  readonly threads?: number;
}

/**
 * Loads, projects, ranks and resamples.
 * @throws {model-mismatch} for a head of other encoders or with altered files
 */
export async function evaluateHead(
  folder: string,
  encoders: HeadInputs,
  pairs: PairSet,
  options: EvaluationOptions,
): Promise<EvaluatedHead> {
  await using head = closing(await loadHead(folder, encoders));
  return { folder, info: head.info, ...(await judge(head, pairs, options)) };
}

/**
 * The same for encoders that share a space without a head.
 * @throws {invalid-config} if they do not share one
 */
export async function evaluateSharedSpace(
  { profile, text, image }: Encoders,
  pairs: PairSet,
  options: EvaluationOptions,
): Promise<EvaluatedSpace> {
  const projection = sharedSpace(profile);
  const space = sharedSpaceId({ text: text.fingerprint, image: image.fingerprint });
  const info = { name: NO_HEAD, recipe: `encoders of ${profile.text.sharedSpace}`, space };
  return { folder: NO_HEAD, info, ...(await judge(projection, pairs, options)) };
}

async function judge(head: Projection, pairs: PairSet, { resampling, top, threads, among }: EvaluationOptions) {
  const embedded = await embedPairs(head, pairs);
  const vectors = among === undefined ? embedded : await withOthers(head, embedded, pairs, among);
  const ranking = await rankPairs(vectors, { top, threads });
  const table = queryTable(ranking);
  return { vectors, ranking, table, figures: figuresOf(table), interval: interval(table, resampling) };
}

/** Appends the vectors of pictures without captions. */
async function withOthers(
  head: Projection,
  embedded: EmbeddedPairs,
  { pictures }: PairSet,
  among: PairSet,
): Promise<EmbeddedPairs> {
  const captioned = new Set(pictures.map(({ image }) => image));
  const rows = among.pictures.flatMap(({ image }, row) => (captioned.has(image) ? [] : [row]));
  const images = new Float32Array(embedded.images.length + rows.length * embedded.dimension);
  images.set(embedded.images);
  images.set(await embedImages(head, among, rows), embedded.images.length);
  return { ...embedded, images };
}
