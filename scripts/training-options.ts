import { createProgress, type Progress } from '../core/progress.ts';
import type { DatasetWarning } from '../core/train/dataset.ts';
import { UsageError } from '../functions/cli.ts';

/** What the training commands have in common. */

/** Where encoder outputs are kept between runs. */
export const FEATURE_CACHE = 'data/features';
export const MODEL_DIRS = ['models'];
/** Pictures encoded at the same time, one thread each: one more than two cores, so that reading a file leaves none idle. */
export const PARALLEL_PICTURES = 3;

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
