import type { ListedObject, ListOptions } from '../../ports.ts';
import type { Page } from '../../types.ts';
import { compareUtf8 } from '../../util/utf8-order.ts';
import { pageCursor, pageStart } from '../key-cursor.ts';
import type { Root } from './open-directory.ts';
import { lookAtFiles, readEntries } from './read-directory.ts';

/** Files checked in parallel: enough to keep libuv's four threads busy. */
export const BATCH = 32;

/**
 * One page of the keys below `root` in UTF-8 order. Only the relevant part of the tree is read, in that order, so a
 * page costs its own items and the names of the folders on its path. Symbolic links and hidden names are not objects.
 * @throws {unavailable} for an unreadable folder: skipping it would look as if its pictures had been deleted
 */
export async function listFolder(root: Root, bucket: string, options: ListOptions): Promise<Page<ListedObject>> {
  const { prefix = '', limit } = options;
  const after = pageStart([bucket, prefix], options);
  const items: ListedObject[] = [];
  // One more than requested, to know whether there is a next page.
  for await (const item of objectsBelow(root, [], prefix, after)) {
    items.push(item);
    if (items.length > limit) break;
  }
  if (items.length <= limit) return { items };
  items.pop();
  return { items, next: pageCursor([bucket, prefix], items.at(-1)!.key) };
}

/** Index of the first of these sorted names that may have this prefix, or be a folder within it. */
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
async function* objectsBelow(
  root: Root,
  names: readonly string[],
  prefix: string,
  after: string,
): AsyncGenerator<ListedObject, void, void> {
  const folder = names.length === 0 ? '' : `${names.join('/')}/`;
  const files: string[] = [];
  const all = (await readEntries(root, names)).names;
  // Overlapping names are adjacent. This must be fast: a folder of 30,000 pictures is searched for the sidecars of
  // each.
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
    yield* objectsBelow(root, [...names, name.slice(0, -1)], prefix, after);
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
