// npm run evaluate -- --data PLACE [--split val] [--profile compact] [--head DIR] [--compare HEAD HEAD] [--queries FILE] [--json]
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadEncoders } from '../core/encode/encoders.ts';
import { SightlineError } from '../core/errors.ts';
import { userPath } from '../server/runtime.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import type { PairSet } from '../training/features/extract.ts';
import { type EvaluatedSpace, evaluateHead, evaluateSharedSpace } from '../training/metrics/evaluate-head.ts';
import { queryLines } from '../training/metrics/query-lines.ts';
import type { Ranking } from '../training/metrics/ranking.ts';
import { compare } from '../training/metrics/significance.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { encodePictures } from './cli/encoding-options.ts';
import { openPlace } from './cli/location.ts';
import { FEATURE_CACHE, modelFolders, openFeatures, wholeNumber } from './cli/training-options.ts';
import { comparisonLines, figureLines } from './evaluate/text.ts';

const usage = `
Usage: npm run evaluate -- --data PLACE [options]
       npm run evaluate -- --data PLACE --compare FIRST SECOND [options]

How well a head finds pictures by captions and captions by pictures: recall, precision and NDCG at 1, 5 and 10, median rank,
MRR and mAP, each with an interval. Text to image: every caption is a query and its picture the right answer. Image to
text: every picture is a query and all of its captions are right. Ties count against the head. docs/evaluation.md has the
whole convention. With --compare, two heads on the same pictures: differences, their intervals, and p values.

  --data PLACE       the captioned pictures (images/ and captions.jsonl): a folder, or s3://BUCKET/PREFIX
  --split NAME       which of them (default: val)
  --profile NAME     encoders, a profile of models/manifest.json (default: compact)
  --head DIR         folder of head.onnx and head.json (default: models/head-PROFILE, or none where the profile needs none)
  --compare          two head folders follow
  --queries FILE     also what became of each query, one JSON line each, with its ten best answers
  --resamples N      of the pictures, for intervals and p values (default: 2000)
  --seed N           of the resamples (default: 1)
  --features PLACE   cache of encoder outputs, a folder or s3://BUCKET/PREFIX (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models, and those that SIGHTLINE_EXTRA_MODELS names)
  --json             one JSON document with the six recalls added up as recallSum
  --help             this text
`;

/** Fewer are no test: by chance alone recall at 10 is 20 % among 50. */
const FEW = 50;
/** Best answers in the file of queries. */
const TOP = 10;

await runCommand(
  {
    usage,
    options: {
      data: { type: 'string' },
      split: { type: 'string', default: 'val' },
      profile: { type: 'string', default: 'compact' },
      head: { type: 'string' },
      compare: { type: 'boolean', default: false },
      queries: { type: 'string' },
      resamples: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      features: { type: 'string', default: FEATURE_CACHE },
      models: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 0, max: 2 },
  },
  async (flags, positionals) => {
    if (flags.data === undefined) throw new UsageError('expected --data PLACE');
    const modelDirs = modelFolders(flags.models);
    const folders = headFolders(flags, positionals, join(modelDirs[0]!, `head-${flags.profile}`));
    const resampling = {
      resamples: wholeNumber('--resamples', flags.resamples, 1, 1_000_000)!,
      seed: wholeNumber('--seed', flags.seed, 0, 2 ** 48)!,
    };
    const place = await openPlace(flags.data);
    const features = await openFeatures(flags.features);
    const dataset = await readDataset(place, [flags.split]);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    try {
      const encoded = await encodePictures(place, dataset, { encoders, modelDirs, features });
      const pairs = encoded.splits.get(flags.split)!;
      const top = flags.queries === undefined ? 0 : TOP;
      if (pairs.pictures.length < FEW) {
        const why = `among ${pairs.pictures.length} even chance is right often`;
        console.error(`warning: fewer than ${FEW} pictures: ${why}, and the figures say little about the head`);
      }
      const heads: EvaluatedSpace[] = [];
      const headless = encoders.profile.head === null && flags.head === undefined && !flags.compare;
      if (headless) heads.push(await evaluateSharedSpace(encoders, pairs, { resampling, top }));
      else for (const folder of folders) heads.push(await evaluateHead(folder, encoders, pairs, { resampling, top }));
      await encoded.close();
      const [first, second] = heads;
      if (flags.queries !== undefined) await writeQueries(userPath(flags.queries), pairs.pictures, first!.ranking);
      if (second === undefined) printFigures(first!, flags);
      else printComparison(first!, second, resampling, flags);
      return EXIT.done;
    } finally {
      await encoders.close();
      place.close();
      features.close();
    }
  },
);

/** One head, or two to compare. Throws UsageError. */
function headFolders(
  flags: { readonly compare: boolean; readonly head?: string; readonly queries?: string },
  positionals: readonly string[],
  usual: string,
): readonly string[] {
  if (!flags.compare) {
    if (positionals.length > 0) throw new UsageError(`expected no arguments without --compare, got ${positionals[0]}`);
    return [flags.head === undefined ? usual : userPath(flags.head)];
  }
  if (positionals.length !== 2) throw new UsageError(`--compare: expected two heads, got ${positionals.length}`);
  if (flags.head !== undefined || flags.queries !== undefined) {
    throw new UsageError('expected --compare without --head and --queries');
  }
  return positionals.map(userPath);
}

/** Throws `unavailable` when the file cannot be written. */
async function writeQueries(path: string, pictures: PairSet['pictures'], ranking: Ranking): Promise<void> {
  const lines = function* () {
    for (const line of queryLines(pictures, ranking)) yield `${JSON.stringify(line)}\n`;
  };
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(Readable.from(lines()), createWriteStream(path));
  } catch (error) {
    throw new SightlineError('unavailable', `cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function about({ folder, info, figures }: EvaluatedSpace, split: string) {
  const counts = { pictures: figures.imageToText.queries, captions: figures.textToImage.queries };
  return { head: shortPath(folder), recipe: info.recipe, space: info.space, split, ...counts };
}

function printFigures(head: EvaluatedSpace, { split, json }: { split: string; json: boolean }): void {
  const { figures, interval } = head;
  const facts = about(head, split);
  if (json) {
    console.log(JSON.stringify({ ...facts, ...figures, interval }, null, 2));
    return;
  }
  console.log(
    `${facts.head} (${facts.recipe}) on ${facts.pictures} pictures, ${facts.captions} captions of split ${split}\n`,
  );
  console.log(figureLines(figures, interval).join('\n'));
}

function printComparison(
  first: EvaluatedSpace,
  second: EvaluatedSpace,
  resampling: { resamples: number; seed: number },
  { split, json }: { split: string; json: boolean },
): void {
  const comparison = compare(first.table, second.table, resampling);
  if (json) {
    const [a, b] = [first, second].map((head) => ({ ...about(head, split), ...head.figures, interval: head.interval }));
    console.log(JSON.stringify({ first: a, second: b, ...comparison }, null, 2));
    return;
  }
  const name = ({ folder, info }: EvaluatedSpace) => `${shortPath(folder)} (${info.recipe})`;
  console.log(`first:  ${name(first)}\nsecond: ${name(second)}\n`);
  console.log(comparisonLines(first.figures, second.figures, comparison).join('\n'));
}

/** From here when it is below here. */
function shortPath(path: string): string {
  const below = relative('', path);
  return below.startsWith('..') ? path : below;
}
