import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createProgress, type Progress } from '../core/progress.ts';
import type { DatasetWarning } from '../core/train/dataset.ts';
import type { CachePlace } from '../core/train/shared-cache.ts';
import { UsageError } from '../functions/cli.ts';
import { absolutePlace, isBucket, openPlace, type Place } from '../functions/places.ts';

/** What the training commands have in common. */

/** Where encoder outputs are kept between runs. */
export const FEATURE_CACHE = 'data/features';
export const MODEL_DIRS = ['models'];
/** Pictures encoded at the same time, one thread each: one more than two cores, so that reading a file leaves none idle. */
export const PARALLEL_PICTURES = 3;

/** A bucket answers later than a disk: more pictures at the same time keep the encoder busy. */
const PARALLEL_REMOTE_PICTURES = 8;

export function parallelPictures({ remote }: Place): number {
  return remote ? PARALLEL_REMOTE_PICTURES : PARALLEL_PICTURES;
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

/** A progress bar for each unit in turn. */
export function encodingProgress(): { update(unit: string, done: number, total: number): void; stop(): void } {
  let current: { readonly unit: string; readonly bar: Progress } | null = null;
  return {
    update(unit, done, total) {
      if (current?.unit !== unit) {
        current?.bar.stop();
        current = { unit, bar: createProgress('encoding', unit, total) };
      }
      current.bar.update(done, total);
    },
    stop() {
      current?.bar.stop();
      current = null;
    },
  };
}
