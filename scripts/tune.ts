import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Encoders, loadEncoders } from '../core/encode/encoder-pair.ts';
import { loadHead } from '../core/encode/head.ts';
import { headBytes } from '../core/encode/head-file.ts';
import { fingerprintKey } from '../core/encode/space-id.ts';
import { SightlineError } from '../core/errors.ts';
import { many, path, text } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { canonicalJson, isJsonObject } from '../core/util/canonical-json.ts';
import { dataFolder } from '../server/environment.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import type { Features, PairSet } from '../training/features/extract.ts';
import { embedPairs } from '../training/metrics/embed-pairs.ts';
import { evaluate } from '../training/metrics/retrieval-metrics.ts';
import { RECIPES, type Recipe } from '../training/trainer/recipes.ts';
import { trainHead } from '../training/trainer/trainer.ts';
import { TRAINING_SPLITS, type TrainingData } from '../training/trainer/training-data.ts';
import { writeHead } from '../training/trainer/write-head.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { encodePictures, encodeTrainingData } from './cli/encode-pictures.ts';
import { openLocation } from './cli/location.ts';
import {
  CAPTIONED,
  FEATURES,
  LOCATION,
  MODELS,
  modelFolders,
  openFeatures,
  PROFILE,
  THREADS,
} from './cli/training-options.ts';

interface Trial {
  readonly name: string;
  readonly recipe: string;
  readonly seed?: number;
  readonly change?: Readonly<Record<string, unknown>>;
}

interface Result {
  /** Hash of recipe, change, seed and threads, so that no trial is run twice. */
  readonly key: string;
  readonly name: string;
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validationLoss: number;
  readonly seconds: number;
  /** Sums of recalls by dataset. */
  readonly recallSums: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly trial: Trial;
}

export default command({
  usage: '--data LOCATION --trials FILE [options]',
  about: `
Trains and evaluates recipes one after the other and records the results. When started again, it continues with the
trials that have no result. A trial is {"name": "...", "recipe": "best", "seed": 1, "change": {"epochs": 10}}, where
"change" overrides parts of the recipe.`,
  options: {
    data: text({ ...LOCATION, text: `${CAPTIONED}, splits "train" and "val"` }),
    also: many(text({ ...LOCATION, text: 'more captioned pictures (split "val"), only for evaluation' })),
    trials: path({ unit: 'FILE', text: 'JSON file with an array of trials' }),
    results: path({ unit: 'FILE', text: 'file for one JSON line per finished trial', shown: 'data/tune.jsonl' }),
    profile: PROFILE,
    threads: THREADS,
    features: FEATURES,
    models: MODELS,
  },
  run: async (flags) => {
    if (flags.data === undefined || flags.trials === undefined) throw new UsageError('expected --data and --trials');
    const { threads } = flags;
    const trials = await readTrials(flags.trials);
    const table = flags.results ?? join(dataFolder(), 'tune.jsonl');
    const modelDirs = modelFolders(flags.models);
    const data = await openLocation(flags.data);
    const cache = await openFeatures(flags.features);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    const open: Pick<Features, 'close'>[] = [];
    try {
      const options = { encoders, modelDirs, features: cache };
      const also = new Map<string, PairSet>();
      for (const at of flags.also) {
        const location = await openLocation(at);
        const encoded = await encodePictures(location, await readDataset(location, { splits: ['val'] }), options);
        also.set(at, encoded.splits.get('val')!);
        open.push(encoded);
        location.close();
      }
      const dataset = await readDataset(data, { splits: TRAINING_SPLITS });
      const load = remembering(async (augmentations: Recipe['augmentations']) => {
        const loaded = await encodeTrainingData(data, dataset, augmentations, options);
        open.push(loaded);
        return loaded;
      });
      const results = await readResults(table);
      for (const trial of trials) {
        const recipe = recipeOf(trial);
        const key = fingerprintKey({ recipe, seed: trial.seed ?? 1, threads, image: encoders.image.key });
        const known = results.get(key);
        const result =
          known ?? (await runTrial(trial, recipe, { key, threads, data: flags.data, load, encoders, also }));
        if (known === undefined) {
          await mkdir(dirname(table), { recursive: true });
          await appendFile(table, `${JSON.stringify(result)}\n`);
        }
        console.log(line(result));
      }
      return EXIT.done;
    } finally {
      for (const encoded of open) await encoded.close();
      await encoders.close();
      data.close();
      cache.close();
    }
  },
});

/** Caches the last result: trials with the same augmentations follow each other. */
function remembering<K, T>(load: (key: K) => Promise<T>): (key: K) => Promise<T> {
  let last: { readonly key: string; readonly value: Promise<T> } | null = null;
  return (key) => {
    const text = canonicalJson(key);
    if (last?.key !== text) last = { key: text, value: load(key) };
    return last.value;
  };
}

interface TrialContext {
  readonly key: string;
  readonly threads: number;
  readonly data: string;
  readonly load: (augmentations: Recipe['augmentations']) => Promise<TrainingData>;
  readonly encoders: Encoders;
  readonly also: ReadonlyMap<string, PairSet>;
}

async function runTrial(trial: Trial, recipe: Recipe, context: TrialContext): Promise<Result> {
  const { key, threads, encoders } = context;
  const data = await context.load(recipe.augmentations);
  const startedAt = performance.now();
  const run = join(dataFolder(), 'runs', `tune-${key}`);
  const { head, epoch, curves } = await trainHead({
    recipe,
    seed: trial.seed ?? 1,
    threads,
    run,
    data,
    resume: true,
    onEpoch: (at) =>
      console.error(
        `${trial.name}: epoch ${at.epoch}, train ${at.trainLoss.toFixed(4)}, validation ` +
          `${at.validationLoss.toFixed(4)}, recalls ${at.recallSum.toFixed(1)}, ` +
          `${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
      ),
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const folder = join(run, 'head');
  const file = await writeHead(folder, head, {
    name: trial.name,
    recipe,
    encoders,
    training: {},
  });
  // Loaded as serving does.
  await using loaded = closing(await loadHead(folder, encoders));
  const recallSums: Record<string, number> = {};
  for (const [name, pairs] of [[context.data, data.validation] as const, ...context.also]) {
    recallSums[name] = (await evaluate(await embedPairs(loaded, pairs))).recallSum;
  }
  const { trainLoss, validationLoss } = curves[epoch - 1]!;
  const { name } = trial;
  return { key, name, epoch, trainLoss, validationLoss, seconds, recallSums, bytes: headBytes(file), trial };
}

async function readTrials(path: string): Promise<Trial[]> {
  const trials: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (!Array.isArray(trials)) throw new SightlineError('invalid-input', `${path}: expected a JSON array of trials`);
  for (const trial of trials as Trial[]) recipeOf(trial);
  return trials as Trial[];
}

async function readResults(path: string): Promise<Map<string, Result>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((entry) => entry.trim() !== '');
  return new Map(lines.map((entry) => JSON.parse(entry) as Result).map((result) => [result.key, result]));
}

function recipeOf({ recipe, name, change = {} }: Trial): Recipe {
  const base = RECIPES[recipe];
  if (base === undefined) {
    const known = Object.keys(RECIPES).join(', ');
    throw new SightlineError('invalid-input', `trial ${name}: expected a recipe of ${known}, got ${recipe}`);
  }
  return overlay(base, change, `trial ${name}`) as Recipe;
}

/**
 * Merges `change` into `base`: objects by field, everything else replaced. Unknown fields are errors.
 */
function overlay(base: unknown, change: unknown, where: string): unknown {
  if (!isJsonObject(base) || !isJsonObject(change)) return change;
  const unknown = Object.keys(change).find((key) => !(key in base));
  if (unknown !== undefined) {
    throw new SightlineError(
      'invalid-input',
      `${where}: expected one of ${Object.keys(base).join(', ')}, got ${unknown}`,
    );
  }
  return Object.fromEntries(
    Object.entries(base).map(([key, value]) => [
      key,
      key in change ? overlay(value, change[key], `${where}.${key}`) : value,
    ]),
  );
}

function line({ name, epoch, validationLoss, seconds, recallSums, bytes, trial }: Result): string {
  const sums = Object.entries(recallSums).map(([data, sum]) => `${data.split('/').at(-1)} ${sum.toFixed(1)}`);
  return (
    `${name} | ${sums.join(' | ')} | epoch ${epoch}, loss ${validationLoss.toFixed(4)} | ${seconds.toFixed(0)} s | ` +
    `${(bytes / 1e6).toFixed(1)} MB | ${canonicalJson(trial.change ?? {})}`
  );
}
