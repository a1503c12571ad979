import type { ObjectStore } from '../ports.ts';
import { instantDate } from './date.ts';
import { readXmp } from './xmp.ts';

/**
 * Files beside a picture that say when it was taken: `.xmp` of Lightroom and darktable, `.json` of Google Takeout.
 * Which belong together is told by their names alone, in both directions.
 */

/** What a sidecar says of its picture. Dates as `date.ts` writes them. */
export interface Sidecar {
  readonly kind: 'xmp' | 'takeout';
  readonly takenAt: string | null;
  readonly camera: string | null;
  readonly lens: string | null;
}

/** Larger ones are no sidecars. Bytes. */
const MAX_SIDECAR_BYTES = 1024 ** 2;
/** Takeout cuts the name of a sidecar to so many characters, without the counter and `.json`; sometimes to one more. */
const TAKEOUT_NAME = 46;
const TAKEOUT_SUFFIX = '.supplemental-metadata';
/** What Takeout puts behind the name of a picture that was edited, in some of its languages. */
const EDITED = /-(edited|bearbeitet|modifié|editado|editada|modificato|bewerkt|edytowane|upraveno)$/iu;
const COUNTER = /\(\d{1,4}\)$/;
const EXTENSION = /\.[a-z0-9]{2,5}$/i;

/** Whether a name is that of a sidecar, whatever it belongs to. */
export function isSidecar(key: string): boolean {
  return /\.(xmp|json)$/i.test(key);
}

/**
 * The sidecars of a picture, from the same folder. Costs one list of names, two for copies and edited pictures.
 * @throws {unavailable}
 */
export async function findSidecars(objects: ObjectStore, picture: string): Promise<Sidecar[]> {
  const { folder, name } = partsOf(picture);
  const stem = name.replace(EXTENSION, '');
  const prefixes = new Set([stem, plainStem(stem).stem].map((part) => `${part}.`.slice(0, TAKEOUT_NAME)));
  const found = new Set<string>();
  for (const prefix of prefixes) {
    for (const { key, bytes } of (await objects.list({ prefix: folder + prefix, limit: 100 })).items) {
      if (bytes <= MAX_SIDECAR_BYTES && belongs(key.slice(folder.length), name)) found.add(key);
    }
  }
  const sidecars = await Promise.all([...found].map((key) => readSidecar(objects, key)));
  return sidecars.filter((sidecar) => sidecar !== null);
}

/**
 * Keys of the pictures that a sidecar belongs to and that are there, so that they can be read again when it changes.
 * Other files of those names may be among them.
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
  const { items } = await objects.list({ prefix: folder + prefix, limit: 1000 });
  return items
    .map(({ key }) => key)
    .filter((key) => !isSidecar(key) && partsOf(key).folder === folder && belongs(name, key.slice(folder.length)));
}

/** Whether the file `sidecar` describes the file `picture`, both named without their folder. */
export function belongs(sidecar: string, picture: string): boolean {
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

/** Whether Takeout names the sidecar of `picture` so: that name, then as much of a long suffix as there is room for. */
function describes(name: string, picture: string): boolean {
  if (name === picture || name === picture.replace(EXTENSION, '')) return true;
  const whole = picture + TAKEOUT_SUFFIX;
  if (name.length < TAKEOUT_NAME) return name.startsWith(`${picture}.`) && whole.startsWith(name);
  return name.length <= TAKEOUT_NAME + 1 && whole.startsWith(name);
}

/** Name of the picture that this one is a copy of, or was edited from, and the counter of the copy. */
function plainStem(stem: string): { stem: string; counter: string } {
  const unedited = stem.replace(EDITED, '');
  const counter = COUNTER.exec(unedited)?.[0] ?? '';
  return { stem: unedited.slice(0, unedited.length - counter.length).replace(EDITED, ''), counter };
}

async function readSidecar(objects: ObjectStore, key: string): Promise<Sidecar | null> {
  const object = await objects.get(key);
  if (object === null) return null;
  if (object.info.bytes > MAX_SIDECAR_BYTES) {
    await object.body.cancel();
    return null;
  }
  const bytes = await new Response(object.body).bytes();
  return /\.xmp$/i.test(key) ? parseXmp(bytes) : parseTakeout(bytes);
}

function parseXmp(bytes: Uint8Array): Sidecar {
  const { original, digitized, camera, lens } = readXmp(bytes);
  return { kind: 'xmp', takenAt: original ?? digitized, camera, lens };
}

/** Takeout's form, or null for other JSON. Its time is an instant; nobody wrote down the local clock. */
function parseTakeout(bytes: Uint8Array): Sidecar | null {
  try {
    const { photoTakenTime } = JSON.parse(new TextDecoder().decode(bytes)) as {
      photoTakenTime?: { timestamp?: unknown };
    };
    const seconds = photoTakenTime?.timestamp;
    if (typeof seconds !== 'string' && typeof seconds !== 'number') return null;
    return { kind: 'takeout', takenAt: instantDate(new Date(Number(seconds) * 1000)), camera: null, lens: null };
  } catch {
    return null;
  }
}

function partsOf(key: string): { folder: string; name: string } {
  const end = key.lastIndexOf('/') + 1;
  return { folder: key.slice(0, end), name: key.slice(end) };
}
