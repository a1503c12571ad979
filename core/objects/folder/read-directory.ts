import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { systemCode, unavailable } from '../../files/file-errors.ts';
import type { ListedObject } from '../../ports.ts';
import { compareUtf8 } from '../../util/utf8-order.ts';
import { isHidden, isKey, keyProblem } from './key.ts';
import { enterFolder, type OpenDirectory, type Root } from './open-directory.ts';
import { listedObjectOf } from './open-file.ts';

/** Maximum names cached for folders of all stores: about 20 MB. */
const CACHED_NAMES = 200_000;
/** A folder changed more recently could change again within the resolution of its clock (2 s on FAT). */
const SETTLED_MS = 2_500;

/** The content of one folder. */
export interface Entries {
  /**
   * Files and folders that can be or hold objects, in order of the keys below them; folder names end with '/'.
   */
  readonly names: readonly string[];
  /** Everything else. */
  readonly others: readonly OtherEntry[];
}

/** An entry that neither is nor contains objects. */
export interface OtherEntry {
  /** For people; the name itself unless that is not UTF-8 or has control characters. */
  readonly shown: string;
  readonly name: Buffer;
  readonly type: 'file' | 'folder' | 'link' | 'special';
  /** What is wrong with the name, as the end of a sentence; null when it is excluded as hidden or by type. */
  readonly problem: string | null;
}

const cache = new LRUCache<string, { mtimeNs: bigint; ctimeNs: bigint; ino: bigint; entries: Entries }>({
  maxSize: CACHED_NAMES,
  sizeCalculation: ({ entries }) => entries.names.length + entries.others.length + 1,
});

/**
 * The content of the folder `names` below the root; empty when it is gone.
 * @throws {unavailable}
 */
export async function readEntries(root: Root, names: readonly string[]): Promise<Entries> {
  const found = await enterFolder(root, names);
  if ('blocked' in found) return { names: [], others: [] };
  await using directory = found;
  try {
    // Adding and removing entries changes the times of the folder (not on Windows, for FAT).
    const { ino, mtimeNs, ctimeNs, ctimeMs } = await directory.stat();
    const known = cache.get(directory.shown);
    if (known?.ino === ino && known.mtimeNs === mtimeNs && known.ctimeNs === ctimeNs) return known.entries;
    const settled = Date.now() - Number(ctimeMs) > SETTLED_MS && process.platform !== 'win32';
    const entries = await sortEntries(directory);
    if (settled) cache.set(directory.shown, { ino, mtimeNs, ctimeNs, entries });
    return entries;
  } catch (error) {
    throw unavailable(error, 'read the folder', directory.shown);
  }
}

/**
 * Sorting folders as `name/` sorts all keys: two keys first differ either in names of one folder or in what follows a
 * common name, and the keys of folder `a` come between the files `a-b` and `ab`, because '-' < '/' < 'b'.
 */
async function sortEntries(directory: OpenDirectory): Promise<Entries> {
  const names: string[] = [];
  const others: OtherEntry[] = [];
  for (const { name, entry } of await readNames(directory.path)) {
    const type = typeOf(entry);
    const text = typeof name === 'string' ? name : null;
    if (text !== null && !isHidden(text) && isKey(text) && (type === 'file' || type === 'folder')) {
      names.push(type === 'folder' ? `${text}/` : text);
    } else {
      others.push({ ...describeName(name), type });
    }
  }
  return { names: names.sort(compareUtf8), others };
}

/** Names that are UTF-8 as text, others as bytes. */
async function readNames(path: string): Promise<{ name: string | Buffer; entry: Dirent | Dirent<Buffer> }[]> {
  const entries = await readdir(path, { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes('\ufffd')))
    return entries.map((entry) => ({ name: entry.name, entry }));
  const raw = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  return raw.map((entry) => {
    const text = entry.name.toString();
    return { name: Buffer.from(text).equals(entry.name) ? text : entry.name, entry };
  });
}

function typeOf(entry: Pick<Dirent, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): OtherEntry['type'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'special';
}

function describeName(name: string | Buffer): Omit<OtherEntry, 'type'> {
  if (typeof name !== 'string') return { name, shown: showBytes(name), problem: 'is not UTF-8' };
  const problem = isHidden(name) ? null : keyProblem(name);
  return { name: Buffer.from(name), shown: showName(name), problem };
}

/** A name on one line: control characters are escaped. */
function showName(name: string): string {
  return name.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** A name that is not UTF-8: bytes above ASCII become \xNN, so that different names stay different. */
function showBytes(name: Buffer): string {
  const shown = [...name].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`));
  return showName(shown.join(''));
}

/**
 * The files of one folder as objects, and those whose path is not a valid key. Files that vanished meanwhile are in
 * neither.
 */
export async function lookAtFiles(
  root: Root,
  names: readonly string[],
  files: readonly string[],
): Promise<{ objects: ListedObject[]; notKeys: string[] }> {
  if (files.length === 0) return { objects: [], notKeys: [] };
  const entered = await enterFolder(root, names);
  if ('blocked' in entered) return { objects: [], notKeys: [] };
  await using directory = entered;
  const keys = files.map((name) => [...names, name].join('/'));
  const found = await Promise.all(
    files.map(async (name, i) => {
      const stat = await lstat(join(directory.path, name), { bigint: true }).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return null;
        throw unavailable(error, 'look at', join(directory.shown, name));
      });
      // A deep path can be too long for a key although none of its names is.
      return stat?.isFile() && isKey(keys[i]!) ? listedObjectOf(keys[i]!, stat, directory.path) : null;
    }),
  );
  return { objects: found.filter((item) => item !== null), notKeys: keys.filter((key) => !isKey(key)) };
}
