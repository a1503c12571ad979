import { type Encoders, loadEncoders } from '../../core/encode/encoders.ts';
import { loadHead, loadHeadFile } from '../../core/encode/head.ts';
import type { CaptionedPicture, Dataset } from '../../core/train/dataset.ts';
import { embedPairs } from '../../core/train/embed-pairs.ts';
import { type EvaluatedHead, evaluateHead } from '../../core/train/evaluate-head.ts';
import { type FeatureOptions, loadFeatures, type PairSet } from '../../core/train/features.ts';
import { rankPairs } from '../../core/train/ranking.ts';
import type { Resampling } from '../../core/train/significance.ts';
import { FULL } from '../../core/train/views.ts';
import { UsageError } from '../../functions/cli.ts';
import { encodingProgress, PARALLEL_PICTURES, printWarnings } from '../training-options.ts';
import type { ReportParts } from './data.ts';

/** Answers shown a query. */
const TOP = 5;

export interface JudgeOptions extends Pick<FeatureOptions, 'modelDirs' | 'cache' | 'shared'> {
  readonly dataset: Dataset;
  readonly split: string;
  /** Pictures of other splits, to be shown without ranks. */
  readonly others: readonly CaptionedPicture[];
  readonly resampling: Resampling;
}

/** Judges heads on one split, each with the encoders that it was made for. The first one also scores the others. */
export async function judgeHeads(
  folders: readonly string[],
  { dataset, split, others, resampling, ...cache }: JudgeOptions,
): Promise<Pick<ReportParts, 'heads' | 'pictures' | 'others'>> {
  const heads: EvaluatedHead[] = [];
  let shown: Pick<ReportParts, 'pictures' | 'others'> = { pictures: [], others: [] };
  for (const folder of folders) {
    const { profile } = await loadHeadFile(folder);
    const encoders = await loadEncoders({ modelDirs: cache.modelDirs, profile });
    try {
      const only = dataset.pictures.filter((picture) => picture.split === split);
      const pairs = (await encode({ ...dataset, pictures: only }, encoders, cache)).get(split);
      if (pairs === undefined) throw new UsageError(`--split: expected one of ${splitsOf(dataset)}, got ${split}`);
      if (heads.length === 0) {
        const further = await encode({ ...dataset, pictures: others }, encoders, cache);
        shown = { pictures: pairs.pictures, others: await scoreOthers(folder, encoders, further) };
      }
      heads.push(await evaluateHead(folder, encoders, pairs, { resampling, top: TOP }));
    } finally {
      await encoders.close();
    }
  }
  return { heads, ...shown };
}

/** Encoded pictures by split; nothing for no pictures. */
async function encode(
  dataset: Dataset,
  encoders: Encoders,
  cache: Pick<FeatureOptions, 'modelDirs' | 'cache' | 'shared'>,
): Promise<ReadonlyMap<string, PairSet>> {
  if (dataset.pictures.length === 0) return new Map();
  const progress = encodingProgress();
  const { splits, warnings } = await loadFeatures(dataset, {
    ...{ ...cache, encoders, views: [FULL], parallel: PARALLEL_PICTURES },
    onProgress: progress.update,
  }).finally(progress.stop);
  printWarnings(warnings);
  return splits;
}

/** How near each picture is to its captions. */
async function scoreOthers(
  folder: string,
  encoders: Encoders,
  splits: ReadonlyMap<string, PairSet>,
): Promise<ReportParts['others']> {
  const head = await loadHead(folder, encoders);
  try {
    const scored: { picture: CaptionedPicture; scores: number[] }[] = [];
    for (const pairs of splits.values()) {
      const { ownScore } = await rankPairs(await embedPairs(head, pairs));
      for (const [p, picture] of pairs.pictures.entries()) {
        scored.push({ picture, scores: [...ownScore.subarray(pairs.firstCaption[p], pairs.firstCaption[p + 1])] });
      }
    }
    return scored;
  } finally {
    await head.close();
  }
}

function splitsOf({ pictures }: Dataset): string {
  return [...new Set(pictures.map(({ split }) => split))].join(', ');
}
