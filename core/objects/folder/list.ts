import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { SightlineError } from '../../errors.ts';
import { systemCode, unavailable } from '../../file-errors.ts';
import type { ListedObject } from '../../ports.ts';
import type { Page } from '../../types.ts';
import { compareUtf8 } from '../utf8-order.ts';
import { listedObjectOf } from './file.ts';
import { isHidden, isKey } from './key.ts';
import { enterFolder, type Place, type Root } from './open-directory.ts';

/** Files looked at side by side: enough to keep the four threads of libuv busy. */
const BATCH = 32;
/** Names of folders kept in memory, over all stores: about 20 MB. */
const CACHED_NAMES = 200_000;
/** A folder whose time is younger could have changed again within the resolution of its clock (2 s on FAT). */
const SETTLED_MS = 2_500;

/** The names in a folder in the order of the keys below them; those of folders end with '/'. */
type Names = readonly string[];

const cache = new LRUCache<string, { mtimeNs: bigint; ctimeNs: bigint; ino: bigint; names: Names }>({
  maxSize: CACHED_NAMES,
  sizeCalculation: ({ names }) => names.length + 1,
});

/**
 * One page of the keys below `root` in UTF-8 order. The tree is walked in that order and only where the page can be, so a
 * page costs what it holds and the names of the folders on its path. Symbolic links and hidden names are no objects. A
 * folder that cannot be read throws `unavailable`: leaving it out would look as if its pictures had been deleted.
 */
export async function listFolder(
  root: Root,
  bucket: string,
  options: { prefix?: string; cursor?: string; limit: number },
): Promise<Page<ListedObject>> {
  const { prefix = '', cursor, limit } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new SightlineError('invalid-input', `expected a limit of 1 to 1000, got ${limit}`);
  }
  const query = createHash('sha256')
    .update(JSON.stringify([bucket, prefix]))
    .digest('base64url')
    .slice(0, 8);
  const after = cursor === undefined ? '' : readCursor(cursor, query);
  const items: ListedObject[] = [];
  // One more than asked for, to know whether there is a next page.
  for await (const item of walk(root, [], prefix, after)) {
    items.push(item);
    if (items.length > limit) break;
  }
  if (items.length <= limit) return { items };
  items.pop();
  return { items, next: `${query}.${Buffer.from(items.at(-1)!.key).toString('base64url')}` };
}

function readCursor(cursor: string, query: string): string {
  const [made, encoded] = cursor.split('.');
  const key = Buffer.from(encoded ?? '', 'base64url').toString();
  if (made !== query || !isKey(key) || cursor !== `${query}.${Buffer.from(key).toString('base64url')}`) {
    throw new SightlineError('invalid-cursor', 'expected a cursor from the previous page of the same list');
  }
  return key;
}

/** The objects below `names` with `prefix` and a key greater than `after`, in order. */
async function* walk(
  root: Root,
  names: readonly string[],
  prefix: string,
  after: string,
): AsyncGenerator<ListedObject, void, void> {
  const folder = names.length === 0 ? '' : `${names.join('/')}/`;
  const files: string[] = [];
  for (const name of await sortedNames(root, names)) {
    const path = folder + name;
    const isFolder = name.endsWith('/');
    if (!overlaps(path, isFolder, prefix) || isBefore(path, isFolder, after)) continue;
    if (!isFolder) {
      files.push(name);
      if (files.length === BATCH) yield* await look(root, names, files.splice(0));
      continue;
    }
    yield* await look(root, names, files.splice(0));
    yield* walk(root, [...names, name.slice(0, -1)], prefix, after);
  }
  yield* await look(root, names, files);
}

/** Whether the file, or something in the folder, can have the prefix. */
function overlaps(path: string, isFolder: boolean, prefix: string): boolean {
  return path.startsWith(prefix) || (isFolder && prefix.startsWith(path));
}

/** Whether the file, or everything in the folder, is at or before `after`. */
function isBefore(path: string, isFolder: boolean, after: string): boolean {
  if (isFolder && after.startsWith(path)) return false;
  return compareUtf8(path, after) <= 0;
}

/** The files of one folder as objects, those left out that vanished since its names were read. */
async function look(root: Root, names: readonly string[], files: readonly string[]): Promise<ListedObject[]> {
  if (files.length === 0) return [];
  const place = await enterFolder(root, names);
  if ('blocked' in place) return [];
  try {
    const found = await Promise.all(
      files.map(async (name) => {
        const stat = await lstat(join(place.path, name), { bigint: true }).catch((error: unknown) => {
          if (systemCode(error) === 'ENOENT') return null;
          throw unavailable(error, 'look at', join(place.shown, name));
        });
        const key = [...names, name].join('/');
        // A deep path can be too long for a key although each of its names is not.
        return stat?.isFile() && isKey(key) ? listedObjectOf(key, stat) : null;
      }),
    );
    return found.filter((item) => item !== null);
  } finally {
    await place.close();
  }
}

async function sortedNames(root: Root, names: readonly string[]): Promise<Names> {
  const place = await enterFolder(root, names);
  if ('blocked' in place) return [];
  try {
    // Adding and removing entries changes the times of the folder (not on Windows, for FAT).
    const { ino, mtimeNs, ctimeNs, ctimeMs } = await place.stat();
    const known = cache.get(place.shown);
    if (known?.ino === ino && known.mtimeNs === mtimeNs && known.ctimeNs === ctimeNs) return known.names;
    const settled = Date.now() - Number(ctimeMs) > SETTLED_MS && process.platform !== 'win32';
    const read = await readNames(place);
    if (settled) cache.set(place.shown, { ino, mtimeNs, ctimeNs, names: read });
    return read;
  } catch (error) {
    throw unavailable(error, 'read the folder', place.shown);
  } finally {
    await place.close();
  }
}

/**
 * Sorting folders as `name/` sorts all keys: two keys differ first either in one folder's names or in what follows the
 * same name, and the keys of folder `a` stand between the file `a-b` and the file `ab`, because '-' < '/' < 'b'.
 */
async function readNames(place: Place): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(place.path, { withFileTypes: true })) {
    // A name with U+FFFD is mostly one that is not UTF-8; its file cannot be found by it and is left out when looked at.
    if (isHidden(entry.name) || !isKey(entry.name)) continue;
    if (entry.isDirectory()) names.push(`${entry.name}/`);
    else if (entry.isFile()) names.push(entry.name);
  }
  return names.sort(compareUtf8);
}
