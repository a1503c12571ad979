import { createHash } from 'node:crypto';
import { SightlineError } from '../../core/errors.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { CAPTIONS_FILE, type CaptionedPicture, readCaptionLines } from './captions-file.ts';

export type { CaptionedPicture } from './captions-file.ts';

/**
 * Captioned pictures in the canonical form: a folder, or a corner of a bucket, with `images/` and `captions.jsonl`, one
 * picture a line as {"image": "name.jpg", "captions": ["...", ...], "split": "train", "sha256": "..."}; the hash may be
 * missing. Pictures are read one by one when they are wanted.
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

/**
 * Reads captions.jsonl.
 * @param splits only these; all when left out
 * Throws `not-found` without a dataset there and `invalid-input` naming the line for broken text, JSON or fields, or a
 * picture named in two splits.
 */
export async function readDataset(place: DatasetPlace, splits?: readonly string[]): Promise<Dataset> {
  const warnings = new Map<DatasetWarning, number>();
  const warn = (what: DatasetWarning) => warnings.set(what, (warnings.get(what) ?? 0) + 1);
  const pictures = new Map<string, CaptionedPicture>();
  for (const line of readCaptionLines(await captionsFile(place), `${place.name}: ${CAPTIONS_FILE}`)) {
    const { where, ...found } = { ...line, captions: line.captions.filter((caption) => caption.trim() !== '') };
    for (let n = found.captions.length; n < line.captions.length; n++) warn('empty-caption');
    const earlier = pictures.get(found.image);
    if (earlier === undefined) {
      pictures.set(found.image, found);
    } else if (earlier.split !== found.split) {
      throw new SightlineError(
        'invalid-input',
        `${where}: expected ${found.image} in one split, got ${earlier.split} and ${found.split}`,
      );
    } else {
      warn('doubled-line');
      pictures.set(found.image, { ...earlier, captions: [...new Set([...earlier.captions, ...found.captions])] });
    }
  }
  const usable: CaptionedPicture[] = [];
  for (const picture of pictures.values()) {
    if (splits !== undefined && !splits.includes(picture.split)) continue;
    if (picture.captions.length === 0) warn('no-captions');
    else usable.push(picture);
  }
  if (usable.length === 0) {
    const known = [...new Set([...pictures.values()].map(({ split }) => split))].join(', ') || 'none';
    throw new SightlineError(
      'invalid-input',
      `${place.name}: expected pictures with captions${splits === undefined ? '' : ` in split ${splits.join(' or ')}`}, ` +
        `got none (${pictures.size} lines, splits: ${known}${describeWarnings(warnings)})`,
    );
  }
  return { place, pictures: usable, warnings };
}

/** `, 3 missing-picture` for each kind of warning. */
export function describeWarnings(warnings: Dataset['warnings']): string {
  return [...warnings].map(([what, count]) => `, ${count} ${what}`).join('');
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
