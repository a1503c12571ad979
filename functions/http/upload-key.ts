import { randomUUID } from 'node:crypto';

/** Bytes of an object key in UTF-8, as in S3. */
export const MAX_KEY_BYTES = 1024;

/** Pictures of one name that get a number; a random name follows, so that nobody looks for long. */
const MOST_OF_A_NAME = 100;

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/tiff': 'tif',
  'image/avif': 'avif',
  'image/heic': 'heic',
};

/** Devices on Windows (Microsoft, "Naming Files, Paths, and Namespaces"). */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;
/** Bytes of one name: what every file system takes, less a number that is put behind it. */
const NAME_BYTES = 240;

/**
 * The key for an upload that comes with a path and no key: its folders and its name as they are, but for what not every
 * store can hold. A bare name goes into a folder of its day, and what has none is called `unnamed`.
 */
export function uploadKey(
  path: string | undefined,
  contentType: string,
  { unnamed, now = new Date() }: { readonly unnamed: string; readonly now?: Date },
): string {
  const names = (path ?? '')
    .toWellFormed()
    .normalize('NFC')
    .split(/[\\/]+/)
    .map(portableName)
    .filter((name) => name !== '');
  const extension = EXTENSIONS[contentType.split(';')[0]!.toLowerCase()];
  const name = names.pop() ?? (extension === undefined ? unnamed : `${unnamed}.${extension}`);
  const folders = names.length === 0 ? now.toISOString().slice(0, 10).split('-') : names;
  while (Buffer.byteLength([...folders, name].join('/')) > MAX_KEY_BYTES - 16) folders.shift();
  return [...folders, name].join('/');
}

/** Keys for a picture whose own key is taken, to be tried in this order: that one, numbered ones, and a random one. */
export function* keysLike(key: string): Generator<string> {
  for (let n = 1; n <= MOST_OF_A_NAME; n++) yield numbered(key, n);
  yield numbered(key, randomUUID().slice(0, 8));
}

/** The `n`th key of the same name: `x.jpg`, `x (2).jpg`, `x (3).jpg`. */
export function numbered(key: string, n: number | string): string {
  return n === 1 ? key : key.replace(/(\.[^./]{1,10})?$/, ` (${n})$1`);
}

/** A name that folders on any system and buckets can hold; '' when nothing is left of it. */
function portableName(name: string): string {
  const bare = name
    .replace(/[\p{Cc}<>:"|?*]+/gu, '-')
    .replace(/^[. ]+|[. ]+$/g, '')
    .trim();
  const shortened = Buffer.byteLength(bare) <= NAME_BYTES ? bare : shorten(bare);
  return RESERVED.test(shortened) ? `_${shortened}` : shortened;
}

/** Keeps the extension, by which people and programs know a picture. */
function shorten(name: string): string {
  const extension = /\.[^.]{1,10}$/.exec(name)?.[0] ?? '';
  const stem = Buffer.from(name.slice(0, name.length - extension.length)).subarray(0, NAME_BYTES - 40);
  return new TextDecoder().decode(stem).replace(/\ufffd+$/, '') + extension;
}
