import { type HeadFile, type HeadInputs, loadHead } from '../encode/head.ts';
import { type EncodedPairs, embedPairs } from './embed-pairs.ts';
import { type Figures, figuresOf, type QueryTable, queryTable } from './metrics.ts';
import { type EmbeddedPairs, type Ranking, rankPairs } from './ranking.ts';
import { type Interval, interval, type Resampling } from './significance.ts';

/** A head as serving loads it, judged on the pictures and captions of one split. */
export interface EvaluatedHead {
  readonly folder: string;
  readonly info: HeadFile;
  readonly vectors: EmbeddedPairs;
  readonly ranking: Ranking;
  readonly table: QueryTable;
  readonly figures: Figures;
  readonly interval: Interval;
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
  { resampling, top, threads }: EvaluationOptions,
): Promise<EvaluatedHead> {
  const head = await loadHead(folder, encoders);
  try {
    const vectors = await embedPairs(head, pairs);
    const ranking = await rankPairs(vectors, { top, threads });
    const table = queryTable(ranking);
    const figures = figuresOf(table);
    return { folder, info: head.info, vectors, ranking, table, figures, interval: interval(table, resampling) };
  } finally {
    await head.close();
  }
}
