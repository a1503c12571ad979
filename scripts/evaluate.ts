import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Encoders } from '../core/encode/encoder-pair.ts';
import { findEncoder } from '../core/encode/model-files.ts';
import { isSightlineError, SightlineError } from '../core/errors.ts';
import { path, text, toggle } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { userPath } from '../server/environment.ts';
import { listLanguages, readDataset } from '../training/datasets/dataset.ts';
import type { PairSet } from '../training/features/extract.ts';
import type { Calibrated } from '../training/metrics/calibrate.ts';
import { type EvaluatedSpace, evaluateHead, evaluateSharedSpace } from '../training/metrics/evaluate-head.ts';
import { queryLines } from '../training/metrics/query-lines.ts';
import type { Ranking } from '../training/metrics/ranking.ts';
import { compare, type Resampling } from '../training/metrics/significance.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { encodePictures } from './cli/encode-pictures.ts';
import {
  CAPTIONS,
  DATASET,
  FEATURES,
  headFolder,
  isFixed,
  MODELS,
  modelFolders,
  openCaptioned,
  openFeatures,
  PROFILE,
  RESAMPLES,
  SPLIT,
  seed,
} from './cli/training-options.ts';
import { calibrateSide, captionsByLanguage } from './evaluate/calibrate.ts';
import { encodeOthers, textSides } from './evaluate/encoders-by-language.ts';
import { comparisonLines, figureLines, judgedOn, languageLines, warnOfFew } from './evaluate/print.ts';

/** Best answers per query in the file. */
const TOP = 10;

export default command({
  usage: ['--data LOCATION [options]', '--data LOCATION --compare FIRST SECOND [options]'],
  about: `
Evaluates how well a head finds pictures by captions and captions by pictures: recall, precision and NDCG at 1, 5 and
10, median rank, MRR and mAP, with intervals. Text to image: every caption is a query, and its picture is the right
answer. Image to text: every picture is a query, and all of its captions are right. Ties count against the head.
docs/evaluation.md has the details. --compare compares two heads on the same pictures, each with its own encoders:
differences, their intervals, and p values.`,
  words: { min: 0, max: 2 },
  options: {
    data: DATASET,
    split: SPLIT,
    captions: CAPTIONS,
    lang: text({
      unit: 'LANG',
      text: 'language of the captions, from captions.LANG.jsonl or lines that name it; all prints a table',
      default: 'en',
    }),
    text: text({
      unit: 'ENCODER',
      text: 'text side of the head to evaluate',
      shown: 'the one for the language',
    }),
    profile: PROFILE,
    head: path({
      text: 'folder of the head',
      shown: 'models/head-PROFILE, or none if the profile needs none',
    }),
    compare: toggle({ text: 'two head folders follow' }),
    queries: path({
      unit: 'FILE',
      text: 'also write each query with its ten best answers, one JSON line each',
    }),
    calibrate: toggle({
      text: 'also calibrate how well answers fit, beside the text side; needs pictures that the head never saw',
    }),
    twin: path({
      unit: 'HEAD',
      text: 'the same head trained without the split, to calibrate with instead',
    }),
    resamples: RESAMPLES,
    seed: seed('seed of the resamples and of fixed captions'),
    features: FEATURES,
    models: MODELS,
    json: toggle({ text: 'print one JSON document, with recallSum, the sum of the six recalls' }),
  },
  run: async (flags, words) => {
    if (flags.data === undefined) throw new UsageError('expected --data LOCATION');
    const modelDirs = modelFolders(flags.models);
    const folders = headFolders(flags, words, headFolder(modelDirs, flags.profile));
    const resampling = { resamples: flags.resamples, seed: flags.seed };
    await using location = closing(await openCaptioned(flags.data, flags.captions));
    await using features = closing(await openFeatures(flags.features));
    // Heads to compare may be of different encoders.
    await using sides = closing(textSides(modelDirs, flags.compare ? undefined : flags.profile));
    const judgeWith = async (encoders: Encoders, those: readonly string[], lang: string): Promise<Judged> => {
      const captionSeed = isFixed(flags.captions) ? flags.seed : undefined;
      const dataset = await readDataset(location, { splits: [flags.split], captionSeed, lang });
      const encoding = { encoders, modelDirs, features };
      const encoded = await encodePictures(location, dataset, encoding);
      const others = await encodeOthers(location, dataset, flags.split, encoding);
      const pairs = encoded.splits.get(flags.split)!;
      const among = others?.splits.get(flags.split);
      const options = { resampling, among, top: flags.queries === undefined ? 0 : TOP };
      const heads: EvaluatedSpace[] = [];
      const headless = encoders.profile.head === null && flags.head === undefined && !flags.compare;
      if (headless) heads.push(await evaluateSharedSpace(encoders, pairs, options));
      else for (const folder of those) heads.push(await evaluateHead(folder, encoders, pairs, options));
      if (flags.calibrate) {
        const about = { data: basename(location.name), split: flags.split, lang };
        const captions = await captionsByLanguage(location, flags.split, encoders);
        const request = { ...encoding, pairs, captions, about, seed: flags.seed };
        for (const head of heads) {
          const judged = flags.twin === undefined ? head : await evaluateHead(flags.twin, encoders, pairs, options);
          const into = headless ? await findEncoder(modelDirs, encoders.profile.text) : head.folder;
          printCalibration(await calibrateSide({ ...request, judged, into }));
        }
      }
      await encoded.close();
      await others?.close();
      return { lang, heads, pictures: pairs.pictures };
    };
    const judge = async (lang: string): Promise<Judged> => {
      const encoders = await Promise.all(folders.map((folder) => sides.encodersFor(folder, lang, flags.text)));
      const judged: Judged[] = [];
      for (const own of new Set(encoders)) {
        const those = folders.filter((_, i) => encoders[i] === own);
        judged.push(await judgeWith(own, those, lang));
      }
      return { lang, heads: judged.flatMap(({ heads }) => heads), pictures: judged[0]!.pictures };
    };

    if (flags.lang === 'all') await printLanguages(await listLanguages(location), judge, flags);
    else await printJudged(await judge(flags.lang), resampling, flags);
    return EXIT.done;
  },
});

function printCalibration({ temperature, poor, good, caught }: Calibrated): void {
  const line = ({ atOne, perLog }: typeof poor) => `${atOne.toFixed(2)} + ${perLog.toFixed(2)} ln n`;
  console.error(
    `calibrated: temperature ${temperature}, poor below ${line(poor)}, good from ${line(good)}; ` +
      `${(100 * caught).toFixed(0)} % of the words that no picture shows are poor`,
  );
}

/** Evaluates heads on the captions of one language. */
interface Judged {
  readonly lang: string;
  readonly heads: readonly EvaluatedSpace[];
  readonly pictures: PairSet['pictures'];
}

async function printJudged(
  { heads, pictures }: Judged,
  resampling: Resampling,
  flags: { readonly split: string; readonly json: boolean; readonly queries?: string },
): Promise<void> {
  warnOfFew(pictures.length);
  const [first, second] = heads;
  if (flags.queries !== undefined) await writeQueries(flags.queries, pictures, first!.ranking);
  if (second === undefined) printFigures(first!, flags);
  else printComparison(first!, second, resampling, flags);
}

/**
 * Prints one line per language: the sums of recalls of the heads. Languages without this split are left out.
 */
async function printLanguages(
  languages: readonly string[],
  judge: (lang: string) => Promise<Judged>,
  { split, json, queries }: { readonly split: string; readonly json: boolean; readonly queries?: string },
): Promise<void> {
  if (queries !== undefined) throw new UsageError('expected --queries with one language');
  const all: Judged[] = [];
  for (const lang of languages) {
    const judged = await judge(lang).catch((error: unknown) => {
      if (!isSightlineError(error, 'invalid-input')) throw error;
      console.error(`warning: ${error.message}`);
      return null;
    });
    if (judged !== null) all.push(judged);
  }
  if (all.length === 0) throw new SightlineError('invalid-input', `expected captions in split ${split}, got none`);
  if (json) {
    const rows = all.map(({ lang, heads }) => ({
      lang,
      heads: heads.map((head) => ({ ...about(head, split), ...head.figures, interval: head.interval })),
    }));
    console.log(JSON.stringify(rows, null, 2));
  } else console.log(languageLines(all).join('\n'));
}

/**
 * One head, or two to compare.
 * @throws {UsageError}
 */
function headFolders(
  flags: { readonly compare: boolean; readonly head?: string; readonly queries?: string },
  positionals: readonly string[],
  usual: string,
): readonly string[] {
  if (!flags.compare) {
    if (positionals.length > 0) throw new UsageError(`expected no arguments without --compare, got ${positionals[0]}`);
    return [flags.head ?? usual];
  }
  if (positionals.length !== 2) throw new UsageError(`--compare: expected two heads, got ${positionals.length}`);
  if (flags.head !== undefined || flags.queries !== undefined) {
    throw new UsageError('expected --compare without --head and --queries');
  }
  return positionals.map(userPath);
}

/**
 * @throws {unavailable} when the file cannot be written
 */
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
  console.log(`${facts.head} (${facts.recipe}) ${judgedOn(head, split)}\n`);
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

/** Relative to the working folder if it is inside. */
function shortPath(path: string): string {
  const below = relative('', path);
  return below.startsWith('..') ? path : below;
}
