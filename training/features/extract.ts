import { DEFAULT_LIMITS, type Encoders } from '../../core/encode/encoder-pair.ts';
import { type ImageModel, loadImageModel } from '../../core/encode/image-model.ts';
import { fingerprintKey } from '../../core/encode/space-id.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { decodeImage } from '../../core/picture/decode.ts';
import type { RgbPixels } from '../../core/picture/preprocess.ts';
import type { Preprocessing } from '../../core/picture/preprocessor-config.ts';
import { closing } from '../../core/util/async-disposable.ts';
import {
  type CaptionedPicture,
  type Dataset,
  type DatasetWarnings,
  describeWarnings,
  listPictures,
  readPicture,
  warnInto,
} from '../datasets/dataset.ts';
import { type HashedPicture, hashPictures, joinDoubles, TRAINING } from '../datasets/deduplicate.ts';
import { inParallel } from '../parallel.ts';
import { type Augmentation, cutAugmented, planAugmentation } from './augmentations.ts';
import { HalfMatrix, type HalfRows } from './float16-matrix.ts';
import { type CacheDescription, hashText, type Row } from './record-cache.ts';
import { type CacheLocation, type OpenCache, openCache } from './shared-cache.ts';

/** Encodes captioned pictures with the encoders and preprocessing of serving, and caches the results on disk. */

/** Encoder outputs of the pictures and captions of one split. */
export interface PairSet {
  readonly pictures: readonly CaptionedPicture[];
  /**
   * For each augmentation, one matrix [pictures, size] per output of the image encoder. The first augmentation is what
   * serving sees, and the only one outside the split "train".
   */
  readonly augmented: readonly Readonly<Record<string, HalfRows>>[];
  /** [captions, text dimension] */
  readonly captions: HalfRows;
  /** Captions of picture p are rows firstCaption[p] to firstCaption[p + 1] - 1. */
  readonly firstCaption: Uint32Array;
}

/** Encoder outputs of captioned pictures; the first augmentation is what serving sees. */
export type EncodedPairs = Pick<PairSet, 'augmented' | 'captions' | 'firstCaption'>;

export interface FeatureOptions extends CacheLocation {
  readonly encoders: Encoders;
  readonly modelDirs: readonly string[];
  readonly augmentations: readonly Augmentation[];
  /**
   * Splits to train on: encoded with every augmentation and joined into the set "train".
   * @default only "train"
   */
  readonly trainOn?: readonly string[];
  /** Called before anything is encoded, with the readable or cached pictures; may throw. */
  readonly check?: (there: readonly CaptionedPicture[]) => void;
  /** Pictures decoded and encoded at the same time. */
  readonly parallel: number;
  /** @param done of `total`; `unit` is "pictures", "captions" or another kind of texts; not called for cached items */
  readonly onProgress?: (unit: string, done: number, total: number) => void;
  /** Stops the encoding; the pictures encoded so far stay in the cache. */
  readonly signal?: AbortSignal;
}

export interface Features {
  readonly splits: ReadonlyMap<string, PairSet>;
  readonly warnings: DatasetWarnings;
  /** Call it once the rows of the splits are no longer needed. */
  close(): Promise<void>;
}

/** Rows appended at a time, so that little is lost if interrupted. */
const PICTURES_A_WRITE = 64;
const CAPTIONS_A_WRITE = 4096;

/**
 * Encodes what is not cached yet. The results are read from the cache on use, so that memory does not grow with the
 * number of pictures.
 * @throws {unavailable} if the cache cannot be written, and the signal's reason
 */
export async function loadFeatures(dataset: Dataset, options: FeatureOptions): Promise<Features> {
  const warnings = new Map(dataset.warnings);
  const warn = warnInto(warnings);
  let pictures = joinDoubles(await hashPictures(dataset, options, warn), warn);
  const caches = await openImageCaches(options);
  const open: OpenCache[] = caches.map(({ cache }) => cache);
  const close = async () => {
    for (const cache of open) await cache.close();
  };
  try {
    const lost = await encodeMissing(dataset, pictures, caches, options);
    for (const { sha256, image } of pictures) {
      const what = lost.get(sha256);
      if (what !== undefined) warn(what, image);
    }
    pictures = pictures.filter(({ sha256 }) => !lost.has(sha256));
    if (pictures.length === 0) throw nothingLeft(dataset, warnings);
    for (const { cache } of caches) await cache.send('everything');
    const texts = await encodeTexts(
      pictures.flatMap(({ captions }) => captions),
      'captions',
      options,
    );
    open.push(texts);
    const splits = new Map<string, PairSet>();
    for (const split of new Set(pictures.map((picture) => picture.split))) {
      const joined = split === TRAINING ? trainedOn(options) : [split];
      const own = pictures.filter((picture) => joined.includes(picture.split));
      // Only training uses augmentations.
      const seen = split === TRAINING ? caches : caches.slice(0, 1);
      splits.set(split, pairSet(own, seen, texts, options.encoders.image.outputs));
    }
    return { splits, warnings, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Vectors of texts, one row each. `unit` names them for the progress: a plural noun. */
export async function loadTexts(texts: readonly string[], unit: string, options: FeatureOptions): Promise<HalfMatrix> {
  await using cache = closing(await encodeTexts(texts, unit, options));
  const { rows, columns, read } = cache.rows.rows(texts.map(hashText));
  return new HalfMatrix(rows, columns, read(0, rows).slice());
}

/** The cache, filled with the vectors of all these texts. */
async function encodeTexts(texts: readonly string[], unit: string, options: FeatureOptions): Promise<OpenCache> {
  const { encoders } = options;
  const { path, description } = textCache(encoders.text);
  const cache = await openCache(options, path, description);
  try {
    const missing = new Map(
      texts.map((text) => [hashText(text), text] as const).filter(([hash]) => !cache.rows.has(hash)),
    );
    // Sorting by length gives full batches of equal length.
    const todo = [...missing].sort(([, a], [, b]) => a.length - b.length || (a < b ? -1 : 1));
    for (let start = 0; start < todo.length; start += CAPTIONS_A_WRITE) {
      const part = todo.slice(start, start + CAPTIONS_A_WRITE);
      const vectors = await encoders.text.encode(
        part.map(([, text]) => text),
        (done) => {
          options.signal?.throwIfAborted();
          options.onProgress?.(unit, start + done, todo.length);
        },
      );
      await cache.rows.append(part.map(([hash], i) => ({ hash, values: vectors[i]! })));
      await cache.send('when-large');
    }
    await cache.send('everything');
    return cache;
  } catch (error) {
    await cache.close();
    throw error;
  }
}

function trainedOn({ trainOn }: FeatureOptions): readonly string[] {
  return trainOn ?? [TRAINING];
}

interface AugmentationCache {
  readonly augmentation: Augmentation;
  readonly cache: OpenCache;
}

async function openImageCaches(options: FeatureOptions): Promise<AugmentationCache[]> {
  const open: AugmentationCache[] = [];
  for (const augmentation of options.augmentations) {
    const { path, description } = imageCache(options.encoders.image, augmentation);
    open.push({ augmentation, cache: await openCache(options, path, description) });
  }
  return open;
}

/** Path of a cache, and the description that identifies it. */
interface NamedCache {
  readonly path: string;
  readonly description: CacheDescription;
}

/** Cache of all outputs for an augmentation, by picture hash. */
export function imageCache({ key, name, outputs }: Encoders['image'], augmentation: Augmentation): NamedCache {
  const columns = Object.values(outputs).reduce((sum, size) => sum + size, 0);
  // The name alone would not distinguish versions of an augmentation.
  const path = `image-${key}/${augmentation.name}-${fingerprintKey({ ...augmentation }).slice(0, 8)}`;
  return { path, description: { made: { encoder: name, key, outputs, view: augmentation }, columns } };
}

/** Cache of text vectors, by text hash. */
export function textCache({ key, name, dimension }: Encoders['text']): NamedCache {
  return { path: `text-${key}`, description: { made: { encoder: name, key }, columns: dimension } };
}

/**
 * Encodes the augmented pictures that are not cached, several at a time. Returns the hashes of pictures that cannot be
 * encoded.
 */
async function encodeMissing(
  dataset: Dataset,
  pictures: readonly HashedPicture[],
  caches: readonly AugmentationCache[],
  options: FeatureOptions,
): Promise<Map<string, 'missing-picture' | 'unreadable-picture'>> {
  const unique = [...new Map(pictures.map((picture) => [picture.sha256, picture])).values()];
  const lacks = (picture: HashedPicture, { cache, augmentation }: AugmentationCache) =>
    (augmentation === options.augmentations[0] || trainedOn(options).includes(picture.split)) &&
    !cache.rows.has(picture.sha256);
  const wanted = unique.filter((picture) => caches.some((entry) => lacks(picture, entry)));
  const lost = new Map<string, 'missing-picture' | 'unreadable-picture'>();
  if (options.check !== undefined) {
    const stored = wanted.length === 0 ? new Set() : await listPictures(dataset.location);
    for (const { image, sha256 } of wanted) if (!stored.has(image)) lost.set(sha256, 'missing-picture');
    options.check(pictures.filter(({ sha256 }) => !lost.has(sha256)));
  }
  const todo = wanted.filter(({ sha256 }) => !lost.has(sha256));
  if (todo.length === 0) return lost;
  const { modelDirs, encoders, parallel } = options;
  // One thread per picture, with several pictures at a time, uses the cores better than several threads per picture.
  const encoder = await loadImageModel(modelDirs, encoders.profile.image, { threads: 1 });
  const writers = caches.map((entry) => ({ ...entry, rows: [] as Row[] }));
  const flush = async (least: number) => {
    for (const { cache, rows } of writers) {
      if (rows.length < least) continue;
      await cache.rows.append(rows.splice(0));
      await cache.send('when-large');
    }
  };
  let done = 0;
  const encode = async (picture: HashedPicture) => {
    const { sha256 } = picture;
    const found = await readPicture(dataset, picture);
    if (found === null) {
      lost.set(sha256, 'missing-picture');
      return;
    }
    if (found.sha256 !== sha256) throw changed(picture, found.sha256);
    try {
      const decode = decoderOf(found.bytes);
      for (const { augmentation, cache, rows } of writers) {
        if (lacks(picture, { augmentation, cache }))
          rows.push({ hash: sha256, values: await encodeAugmented(encoder, decode, augmentation, sha256) });
      }
    } catch (error) {
      if (!isSightlineError(error, 'unreadable-image') && !isSightlineError(error, 'too-large')) throw error;
      lost.set(sha256, 'unreadable-picture');
    }
  };
  try {
    // All must end before the model is released, even if one fails; their results are kept.
    const work = async (picture: HashedPicture) => {
      await encode(picture);
      options.onProgress?.('pictures', ++done, todo.length);
      await flush(PICTURES_A_WRITE);
    };
    await inParallel(parallel, todo, work, options.signal).finally(() => flush(1));
  } finally {
    await encoder.close();
  }
  return lost;
}

type Decode = (preprocessing: Preprocessing) => Promise<RgbPixels>;

/** Decodes a picture once for all augmentations that need the same pixels. */
function decoderOf(bytes: Uint8Array): Decode {
  const known = new Map<Preprocessing, RgbPixels>();
  return async (preprocessing) => {
    const pixels = known.get(preprocessing) ?? (await decodeImage(bytes, preprocessing, DEFAULT_LIMITS)).pixels;
    known.set(preprocessing, pixels);
    return pixels;
  };
}

/** All outputs of the encoder for one augmentation of a picture, in the manifest's order. */
async function encodeAugmented(
  encoder: ImageModel,
  decode: Decode,
  augmentation: Augmentation,
  sha256: string,
): Promise<Float32Array> {
  const plan = planAugmentation(augmentation, encoder.preprocessing, sha256);
  const pixels = await decode(plan.preprocessing);
  const outputs = await encoder.encode(cutAugmented(pixels, plan, encoder.preprocessing.crop));
  const values = new Float32Array(Object.values(encoder.outputs).reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [name, size] of Object.entries(encoder.outputs)) {
    values.set(outputs[name]!, at);
    at += size;
  }
  return values;
}

/** The pairs of one split, in the order of its pictures. */
function pairSet(
  pictures: readonly HashedPicture[],
  caches: readonly AugmentationCache[],
  texts: OpenCache,
  outputs: Readonly<Record<string, number>>,
): PairSet {
  const hashes = pictures.map(({ sha256 }) => sha256);
  const firstCaption = new Uint32Array(pictures.length + 1);
  for (const [i, { captions }] of pictures.entries()) firstCaption[i + 1] = firstCaption[i]! + captions.length;
  return {
    pictures,
    firstCaption,
    augmented: caches.map(({ cache }) => splitOutputs(cache, hashes, outputs)),
    captions: texts.rows.rows(pictures.flatMap(({ captions }) => captions.map(hashText))),
  };
}

function splitOutputs(
  cache: OpenCache,
  hashes: readonly string[],
  outputs: Readonly<Record<string, number>>,
): Record<string, HalfRows> {
  let end = 0;
  return Object.fromEntries(
    Object.entries(outputs).map(([name, size]) => {
      const from = end;
      end += size;
      return [name, cache.rows.rows(hashes, { from, to: end })];
    }),
  );
}

function changed(picture: HashedPicture, actual: string): SightlineError {
  return new SightlineError(
    'invalid-input',
    `${picture.image}: expected a picture with SHA-256 ${picture.sha256}, got ${actual}`,
  );
}

function nothingLeft({ location, pictures }: Dataset, warnings: Dataset['warnings']): SightlineError {
  return new SightlineError(
    'invalid-input',
    `${location.name}: expected pictures in images/, got none of ${pictures.length} that can be used` +
      `${describeWarnings(warnings)} (symbolic links are not followed)`,
  );
}
