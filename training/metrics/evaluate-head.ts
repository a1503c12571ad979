import type { Encoders } from '../../core/encode/encoders.ts';
import { type HeadInputs, loadHead } from '../../core/encode/head.ts';
import type { HeadFile } from '../../core/encode/head-file.ts';
import { type Projection, sharedSpace, sharedSpaceId } from '../../core/encode/identity-head.ts';
import type { EncodedPairs } from '../features/extract.ts';
import { embedPairs } from './embed-pairs.ts';
import { type Figures, figuresOf, type QueryTable, queryTable } from './metrics.ts';
import { type EmbeddedPairs, type Ranking, rankPairs } from './ranking.ts';
import { type Interval, interval, type Resampling } from './significance.ts';

/** A space, judged on the pictures and captions of one split. */
export interface EvaluatedSpace {
  /** Where head.json is; `none` for encoders that share a space. */
  readonly folder: string;
  readonly info: Pick<HeadFile, 'name' | 'recipe' | 'space'>;
  readonly vectors: EmbeddedPairs;
  readonly ranking: Ranking;
  readonly table: QueryTable;
  readonly figures: Figures;
  readonly interval: Interval;
}

/** That of a head as serving loads it. */
export interface EvaluatedHead extends EvaluatedSpace {
  readonly info: HeadFile;
}

export interface EvaluationOptions {
  readonly resampling: Resampling;
  /** Best answers kept a query. @default 0 */
  readonly top?: number;
  /** Threads inside one operator. @default os.availableParallelism() */
  readonly threads?: number;
}

/** Loads, projects, ranks and resamples. Throws `model-mismatch` for a head of other encoders or with altered files. */
export async function evaluateHead(
  folder: string,
  encoders: HeadInputs,
  pairs: EncodedPairs,
  options: EvaluationOptions,
): Promise<EvaluatedHead> {
  const head = await loadHead(folder, encoders);
  try {
    return { folder, info: head.info, ...(await judge(head, pairs, options)) };
  } finally {
    await head.close();
  }
}

/** The same for encoders whose own vectors are the space. Throws `invalid-config` when they share none. */
export async function evaluateSharedSpace(
  { profile, text, image }: Encoders,
  pairs: EncodedPairs,
  options: EvaluationOptions,
): Promise<EvaluatedSpace> {
  const projection = sharedSpace(profile);
  const space = sharedSpaceId({ text: text.fingerprint, image: image.fingerprint });
  const info = { name: 'none', recipe: `encoders of ${profile.text.sharedSpace}`, space };
  return { folder: 'none', info, ...(await judge(projection, pairs, options)) };
}

async function judge(head: Projection, pairs: EncodedPairs, { resampling, top, threads }: EvaluationOptions) {
  const vectors = await embedPairs(head, pairs);
  const ranking = await rankPairs(vectors, { top, threads });
  const table = queryTable(ranking);
  return { vectors, ranking, table, figures: figuresOf(table), interval: interval(table, resampling) };
}
