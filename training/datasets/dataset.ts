import { createHash } from 'node:crypto';
import { SightlineError } from '../../core/errors.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { Random } from '../random.ts';
import { CAPTIONS_FILE, type CaptionedPicture, readCaptionLines } from './captions-file.ts';
import { listAll } from './source-files.ts';
import { type SplitShares, splitByName, USUAL_SHARES } from './splits.ts';

export type { CaptionedPicture } from './captions-file.ts';

/**
 * Captioned pictures in the canonical form: a folder, or a corner of a bucket, with `images/` and `captions.jsonl`, one
 * picture a line as {"image": "name.jpg", "captions": ["...", ...], "split": "train", "sha256": "..."}; split and hash
 * may be missing. Pictures are read one by one when they are wanted.
 */

/** Where a data set is. */
export interface DatasetPlace {
  readonly store: ObjectStore;
  /** For messages: the path or s3://bucket/prefix. */
  readonly name: string;
}

export interface Dataset {
  readonly place: DatasetPlace;
  /** As captions.jsonl names them; whether they are there shows when they are read. */
  readonly pictures: readonly CaptionedPicture[];
  /** What was left out or put right, and how often: `missing-picture`, `empty-caption`, ... Never silent. */
  readonly warnings: ReadonlyMap<DatasetWarning, number>;
}

export type DatasetWarning =
  /** A line whose picture is not in images/. */
  | 'missing-picture'
  /** A caption of nothing but white space. */
  | 'empty-caption'
  /** A line left without captions. */
  | 'no-captions'
  /** A further line for the same picture in the same split; its captions were added. */
  | 'doubled-line'
  /** The bytes of a picture under a second name in the same split; its captions were added. */
  | 'doubled-picture'
  /** A picture of the training split whose bytes are also in another split; left out of training. */
  | 'split-leak'
  /** A picture that cannot be decoded. */
  | 'unreadable-picture';

/** Where pictures are below the place of a data set. */
export const IMAGES_PREFIX = 'images/';

export interface DatasetOptions {
  /** Pictures of these only; of all when left out. */
  readonly splits?: readonly string[];
  /**
   * Split all pictures anew by these shares, whatever captions.jsonl says. Where it says nothing they are split
   * 80/10/10.
   */
  readonly shares?: SplitShares;
  /** Keep one caption a picture, drawn by this seed. */
  readonly captionSeed?: number;
}

/**
 * Reads captions.jsonl.
 * @throws {not-found} without a data set there
 * @throws {invalid-input} naming the line for broken text, JSON or fields, for a picture in two splits, and for some
 * lines with a split and others without
 */
export async function readDataset(place: DatasetPlace, options: DatasetOptions = {}): Promise<Dataset> {
  const { splits, captionSeed } = options;
  const warnings = new Map<DatasetWarning, number>();
  const warn = (what: DatasetWarning) => warnings.set(what, (warnings.get(what) ?? 0) + 1);
  const named = await readPictures(place, warn);
  const pictures = withSplits(place, [...named.values()], options.shares);
  const usable: CaptionedPicture[] = [];
  for (const picture of pictures) {
    if (splits !== undefined && !splits.includes(picture.split)) continue;
    if (picture.captions.length === 0) warn('no-captions');
    else usable.push(captionSeed === undefined ? picture : withOneCaption(picture, captionSeed));
  }
  if (usable.length > 0) return { place, pictures: usable, warnings };
  const known = [...new Set(pictures.map(({ split }) => split))].join(', ') || 'none';
  throw new SightlineError(
    'invalid-input',
    `${place.name}: expected pictures with captions` +
      `${splits === undefined ? '' : ` in split ${splits.join(' or ')}`}, got none (${pictures.length} lines, splits: ${known}${describeWarnings(warnings)})`,
  );
}

type NamedPicture = Omit<CaptionedPicture, 'split'> & { readonly split: string | null };

/** The pictures that captions.jsonl names, each with all of its captions. */
async function readPictures(
  place: DatasetPlace,
  warn: (what: DatasetWarning) => void,
): Promise<Map<string, NamedPicture>> {
  const pictures = new Map<string, NamedPicture>();
  for (const line of readCaptionLines(await captionsFile(place), `${place.name}: ${CAPTIONS_FILE}`)) {
    const { where, ...found } = { ...line, captions: line.captions.filter((caption) => caption.trim() !== '') };
    for (let n = found.captions.length; n < line.captions.length; n++) warn('empty-caption');
    const earlier = pictures.get(found.image);
    if (earlier === undefined) {
      pictures.set(found.image, found);
    } else if (earlier.split !== found.split) {
      const got = `${earlier.split ?? 'none'} and ${found.split ?? 'none'}`;
      throw new SightlineError('invalid-input', `${where}: expected ${found.image} in one split, got ${got}`);
    } else {
      warn('doubled-line');
      pictures.set(found.image, { ...earlier, captions: [...new Set([...earlier.captions, ...found.captions])] });
    }
  }
  return pictures;
}

function withSplits(
  { name }: DatasetPlace,
  pictures: readonly NamedPicture[],
  shares: SplitShares | undefined,
): CaptionedPicture[] {
  const unnamed = pictures.filter(({ split }) => split === null).length;
  if (shares === undefined && unnamed > 0 && unnamed < pictures.length) {
    const got = `${unnamed} of ${pictures.length} without one`;
    throw new SightlineError('invalid-input', `${name}: expected a split in every line or in none, got ${got}`);
  }
  if (shares === undefined && unnamed === 0) return pictures as readonly CaptionedPicture[] as CaptionedPicture[];
  const names = pictures.map(({ image }) => image);
  const splits = splitByName(names, shares ?? USUAL_SHARES);
  return pictures.map((picture) => ({ ...picture, split: splits.get(picture.image)! }));
}

function withOneCaption(picture: CaptionedPicture, seed: number): CaptionedPicture {
  const { captions, image } = picture;
  return { ...picture, captions: [captions[new Random(seed, `caption of ${image}`).below(captions.length)]!] };
}

/** `, 3 missing-picture` for each kind of warning. */
export function describeWarnings(warnings: Dataset['warnings']): string {
  return [...warnings].map(([what, count]) => `, ${count} ${what}`).join('');
}

/** Names of the pictures that are there, as captions.jsonl would name them. */
export async function listPictures({ store }: DatasetPlace): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { key } of listAll(store, IMAGES_PREFIX)) names.add(key.slice(IMAGES_PREFIX.length));
  return names;
}

/** Bytes and SHA-256 of a picture, or null when it is not there. */
export async function readPicture(
  { place }: Dataset,
  picture: CaptionedPicture,
): Promise<{ bytes: Uint8Array; sha256: string } | null> {
  const found = await place.store.get(IMAGES_PREFIX + picture.image);
  if (found === null) return null;
  const bytes = await bytesOf(found.body);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function captionsFile({ store, name }: DatasetPlace): Promise<Uint8Array> {
  const found = await store.get(CAPTIONS_FILE);
  if (found === null) throw new SightlineError('not-found', `expected ${CAPTIONS_FILE} in ${name}, found none`);
  return bytesOf(found.body);
}

async function bytesOf(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
