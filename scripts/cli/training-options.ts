import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readConfig, userPath } from '../../server/runtime.ts';
import type { DatasetWarning } from '../../training/datasets/dataset.ts';
import type { CachePlace } from '../../training/features/shared-cache.ts';
import { UsageError } from './command.ts';
import { absolutePlace, isBucket, openPlace } from './location.ts';

/** What the training commands have in common. */

/** Where encoder outputs are kept between runs. */
export const FEATURE_CACHE = 'data/features';

/** The folders of models: the one that --models names, or those that serving looks through. */
export function modelFolders(models: string | undefined): readonly string[] {
  return models === undefined ? readConfig({ logLevel: 'silent' }).modelDirs : [userPath(models)];
}

/**
 * The cache of encoder outputs that --features names: a folder, or a bucket with a folder of its own on this machine, so that
 * nothing is sent there that was not made for it.
 */
export async function openFeatures(at: string): Promise<CachePlace & { close(): void }> {
  if (!isBucket(at)) return { cache: at === FEATURE_CACHE ? at : absolutePlace(at), close: () => {} };
  const place = await openPlace(at);
  const name = createHash('sha256').update(absolutePlace(at)).digest('hex').slice(0, 16);
  return { cache: join(FEATURE_CACHE, `bucket-${name}`), shared: place.store, close: place.close };
}

/** The number a flag gives, or undefined when it was not given. Throws UsageError. */
export function wholeNumber(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new UsageError(`${name}: expected a whole number from ${min} to ${max}, got "${value}"`);
  }
  return number;
}

const EXPLANATIONS: Readonly<Record<DatasetWarning, string>> = {
  'missing-picture': 'lines without their picture, left out',
  'empty-caption': 'empty captions, left out',
  'no-captions': 'pictures without captions, left out',
  'doubled-line': 'further lines for a picture, their captions added',
  'doubled-picture': 'pictures there twice under different names, joined',
  'split-leak': 'training pictures that are in another split, too, left out',
  'unreadable-picture': 'pictures that cannot be decoded, left out',
};

/** One line a kind of warning, on stderr. */
export function printWarnings(warnings: ReadonlyMap<DatasetWarning, number>): void {
  for (const [what, count] of warnings) console.error(`warning: ${count} ${EXPLANATIONS[what]} (${what})`);
}
