import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { many, path, text, whole } from '../../core/setting-value.ts';
import { dataFolder, readConfig, userPath } from '../../server/environment.ts';
import {
  type CaptionFile,
  DATASET_WARNINGS,
  type DatasetLocation,
  type DatasetWarnings,
} from '../../training/datasets/dataset.ts';
import type { SplitShares } from '../../training/datasets/splits.ts';
import type { CacheLocation } from '../../training/features/shared-cache.ts';
import { UsageError } from './command.ts';
import { absoluteLocation, isBucket, type Location, openLocation } from './location.ts';

/** Options and helpers shared by the training commands. */

/** A folder, or s3://BUCKET/PREFIX. */
export const LOCATION = { unit: 'LOCATION' } as const;
export const CAPTIONED = 'captioned pictures (images/ and captions.jsonl): a folder or s3://BUCKET/PREFIX';
export const DATASET = text({ ...LOCATION, text: CAPTIONED });
export const SPLIT = text({ unit: 'NAME', text: 'split to use', default: 'val' });
export const PROFILE = text({
  unit: 'NAME',
  text: 'encoders to use: a profile from models/manifest.json',
  default: 'compact',
});
export const MODELS = path({
  text: 'folder with the models',
  shown: 'models and SIGHTLINE_EXTRA_MODELS',
});
export const RESAMPLES = whole({
  min: 1,
  max: 1_000_000,
  default: 2000,
  text: 'resamples of the pictures, for intervals and p values',
});
export const THREADS = whole({
  min: 1,
  max: 256,
  default: 2,
  text: 'threads; the same number gives the same head bit for bit, another may round differently',
});
export const FEATURES = text({
  ...LOCATION,
  text: 'cache of encoder outputs: a folder or s3://BUCKET/PREFIX',
  shown: 'data/features',
});

export function seed(what: string) {
  return whole({ max: 2 ** 48, default: 1, text: what });
}

/** The profile's head in the first models folder that has one. */
export function headFolder(modelDirs: readonly string[], profile: string): string {
  const folders = modelDirs.map((models) => join(models, `head-${profile}`));
  return folders.find((folder) => existsSync(folder)) ?? folders[0]!;
}

/** All captions of a picture, or only one as in the published recipe; and files with more captions. */
export const CAPTIONS = many(
  text({
    unit: 'NAME',
    pattern: /^(all|fixed|.+:[a-z]{2,3})$/,
    expected: 'all, fixed or FILE:LANG',
    text:
      'all captions of a picture, or a fixed one chosen by the seed; FILE:LANG adds a file of captions in a ' +
      'language, like captions.LANG.jsonl',
    shown: 'all',
  }),
);

/** Whether `--captions` asks for one caption per picture. */
export function isFixed(given: readonly string[]): boolean {
  return given.filter((one) => one === 'all' || one === 'fixed').at(-1) === 'fixed';
}

/** FILE:LANG of `--captions`. */
export const ADDED = /^(.+):([a-z]{2,3})$/;

/**
 * The files that `--captions FILE:LANG` adds.
 * @throws {invalid-input} for one that cannot be read
 */
export function addedCaptions(given: readonly string[]): CaptionFile[] {
  return given.flatMap((one) => {
    const [, name, lang] = ADDED.exec(one) ?? [];
    return name === undefined || lang === undefined ? [] : [{ name, lang, bytes: readCaptions(name) }];
  });
}

/**
 * Opens a data set, with the files that `--captions` adds.
 * @throws {invalid-input} for a file that cannot be read
 */
export async function openCaptioned(at: string, captions: readonly string[]): Promise<Location & DatasetLocation> {
  const captionFiles = addedCaptions(captions);
  return { ...(await openLocation(at)), captionFiles };
}

function readCaptions(file: string): Uint8Array {
  try {
    return readFileSync(userPath(file));
  } catch (error) {
    throw new SightlineError('invalid-input', `--captions: cannot read ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Parses `--split 80/10/10`: percentages of training, validation and test.
 * @throws {UsageError}
 */
export function splitShares(value: string | undefined): SplitShares | undefined {
  if (value === undefined) return undefined;
  const [train = 0, val = 0, test = 0] = value.split('/').map(Number);
  if (train + val + test === 100 && train > 0 && val > 0) return { val, test };
  throw new UsageError(`--split: expected percentages that add up to 100, such as 80/10/10, got "${value}"`);
}

/** The folder named by --models, or those that serving searches. */
export function modelFolders(models: string | undefined): readonly string[] {
  return models === undefined ? readConfig({ logLevel: 'silent' }).modelDirs : [models];
}

/**
 * Opens the cache of encoder outputs named by --features: a folder, or a bucket with its own local folder, so that only
 * its own rows are uploaded.
 */
export async function openFeatures(at: string | undefined): Promise<CacheLocation & { close(): void }> {
  const usual = join(dataFolder(), 'features');
  if (at === undefined || !isBucket(at)) return { cache: at === undefined ? usual : userPath(at), close: () => {} };
  const location = await openLocation(at);
  const name = createHash('sha256').update(absoluteLocation(at)).digest('hex').slice(0, 16);
  return { cache: join(usual, `bucket-${name}`), shared: location.store, close: location.close };
}

/** Prints one line per kind of warning to stderr, with the first picture that has it. */
export function printWarnings(warnings: DatasetWarnings): void {
  for (const [what, { count, first }] of warnings) {
    const [one, several] = DATASET_WARNINGS[what];
    const text = count === 1 ? `${one} (${what}): ${first}` : `${several} (${what}), the first: ${first}`;
    console.error(`warning: ${count} ${text}`);
  }
}
