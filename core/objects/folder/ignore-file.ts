import { readFile, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import ignore from 'ignore';
import { decodeText } from '../../files/decode-text.ts';
import { systemCode, unavailable } from '../../files/file-errors.ts';
import { type LeftOutReason, leftOutByName, leftOutFolder } from '../../files/non-picture-files.ts';
import { enterFolder, type Root } from './open-directory.ts';

/** File with patterns as in a .gitignore, for its folder and everything below. */
export const IGNORE_FILE = '.sightlineignore';

/**
 * Whether a path relative to the patterns' folder is ignored, or null when no pattern matches. Folder paths end with
 * '/'; before asking about a file, ask about the folders above it.
 */
type Ignores = (path: string) => boolean | null;

/** The patterns that apply in one folder, from the root down: the deepest one wins. */
export type Layers = readonly { readonly base: string; readonly ignores: Ignores }[];

/** What is left out of a folder. Paths are relative to the root; folder paths end with '/'. */
export interface FolderRules {
  /** The layers without those of ignore files. */
  readonly outermost: Layers;
  /** Adds the ignore file of `folder`, if there is one. */
  enter(layers: Layers, folder: string): Promise<Layers>;
  judge(path: string, layers: Layers): LeftOutReason | null;
  /** Why the object is left out, considering all folders on its path. */
  leftOut(key: string): Promise<LeftOutReason | null>;
}

/**
 * @param patterns for the whole folder
 * @param data folder of the index, left out if it is in this one
 */
export async function createRules(
  root: Root,
  patterns: readonly string[],
  data: string | undefined,
): Promise<FolderRules> {
  const own = data === undefined ? null : await pathBelow(root.path, data);
  const outermost = patterns.length === 0 ? [] : [{ base: '', ignores: compile(patterns) }];

  function judge(path: string, layers: Layers): LeftOutReason | null {
    const isFolder = path.endsWith('/');
    const name = path.split('/').at(isFolder ? -2 : -1)!;
    const byName = isFolder ? leftOutFolder(name) : leftOutByName(name);
    if (byName !== null) return byName;
    if (path === own) return 'own-data';
    let ignored = false;
    for (const { base, ignores } of layers) ignored = ignores(path.slice(base.length)) ?? ignored;
    return ignored ? 'ignored' : null;
  }

  async function enter(layers: Layers, folder: string): Promise<Layers> {
    const added = await readIgnoreFile(root, folder);
    return added === null ? layers : [...layers, { base: folder, ignores: compile(added) }];
  }

  return {
    outermost,
    enter,
    judge,
    async leftOut(key) {
      let layers: Layers = outermost;
      for (let end = -1; ; ) {
        layers = await enter(layers, key.slice(0, end + 1));
        end = key.indexOf('/', end + 1);
        if (end < 0) return judge(key, layers);
        const reason = judge(key.slice(0, end + 1), layers);
        if (reason !== null) return reason;
      }
    },
  };
}

/** Patterns as in a .gitignore (git-scm.com/docs/gitignore), one per line. */
function compile(patterns: string | readonly string[]): Ignores {
  const rules = ignore({ allowRelativePaths: true }).add(patterns as string | string[]);
  return (path) => {
    const { ignored, unignored } = rules.test(path);
    return ignored ? true : unignored ? false : null;
  };
}

async function readIgnoreFile(root: Root, folder: string): Promise<string | null> {
  const found = await enterFolder(root, folder.split('/').slice(0, -1));
  if ('blocked' in found) return null;
  await using directory = found;
  try {
    return decodeText(await readFile(join(directory.path, IGNORE_FILE)));
  } catch (error) {
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
    throw unavailable(error, 'read', join(directory.shown, IGNORE_FILE));
  }
}

/** Path of `folder` relative to `root`; null when it is not below it. */
async function pathBelow(root: string, folder: string): Promise<string | null> {
  const path = relative(root, await realpath(folder).catch(() => folder));
  return path === '' || path.startsWith('..') || path.includes(':') ? null : `${path.split(sep).join('/')}/`;
}
