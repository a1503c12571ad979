import { decodeImage } from '../encode/decode.ts';
import { DEFAULT_LIMITS, type Encoders } from '../encode/encoders.ts';
import { type ImageEncoder, loadImageEncoder } from '../encode/image-encoder.ts';
import { fingerprintKey } from '../encode/space.ts';
import { isSightlineError, SightlineError } from '../errors.ts';
import { inParallel } from '../parallel.ts';
import { type CaptionedPicture, type Dataset, type DatasetWarning, describeWarnings, readPicture } from './dataset.ts';
import { HalfMatrix } from './half.ts';
import { type HashedPicture, hashPictures, joinDoubles, TRAINING } from './hashed-pictures.ts';
import { hashText, type Row } from './record-cache.ts';
import { type CachePlace, type OpenCache, openCache } from './shared-cache.ts';
import { cutView, planView, type View } from './views.ts';

/** Captioned pictures to encoder outputs, through the encoders and the preprocessing of serving and a cache on disk. */

/** Encoder outputs of the pictures and captions of one split. */
export interface PairSet {
  readonly pictures: readonly CaptionedPicture[];
  /**
   * One matrix [pictures, size] an output of the image encoder, for each view. The first view is what serving sees, and the
   * only one outside the split "train".
   */
  readonly views: readonly Readonly<Record<string, HalfMatrix>>[];
  /** [captions, text dimension] */
  readonly captions: HalfMatrix;
  /** Captions of picture p are rows firstCaption[p] to firstCaption[p + 1] - 1. */
  readonly firstCaption: Uint32Array;
}

export interface FeatureOptions extends CachePlace {
  readonly encoders: Encoders;
  readonly modelDirs: readonly string[];
  readonly views: readonly View[];
  /** Pictures decoded and encoded at the same time. */
  readonly parallel: number;
  /** @param done of `total`, `unit` being "pictures" or "captions"; not called for what is cached */
  readonly onProgress?: (unit: string, done: number, total: number) => void;
}

export interface Features {
  readonly splits: ReadonlyMap<string, PairSet>;
  readonly warnings: ReadonlyMap<DatasetWarning, number>;
}

/** Rows appended at once: little is lost by an interruption. */
const PICTURES_A_WRITE = 64;
const CAPTIONS_A_WRITE = 4096;

/** Encodes what is not cached yet and answers with everything. Throws `unavailable` when the cache cannot be written. */
export async function loadFeatures(dataset: Dataset, options: FeatureOptions): Promise<Features> {
  const warnings = new Map(dataset.warnings);
  const warn = (what: DatasetWarning) => warnings.set(what, (warnings.get(what) ?? 0) + 1);
  let pictures = joinDoubles(await hashPictures(dataset, options.parallel, warn), warn);
  const views: Readonly<Record<string, HalfMatrix>>[] = [];
  const images = await openImageCaches(options);
  try {
    const lost = await encodeMissing(dataset, pictures, images, options);
    for (const what of lost.values()) warn(what);
    pictures = pictures.filter(({ sha256 }) => !lost.has(sha256));
    if (pictures.length === 0) throw nothingLeft(dataset, warnings);
    const { outputs } = options.encoders.image;
    const wanted = (view: number) => pictures.filter((picture) => isWanted(picture, view)).map(({ sha256 }) => sha256);
    for (const [view, { cache }] of images.entries()) {
      views.push(splitOutputs(await cache.rows.read(wanted(view)), outputs));
    }
    for (const { cache } of images) await cache.send('everything');
  } finally {
    for (const { cache } of images) await cache.close();
  }
  const texts = pictures.flatMap(({ captions }) => captions);
  return { splits: bySplit(pictures, views, await loadTexts(texts, options)), warnings };
}

/** Vectors of texts, one row each. */
export async function loadTexts(texts: readonly string[], options: FeatureOptions): Promise<HalfMatrix> {
  const { encoders } = options;
  const { key, dimension, name } = encoders.text;
  const cache = await openCache(options, `text-${key}`, { made: { encoder: name, key }, columns: dimension });
  try {
    const hashes = texts.map(hashText);
    const missing = new Map(hashes.flatMap((hash, i) => (cache.rows.has(hash) ? [] : [[hash, texts[i]!] as const])));
    // Neighbours in length make full batches of one length.
    const todo = [...missing].sort(([, a], [, b]) => a.length - b.length || (a < b ? -1 : 1));
    for (let start = 0; start < todo.length; start += CAPTIONS_A_WRITE) {
      const part = todo.slice(start, start + CAPTIONS_A_WRITE);
      const vectors = await encoders.text.encode(
        part.map(([, text]) => text),
        (done) => options.onProgress?.('captions', start + done, todo.length),
      );
      await cache.rows.append(part.map(([hash], i) => ({ hash, values: vectors[i]! })));
      await cache.send('when-large');
    }
    await cache.send('everything');
    return await cache.rows.read(hashes);
  } finally {
    await cache.close();
  }
}

/** Only training looks at a picture in more than one way. */
function isWanted({ split }: CaptionedPicture, view: number): boolean {
  return view === 0 || split === TRAINING;
}

interface ViewCache {
  readonly view: View;
  readonly cache: OpenCache;
}

async function openImageCaches(options: FeatureOptions): Promise<ViewCache[]> {
  const { encoders, views } = options;
  const { key, name, outputs } = encoders.image;
  const columns = Object.values(outputs).reduce((sum, size) => sum + size, 0);
  const open: ViewCache[] = [];
  for (const view of views) {
    // The name alone would not tell two versions of a view apart.
    const path = `image-${key}/${view.name}-${fingerprintKey({ ...view }).slice(0, 8)}`;
    open.push({
      view,
      cache: await openCache(options, path, { made: { encoder: name, key, outputs, view }, columns }),
    });
  }
  return open;
}

/** Encodes the views that are not cached, several pictures at a time. Answers with the hashes of what cannot be encoded. */
async function encodeMissing(
  dataset: Dataset,
  pictures: readonly HashedPicture[],
  caches: readonly ViewCache[],
  options: FeatureOptions,
): Promise<Map<string, 'missing-picture' | 'unreadable-picture'>> {
  const unique = [...new Map(pictures.map((picture) => [picture.sha256, picture])).values()];
  const lacks = (picture: HashedPicture, { cache, view }: ViewCache) =>
    isWanted(picture, options.views.indexOf(view)) && !cache.rows.has(picture.sha256);
  const todo = unique.filter((picture) => caches.some((entry) => lacks(picture, entry)));
  const lost = new Map<string, 'missing-picture' | 'unreadable-picture'>();
  if (todo.length === 0) return lost;
  const { modelDirs, encoders, parallel } = options;
  // One thread a picture and several pictures at a time keep the cores busier than several threads a picture.
  const encoder = await loadImageEncoder(modelDirs, encoders.profile.image, { threads: 1 });
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
      for (const { view, cache, rows } of writers) {
        if (lacks(picture, { view, cache }))
          rows.push({ hash: sha256, values: await encodeView(encoder, found.bytes, view, sha256) });
      }
    } catch (error) {
      if (!isSightlineError(error, 'unreadable-image') && !isSightlineError(error, 'too-large')) throw error;
      lost.set(sha256, 'unreadable-picture');
    }
  };
  try {
    // All of them have ended before the model goes, also when one fails; what they made is kept then, too.
    await inParallel(parallel, todo, async (picture) => {
      await encode(picture);
      options.onProgress?.('pictures', ++done, todo.length);
      await flush(PICTURES_A_WRITE);
    }).finally(() => flush(1));
  } finally {
    await encoder.close();
  }
  return lost;
}

/** All outputs of the encoder for one view of a picture, in the manifest's order. */
async function encodeView(encoder: ImageEncoder, bytes: Uint8Array, view: View, sha256: string): Promise<Float32Array> {
  const plan = planView(view, encoder.preprocessing, sha256);
  const { pixels } = await decodeImage(bytes, plan.preprocessing, DEFAULT_LIMITS);
  const outputs = await encoder.encode(cutView(pixels, plan, encoder.preprocessing.crop));
  const values = new Float32Array(Object.values(encoder.outputs).reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [name, size] of Object.entries(encoder.outputs)) {
    values.set(outputs[name]!, at);
    at += size;
  }
  return values;
}

function splitOutputs(all: HalfMatrix, outputs: Readonly<Record<string, number>>): Record<string, HalfMatrix> {
  const parts: Record<string, HalfMatrix> = {};
  let from = 0;
  for (const [name, size] of Object.entries(outputs)) {
    const part = new HalfMatrix(all.rows, size);
    for (let row = 0; row < all.rows; row++) {
      part.bits.set(all.bits.subarray(row * all.columns + from, row * all.columns + from + size), row * size);
    }
    parts[name] = part;
    from += size;
  }
  return parts;
}

function bySplit(
  pictures: readonly HashedPicture[],
  views: readonly Readonly<Record<string, HalfMatrix>>[],
  captions: HalfMatrix,
): Map<string, PairSet> {
  const captionStart = new Map<HashedPicture, number>();
  let start = 0;
  for (const picture of pictures) {
    captionStart.set(picture, start);
    start += picture.captions.length;
  }
  const splits = new Map<string, PairSet>();
  for (const split of new Set(pictures.map((picture) => picture.split))) {
    const own = pictures.filter((picture) => picture.split === split);
    const firstCaption = new Uint32Array(own.length + 1);
    for (const [i, picture] of own.entries()) firstCaption[i + 1] = firstCaption[i]! + picture.captions.length;
    const seen = views.flatMap((matrices, view) => {
      if (!own.every((picture) => isWanted(picture, view))) return [];
      const all = pictures.filter((picture) => isWanted(picture, view));
      const rows = all.flatMap((picture, row) => (picture.split === split ? [row] : []));
      return [Object.fromEntries(Object.entries(matrices).map(([name, matrix]) => [name, matrix.pick(rows)]))];
    });
    const captionRows = own.flatMap((picture) => picture.captions.map((_, i) => captionStart.get(picture)! + i));
    splits.set(split, { pictures: own, views: seen, captions: captions.pick(captionRows), firstCaption });
  }
  return splits;
}

function changed(picture: HashedPicture, actual: string): SightlineError {
  return new SightlineError(
    'invalid-input',
    `${picture.image}: expected a picture with SHA-256 ${picture.sha256}, got ${actual}`,
  );
}

function nothingLeft({ place, pictures }: Dataset, warnings: Dataset['warnings']): SightlineError {
  return new SightlineError(
    'invalid-input',
    `${place.name}: expected pictures in images/, got none of ${pictures.length} that can be used` +
      `${describeWarnings(warnings)} (symbolic links are not followed)`,
  );
}
