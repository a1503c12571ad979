import type { Encoders } from '../../core/encode/encoder-pair.ts';
import type { Dataset } from '../../training/datasets/dataset.ts';
import { type Augmentation, FULL } from '../../training/features/augmentations.ts';
import { type FeatureOptions, type Features, loadFeatures, loadTexts } from '../../training/features/extract.ts';
import type { HalfMatrix } from '../../training/features/float16-matrix.ts';
import type { CacheLocation } from '../../training/features/shared-cache.ts';
import { loadTrainingData, type TrainingData } from '../../training/trainer/training-data.ts';
import type { Location } from './location.ts';
import { createProgress, type Progress } from './progress.ts';
import { printWarnings } from './training-options.ts';

/**
 * Encodes captioned pictures for the training commands: with a progress bar, and with warnings about skipped ones on
 * stderr. Ctrl-C ends the process once what is encoded so far is in the cache.
 */

export interface EncodingOptions {
  readonly encoders: Encoders;
  readonly modelDirs: readonly string[];
  readonly features: CacheLocation;
}

/**
 * Pictures encoded at the same time, one thread each: one more than two cores, so that none is idle during reads.
 */
const PARALLEL_PICTURES = 3;
/** Buckets are slower than disks: more pictures at a time keep the encoder busy. */
const PARALLEL_REMOTE_PICTURES = 8;

/**
 * Encodes pictures as serving sees them, and those for training in all `augmentations`. Close the result.
 * @param augmentations the first is what serving sees
 */
export async function encodePictures(
  location: Location,
  dataset: Dataset,
  options: EncodingOptions,
  augmentations: readonly Augmentation[] = [FULL],
): Promise<Features> {
  return shown(location, options, augmentations, (full) => loadFeatures(dataset, full));
}

/**
 * Encodes the splits for training with all augmentations of the recipe. Close the result.
 * @param options.trainOn see `FeatureOptions`
 */
export async function encodeTrainingData(
  location: Location,
  dataset: Dataset,
  augmentations: readonly Augmentation[],
  options: EncodingOptions & Pick<FeatureOptions, 'trainOn'>,
): Promise<TrainingData> {
  return shown(location, options, augmentations, (full) => loadTrainingData(dataset, full));
}

/**
 * Encodes texts that are not captions.
 * @param unit a plural noun for them
 */
export async function encodeTexts(
  texts: readonly string[],
  unit: string,
  { features, ...options }: EncodingOptions,
): Promise<HalfMatrix> {
  return interruptibly((watched) =>
    loadTexts(texts, unit, { ...options, ...features, ...watched, augmentations: [FULL], parallel: 1 }),
  );
}

async function shown<T extends Pick<Features, 'warnings'>>(
  { remote }: Location,
  { features, ...options }: EncodingOptions,
  augmentations: readonly Augmentation[],
  load: (options: FeatureOptions) => Promise<T>,
): Promise<T> {
  const parallel = remote ? PARALLEL_REMOTE_PICTURES : PARALLEL_PICTURES;
  const { cache, shared } = features;
  const loaded = await interruptibly((watched) =>
    load({ ...options, cache, shared, augmentations, parallel, ...watched }),
  );
  printWarnings(loaded.warnings);
  return loaded;
}

async function interruptibly<T>(
  encode: (watched: Required<Pick<FeatureOptions, 'signal' | 'onProgress'>>) => Promise<T>,
): Promise<T> {
  const progress = encodingProgress();
  const interrupt = new AbortController();
  const { signal } = interrupt;
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop);
  try {
    const encoded = await encode({ signal, onProgress: progress.update }).finally(progress.stop);
    signal.throwIfAborted();
    return encoded;
  } catch (error) {
    if (signal.aborted) {
      console.error('stopped; what is encoded so far is kept, and the next call goes on from there');
      // Nobody else hears the signal now: it ends the process as usual.
      process.kill(process.pid, 'SIGINT');
    }
    throw error;
  } finally {
    process.off('SIGINT', stop);
  }
}

/** One progress bar per unit, one after the other. */
function encodingProgress(): { update(unit: string, done: number, total: number): void; stop(): void } {
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
