import { randomUUID } from 'node:crypto';

/** Maximum bytes of an object key in UTF-8, as in S3. */
export const MAX_KEY_BYTES = 1024;

/** Maximum numbered keys of one name; a random one follows, to bound the number of attempts. */
const MAX_NUMBERED_KEYS = 100;

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/tiff': 'tif',
  'image/avif': 'avif',
  'image/heic': 'heic',
};

/** Device names on Windows (Microsoft, "Naming Files, Paths, and Namespaces"). */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;
/** Maximum bytes of one name: the limit of file systems, minus room for a number. */
const NAME_BYTES = 240;

/**
 * The key for an upload with a path but no key: its folders and name, without characters that some stores cannot hold.
 * A bare name goes into a folder of the day; without a name it is called `unnamed`.
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

/** Keys to try for a picture, in order: its own, numbered ones, and a random one. */
export function* keysLike(key: string): Generator<string> {
  for (let n = 1; n <= MAX_NUMBERED_KEYS; n++) yield numbered(key, n);
  yield numbered(key, randomUUID().slice(0, 8));
}

/** The `n`th key of the same name: `x.jpg`, `x (2).jpg`, `x (3).jpg`. */
export function numbered(key: string, n: number | string): string {
  return n === 1 ? key : key.replace(/(\.[^./]{1,10})?$/, ` (${n})$1`);
}

/** A name that is valid on every system and in buckets; '' when nothing is left of it. */
function portableName(name: string): string {
  const bare = name
    .replace(/[\p{Cc}<>:"|?*]+/gu, '-')
    .replace(/^[. ]+|[. ]+$/g, '')
    .trim();
  const shortened = Buffer.byteLength(bare) <= NAME_BYTES ? bare : shorten(bare);
  return RESERVED.test(shortened) ? `_${shortened}` : shortened;
}

/** Keeps the extension, by which people and programs recognise a picture. */
function shorten(name: string): string {
  const extension = /\.[^.]{1,10}$/.exec(name)?.[0] ?? '';
  const stem = Buffer.from(name.slice(0, name.length - extension.length)).subarray(0, NAME_BYTES - 40);
  return new TextDecoder().decode(stem).replace(/\ufffd+$/, '') + extension;
}
