import { type Encoders, loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHead } from '../../core/encode/head.ts';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { closing } from '../../core/util/async-disposable.ts';
import type { CaptionedPicture, Dataset } from '../../training/datasets/dataset.ts';
import type { Features } from '../../training/features/extract.ts';
import { embedPairs } from '../../training/metrics/embed-pairs.ts';
import { type EvaluatedHead, evaluateHead } from '../../training/metrics/evaluate-head.ts';
import { rankPairs } from '../../training/metrics/ranking.ts';
import type { Resampling } from '../../training/metrics/significance.ts';
import { UsageError } from '../cli/command.ts';
import { type EncodingOptions, encodePictures } from '../cli/encode-pictures.ts';
import type { Location } from '../cli/location.ts';
import type { ReportParts } from './report-data.ts';

/** Answers shown per query. */
const TOP = 5;

export interface JudgeOptions extends Omit<EncodingOptions, 'encoders'> {
  readonly location: Location;
  readonly dataset: Dataset;
  readonly split: string;
  /** Pictures of other splits to show without ranks. */
  readonly others: readonly CaptionedPicture[];
  readonly resampling: Resampling;
}

/** Evaluates heads on one split, each with its own encoders. The first also scores the pictures of other splits. */
export async function judgeHeads(
  folders: readonly string[],
  { location, dataset, split, others, resampling, ...options }: JudgeOptions,
): Promise<Pick<ReportParts, 'heads' | 'pictures' | 'others'>> {
  const heads: EvaluatedHead[] = [];
  let shown: Pick<ReportParts, 'pictures' | 'others'> = { pictures: [], others: [] };
  for (const folder of folders) {
    const { profile } = await loadHeadFile(folder);
    await using encoders = closing(await loadEncoders({ modelDirs: options.modelDirs, profile }));
    const encode = (pictures: readonly CaptionedPicture[]) =>
      encodePictures(location, { ...dataset, pictures }, { ...options, encoders });

    const only = dataset.pictures.filter((picture) => picture.split === split);
    if (only.length === 0) throw new UsageError(`--split: expected one of ${splitsOf(dataset)}, got ${split}`);
    const encoded = await encode(only);
    const pairs = encoded.splits.get(split)!;
    if (heads.length === 0) {
      const further = others.length === 0 ? null : await encode(others);
      const scored = further === null ? [] : await scoreOthers(folder, encoders, further.splits);
      await further?.close();
      shown = { pictures: pairs.pictures, others: scored };
    }
    heads.push(await evaluateHead(folder, encoders, pairs, { resampling, top: TOP }));
    await encoded.close();
  }
  return { heads, ...shown };
}

/** Cosines of each picture and its captions. */
async function scoreOthers(
  folder: string,
  encoders: Encoders,
  splits: Features['splits'],
): Promise<ReportParts['others']> {
  await using head = closing(await loadHead(folder, encoders));
  const scored: { picture: CaptionedPicture; scores: number[] }[] = [];
  for (const pairs of splits.values()) {
    const { ownScore } = await rankPairs(await embedPairs(head, pairs));
    for (const [p, picture] of pairs.pictures.entries()) {
      scored.push({ picture, scores: [...ownScore.subarray(pairs.firstCaption[p], pairs.firstCaption[p + 1])] });
    }
  }
  return scored;
}

function splitsOf({ pictures }: Dataset): string {
  return [...new Set(pictures.map(({ split }) => split))].join(', ');
}
