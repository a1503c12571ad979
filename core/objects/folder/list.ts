import { createHash } from 'node:crypto';
import { SightlineError } from '../../errors.ts';
import type { ListedObject } from '../../ports.ts';
import type { Page } from '../../types.ts';
import { compareUtf8 } from '../../utf8-order.ts';
import { lookAtFiles, readEntries } from './entries.ts';
import { isKey } from './key.ts';
import type { Root } from './open-directory.ts';

/** Files looked at side by side: enough to keep the four threads of libuv busy. */
export const BATCH = 32;

/**
 * One page of the keys below `root` in UTF-8 order. The tree is walked in that order and only where the page can be, so
 * a page costs what it holds and the names of the folders on its path. Symbolic links and hidden names are no objects.
 * A folder that cannot be read throws `unavailable`: leaving it out would look as if its pictures had been deleted.
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

/** Where the first of these sorted names stands that may begin like this, or be the folder in which that lies. */
function firstFrom(names: readonly string[], beginning: string): number {
  const [bound] = /^[^/]*\/?/.exec(beginning)!;
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareUtf8(names[middle]!, bound) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
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
  const all = (await readEntries(root, names)).names;
  // Those that overlap stand together: a folder of 30,000 pictures is asked for the sidecars of each.
  for (let i = firstFrom(all, prefix.slice(folder.length)); i < all.length; i++) {
    const name = all[i]!;
    const path = folder + name;
    const isFolder = name.endsWith('/');
    if (!overlaps(path, isFolder, prefix)) break;
    if (isBefore(path, isFolder, after)) continue;
    if (!isFolder) {
      files.push(name);
      if (files.length === BATCH) yield* (await lookAtFiles(root, names, files.splice(0))).objects;
      continue;
    }
    yield* (await lookAtFiles(root, names, files.splice(0))).objects;
    yield* walk(root, [...names, name.slice(0, -1)], prefix, after);
  }
  yield* (await lookAtFiles(root, names, files)).objects;
}

/** Whether the file, or something in the folder, can have the prefix. */
export function overlaps(path: string, isFolder: boolean, prefix: string): boolean {
  return path.startsWith(prefix) || (isFolder && prefix.startsWith(path));
}

/** Whether the file, or everything in the folder, is at or before `after`. */
function isBefore(path: string, isFolder: boolean, after: string): boolean {
  if (isFolder && after.startsWith(path)) return false;
  return compareUtf8(path, after) <= 0;
}
