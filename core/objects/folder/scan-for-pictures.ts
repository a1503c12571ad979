import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isSightlineError } from '../../errors.ts';
import { leftOutByName, leftOutFolder } from '../../files/non-picture-files.ts';
import type { Scanned } from '../picture-store.ts';
import type { FolderRules, Layers } from './ignore-file.ts';
import { keyProblem } from './key.ts';
import { BATCH, overlaps } from './list-objects.ts';
import type { Root } from './open-directory.ts';
import { lookAtFiles, type OtherEntry, readEntries } from './read-directory.ts';
import { describeLink } from './symbolic-link.ts';

/**
 * Everything below `root` whose path begins with `prefix`: objects in order of keys, and other files with the reason.
 * An unreadable folder is one failure and does not stop the scan; an unreadable root does.
 * @throws {unavailable} for an unreadable root
 */
export async function* scanFolder(root: Root, rules: FolderRules, prefix: string): AsyncGenerator<Scanned, void, void> {
  yield* scan({ root, rules, prefix }, [], rules.outermost);
}

interface Context {
  readonly root: Root;
  readonly rules: FolderRules;
  readonly prefix: string;
}

async function* scan(context: Context, names: readonly string[], outer: Layers): AsyncGenerator<Scanned, void, void> {
  const { root, rules, prefix } = context;
  const folder = names.length === 0 ? '' : `${names.join('/')}/`;
  try {
    const { names: entries, others } = await readEntries(root, names);
    const layers = await rules.enter(outer, folder);
    for (const entry of others) {
      if ((folder + entry.shown).startsWith(prefix)) yield* describeOther(context, folder, entry, layers);
    }
    let files: string[] = [];
    for (const name of entries) {
      const path = folder + name;
      if (!overlaps(path, name.endsWith('/'), prefix)) continue;
      const reason = rules.judge(path, layers);
      if (reason !== null) {
        if (!path.startsWith(prefix)) continue;
        if (reason === 'sidecar') yield* lookAtSidecar(root, names, name);
        else yield { type: 'left-out', reason, files: await countFiles(root, path) };
      } else if (!name.endsWith('/')) {
        files.push(name);
        if (files.length < BATCH) continue;
        yield* look(root, names, files);
        files = [];
      } else {
        yield* look(root, names, files);
        files = [];
        yield* scan(context, [...names, name.slice(0, -1)], layers);
      }
    }
    yield* look(root, names, files);
  } catch (error) {
    if (!isUnreadable(error, root)) throw error;
    const path = folder === '' ? './' : folder;
    yield { type: 'failed', path, reason: 'unreadable-folder', message: error.message, unknownBelow: folder };
  }
}

/** Whether a folder below the root cannot be read, as opposed to the root itself. */
function isUnreadable(error: unknown, root: Root): error is Error {
  if (!isSightlineError(error, 'unavailable')) return false;
  const { path } = error.details;
  return path !== undefined && path !== root.path;
}

async function* look(root: Root, names: readonly string[], files: readonly string[]): AsyncGenerator<Scanned> {
  const { objects, notKeys } = await lookAtFiles(root, names, files);
  for (const object of objects) yield { type: 'object', object };
  for (const path of notKeys) yield invalidName(path, keyProblem(path)!);
}

async function* lookAtSidecar(root: Root, names: readonly string[], file: string): AsyncGenerator<Scanned> {
  const [object] = (await lookAtFiles(root, names, [file])).objects;
  yield { type: 'left-out', reason: 'sidecar', files: 1, object };
}

/** Describes entries that are not objects: hidden ones, invalid names, links, and special files. */
async function* describeOther(
  { root, rules }: Context,
  folder: string,
  entry: OtherEntry,
  layers: Layers,
): AsyncGenerator<Scanned> {
  const { name, shown, type, problem } = entry;
  const real = Buffer.concat([Buffer.from(join(root.path, folder) + (folder === '' ? sep : '')), name]);
  const judged = type === 'folder' ? leftOutFolder(name.toString()) : leftOutByName(name.toString());
  const reason =
    judged ?? (problem === null ? rules.judge(folder + shown + (type === 'folder' ? '/' : ''), layers) : null);
  if (reason !== null) {
    yield { type: 'left-out', reason, files: type === 'folder' ? await count(filesBelow(real)) : 1 };
  } else if (type === 'link') {
    yield await describeLink(root, folder + shown, real);
  } else if (type === 'special') {
    yield { type: 'left-out', reason: 'special', files: 1 };
  } else if (type === 'file') {
    yield invalidName(folder + shown, problem!);
  } else {
    for await (const below of filesBelow(real)) yield invalidName(`${folder}${shown}/${below}`, problem!);
  }
}

function invalidName(path: string, problem: string): Scanned {
  const message = `the name ${problem}, so the file cannot be opened by it: rename it`;
  return { type: 'failed', path, reason: 'invalid-name', message };
}

async function countFiles(root: Root, path: string): Promise<number> {
  return path.endsWith('/') ? count(filesBelow(Buffer.from(join(root.path, path)))) : 1;
}

async function count(files: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of files) found++;
  return found;
}

/** Paths, for people, of all files below a folder. Unreadable subfolders are skipped. */
async function* filesBelow(folder: Buffer): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch(() => [])) {
    const name = entry.name.toString();
    if (!entry.isDirectory()) yield name;
    else
      for await (const below of filesBelow(Buffer.concat([folder, Buffer.from(sep), entry.name])))
        yield `${name}/${below}`;
  }
}
