import { createHash } from 'node:crypto';
import { isSightlineError } from '../errors.ts';
import type { ListedObject, ObjectStore } from '../ports.ts';
import { everyItem } from '../util/paginate.ts';
import { compareUtf8 } from '../util/utf8-order.ts';
import { instantDate } from './parse-date.ts';
import { readXmp } from './xmp.ts';

/**
 * Files beside a picture that say when it was taken: `.xmp` of Lightroom and darktable, `.json` of Google Takeout.
 * Only names decide which files belong together, in both directions.
 */

/** Metadata in a sidecar. Dates in the form of `parse-date.ts`. */
export interface Sidecar {
  readonly kind: 'xmp' | 'takeout';
  readonly takenAt: string | null;
  readonly camera: string | null;
  readonly lens: string | null;
  readonly keywords: readonly string[];
}

/** The sidecars of a picture. */
export interface FoundSidecars {
  readonly files: readonly Sidecar[];
  /** See `sidecarMark`. */
  readonly mark: string | null;
}

/** Larger files are not sidecars. Bytes. */
const MAX_SIDECAR_BYTES = 1024 ** 2;
/** Takeout cuts the name of a sidecar to this many characters, sometimes one more, without the counter and `.json`. */
const TAKEOUT_NAME = 46;
const TAKEOUT_SUFFIX = '.supplemental-metadata';
/** Takeout's suffix for edited pictures, in several languages. */
const EDITED = /-(edited|bearbeitet|modifié|editado|editada|modificato|bewerkt|edytowane|upraveno)$/iu;
const COUNTER = /\(\d{1,4}\)$/;
const EXTENSION = /\.[a-z0-9]{2,5}$/i;

/** Error codes for a file that may not be read. */
const FORBIDDEN = ['EACCES', 'EPERM'];

/** Whether a name is that of a sidecar. */
export function isSidecar(key: string): boolean {
  return /\.(xmp|json)$/i.test(key);
}

/**
 * Finds and reads the sidecars of a picture. Costs one list request, two for copies and edited pictures.
 * @throws {unavailable}
 */
export async function findSidecars(objects: ObjectStore, picture: string): Promise<FoundSidecars> {
  const found = await listSidecars(objects, picture);
  const sidecars = await Promise.all(found.map(({ key }) => readSidecar(objects, key)));
  return { files: sidecars.filter((sidecar) => sidecar !== null), mark: sidecarMark(found) };
}

/**
 * The sidecars of a picture, from the same folder, in the order of their keys.
 * @throws {unavailable}
 */
export async function listSidecars(objects: Pick<ObjectStore, 'list'>, picture: string): Promise<ListedObject[]> {
  const { folder, name } = partsOf(picture);
  const found = new Map<string, ListedObject>();
  for (const prefix of prefixesOf(name)) {
    const list = (cursor?: string) => objects.list({ prefix: folder + prefix, limit: 1000, cursor });
    for await (const item of everyItem(list)) if (isSidecarOf(item, folder, name)) found.set(item.key, item);
  }
  return [...found.values()].toSorted((a, b) => compareUtf8(a.key, b.key));
}

/** A fingerprint of sidecars and their versions, to detect changes; null for none. */
export function sidecarMark(found: readonly Pick<ListedObject, 'key' | 'etag'>[]): string | null {
  if (found.length === 0) return null;
  const versions = found.map(({ key, etag }) => `${partsOf(key).name}\0${etag}\0`);
  return createHash('sha256').update(versions.join('')).digest('hex').slice(0, 16);
}

/** The sidecars among all files of a store, for looking up many pictures. */
export class SidecarList {
  /** By folder, in the order of their keys. */
  readonly #folders = new Map<string, ListedObject[]>();

  /** Adds a file; call it in order of keys. */
  add(file: ListedObject): void {
    if (!isSidecar(file.key)) return;
    const { folder } = partsOf(file.key);
    const files = this.#folders.get(folder) ?? [];
    files.push(file);
    this.#folders.set(folder, files);
  }

  /** As `listSidecars`. */
  of(picture: string): ListedObject[] {
    const { folder, name } = partsOf(picture);
    const files = this.#folders.get(folder);
    if (files === undefined) return [];
    const found = new Map<string, ListedObject>();
    for (const prefix of prefixesOf(name)) {
      for (let i = firstFrom(files, folder + prefix); files[i]?.key.startsWith(folder + prefix); i++) {
        if (isSidecarOf(files[i]!, folder, name)) found.set(files[i]!.key, files[i]!);
      }
    }
    return [...found.values()].toSorted((a, b) => compareUtf8(a.key, b.key));
  }
}

/** Index of the first file whose key is not before this one. */
function firstFrom(files: readonly ListedObject[], key: string): number {
  let [low, high] = [0, files.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(files[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A name in both Unicode forms: which one is written depends on the program and the file system. */
function spellings(name: string): string[] {
  return [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])];
}

/** Prefixes of the names of a picture's sidecars. */
function prefixesOf(name: string): Set<string> {
  const stem = name.replace(EXTENSION, '');
  const parts = [stem, plainStem(stem).stem].flatMap((part) => spellings(`${part}.`));
  return new Set(parts.map((part) => part.slice(0, TAKEOUT_NAME)));
}

function isSidecarOf({ key, bytes }: ListedObject, folder: string, name: string): boolean {
  return bytes <= MAX_SIDECAR_BYTES && partsOf(key).folder === folder && belongs(key.slice(folder.length), name);
}

/**
 * Keys of the existing pictures that a sidecar belongs to, so that they can be read again when it changes. Other files
 * with those names may be included.
 * @throws {unavailable}
 */
export async function picturesOfSidecar(objects: ObjectStore, sidecar: string): Promise<string[]> {
  const { folder, name } = partsOf(sidecar);
  const described = name
    .replace(/\.(xmp|json)$/i, '')
    .replace(COUNTER, '')
    .replace(/\.s[a-z-]*$/, '');
  const prefix = described.replace(EXTENSION, '');
  if (!isSidecar(sidecar) || prefix === '') return [];
  const pages = spellings(prefix).map((begin) => objects.list({ prefix: folder + begin, limit: 1000 }));
  const keys = new Set((await Promise.all(pages)).flatMap(({ items }) => items.map(({ key }) => key)));
  return [...keys].filter(
    (key) => !isSidecar(key) && partsOf(key).folder === folder && belongs(name, key.slice(folder.length)),
  );
}

/**
 * Whether the file `sidecar` describes the file `picture`, both named without their folder. Programs write extensions
 * in either case; the caller, which lists the names, checks that the rest agrees.
 */
export function belongs(sidecar: string, picture: string): boolean {
  return isNamedFor(sidecar.normalize().toLowerCase(), picture.normalize().toLowerCase());
}

function isNamedFor(sidecar: string, picture: string): boolean {
  const stem = picture.replace(EXTENSION, '');
  const extension = picture.slice(stem.length);
  if (/\.xmp$/i.test(sidecar)) return [picture, stem].includes(sidecar.slice(0, -4));
  if (!/\.json$/i.test(sidecar)) return false;
  const plain = plainStem(stem);
  const [, base, counter] = /^(.*?)(\(\d{1,4}\))?$/su.exec(sidecar.slice(0, -5)) as unknown as [
    string,
    string,
    string?,
  ];
  return (
    describes(base + (counter ?? ''), stem.replace(EDITED, '') + extension) ||
    // x(1).jpg has x.jpg(1).json or x.jpg.supplemental-metadata(1).json.
    ((counter ?? '') === plain.counter && describes(base, plain.stem + extension))
  );
}

/** Whether Takeout would name the sidecar of `picture` like this: its name, then as much of a long suffix as fits. */
function describes(name: string, picture: string): boolean {
  if (name === picture || name === picture.replace(EXTENSION, '')) return true;
  const whole = picture + TAKEOUT_SUFFIX;
  if (name.length < TAKEOUT_NAME) return name.startsWith(`${picture}.`) && whole.startsWith(name);
  return name.length <= TAKEOUT_NAME + 1 && whole.startsWith(name);
}

/** Name of the original of a copied or edited picture, and the counter of the copy. */
function plainStem(stem: string): { stem: string; counter: string } {
  const unedited = stem.replace(EDITED, '');
  const counter = COUNTER.exec(unedited)?.[0] ?? '';
  return { stem: unedited.slice(0, unedited.length - counter.length).replace(EDITED, ''), counter };
}

async function readSidecar(objects: ObjectStore, key: string): Promise<Sidecar | null> {
  const object = await objects.get(key).catch((error: unknown) => {
    // An unreadable sidecar does not exclude its picture. Once it is readable, its version differs.
    if (isSightlineError(error, 'unavailable') && FORBIDDEN.includes(String(error.details.code))) return null;
    throw error;
  });
  if (object === null) return null;
  if (object.info.bytes > MAX_SIDECAR_BYTES) {
    await object.body.cancel();
    return null;
  }
  const bytes = await new Response(object.body).bytes();
  return /\.xmp$/i.test(key) ? parseXmp(bytes) : parseTakeout(bytes);
}

function parseXmp(bytes: Uint8Array): Sidecar {
  const { original, digitized, camera, lens, keywords } = readXmp(bytes);
  return { kind: 'xmp', takenAt: original ?? digitized, camera, lens, keywords };
}

/** Parses Takeout's JSON; null for other JSON. Its time is an instant; the local time is unknown. */
function parseTakeout(bytes: Uint8Array): Sidecar | null {
  try {
    const { photoTakenTime } = JSON.parse(new TextDecoder().decode(bytes)) as {
      photoTakenTime?: { timestamp?: unknown };
    };
    const seconds = photoTakenTime?.timestamp;
    if (typeof seconds !== 'string' && typeof seconds !== 'number') return null;
    const takenAt = instantDate(new Date(Number(seconds) * 1000));
    return { kind: 'takeout', takenAt, camera: null, lens: null, keywords: [] };
  } catch {
    return null;
  }
}

function partsOf(key: string): { folder: string; name: string } {
  const end = key.lastIndexOf('/') + 1;
  return { folder: key.slice(0, end), name: key.slice(end) };
}
