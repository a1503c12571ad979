import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { many, path, text, whole } from '../../core/setting-value.ts';
import { dataFolder, readConfig, userPath } from '../../server/environment.ts';
import {
  type CaptionFile,
  DATASET_WARNINGS,
  type DatasetPlace,
  type DatasetWarning,
} from '../../training/datasets/dataset.ts';
import type { SplitShares } from '../../training/datasets/splits.ts';
import type { CachePlace } from '../../training/features/shared-cache.ts';
import { UsageError } from './command.ts';
import { absoluteLocation, isBucket, type Location, openLocation } from './location.ts';

/** What the training commands have in common. */

/** A folder, or s3://BUCKET/PREFIX. */
export const LOCATION = { unit: 'LOCATION' } as const;
export const CAPTIONED = 'captioned pictures (images/ and captions.jsonl), a folder or s3://BUCKET/PREFIX';
export const DATASET = text({ ...LOCATION, text: CAPTIONED });
export const SPLIT = text({ unit: 'NAME', text: 'which of them', default: 'val' });
export const PROFILE = text({ unit: 'NAME', text: 'encoders, a profile of models/manifest.json', default: 'compact' });
export const MODELS = path({
  text: 'folder of the models',
  shown: 'models, and those that SIGHTLINE_EXTRA_MODELS names',
});
export const RESAMPLES = whole({
  min: 1,
  max: 1_000_000,
  default: 2000,
  text: 'of the pictures, for intervals and p values',
});
export const THREADS = whole({
  min: 1,
  max: 256,
  default: 2,
  text: 'one number gives the same head bit for bit, another may round differently',
});
/** Where encoder outputs are kept between runs. */
export const FEATURES = text({
  ...LOCATION,
  text: 'cache of encoder outputs, a folder or s3://BUCKET/PREFIX',
  shown: 'data/features',
});

export function seed(what: string) {
  return whole({ max: 2 ** 48, default: 1, text: what });
}

/** The head of a profile in the first folder of models that has it. */
export function headFolder(modelDirs: readonly string[], profile: string): string {
  const folders = modelDirs.map((models) => join(models, `head-${profile}`));
  return folders.find((folder) => existsSync(folder)) ?? folders[0]!;
}

/** Whether every caption counts, or one a picture as in the published recipe; and files of more of them. */
export const CAPTIONS = many(
  text({
    unit: 'NAME',
    pattern: /^(all|fixed|.+:[a-z]{2,3})$/,
    expected: 'all, fixed or FILE:LANG',
    text:
      'all of a picture, or one that is drawn for it once by the seed (fixed); FILE:LANG adds a file of captions in ' +
      'a language, like captions.LANG.jsonl',
    shown: 'all',
  }),
);

/** Whether `--captions` asks for one a picture. */
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
export async function openCaptioned(at: string, captions: readonly string[]): Promise<Location & DatasetPlace> {
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

/** The shares of `--split 80/10/10`: training, validation and test, in percent. Throws UsageError. */
export function splitShares(value: string | undefined): SplitShares | undefined {
  if (value === undefined) return undefined;
  const [train = 0, val = 0, test = 0] = value.split('/').map(Number);
  if (train + val + test === 100 && train > 0 && val > 0) return { val, test };
  throw new UsageError(`--split: expected percentages that add up to 100, such as 80/10/10, got "${value}"`);
}

/** The folders of models: the one that --models names, or those that serving looks through. */
export function modelFolders(models: string | undefined): readonly string[] {
  return models === undefined ? readConfig({ logLevel: 'silent' }).modelDirs : [models];
}

/**
 * The cache of encoder outputs that --features names: a folder, or a bucket with a folder of its own on this machine,
 * so that nothing is sent there that was not made for it.
 */
export async function openFeatures(at: string | undefined): Promise<CachePlace & { close(): void }> {
  const usual = join(dataFolder(), 'features');
  if (at === undefined || !isBucket(at)) return { cache: at === undefined ? usual : userPath(at), close: () => {} };
  const location = await openLocation(at);
  const name = createHash('sha256').update(absoluteLocation(at)).digest('hex').slice(0, 16);
  return { cache: join(usual, `bucket-${name}`), shared: location.store, close: location.close };
}

/** One line a kind of warning, on stderr. */
export function printWarnings(warnings: ReadonlyMap<DatasetWarning, number>): void {
  for (const [what, count] of warnings) console.error(`warning: ${count} ${DATASET_WARNINGS[what]} (${what})`);
}
