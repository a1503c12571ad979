import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../../errors.ts';
import { OPEN_FOLDER, systemCode, unavailable } from '../../files/file-errors.ts';
import { closing } from '../../util/async-disposable.ts';

/**
 * A folder below the root, held open while it is used. On Linux `path` goes through the open descriptor
 * (/proc/self/fd), so that nobody can replace it with a symbolic link between check and use, like openat in C.
 * Elsewhere `path` is the real path, checked just before.
 */
export interface OpenDirectory extends AsyncDisposable {
  /** For system calls. */
  readonly path: string;
  /** For people. */
  readonly shown: string;
  stat(): Promise<BigIntStats>;
  /** Syncs the entries of this folder to disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The root as it was opened. After a drive is unmounted, another folder is at the same path. */
export interface Root {
  readonly path: string;
  readonly dev: bigint;
  /** Null where inode numbers do not last: see `open-file.ts`. */
  readonly ino: bigint | null;
}

/** Why a path does not lead to a folder of the bucket; `problem` continues "the key ...". */
export interface Blocked {
  readonly blocked: 'missing' | 'conflict';
  readonly problem: string;
}

const NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const byDescriptor = process.platform === 'linux';

/**
 * Opens the root.
 * @throws {unavailable} when it is gone or no longer the folder that was opened
 */
export async function enterRoot(root: Root): Promise<OpenDirectory> {
  try {
    const directory = await enter(root.path, root.path);
    const { dev, ino } = await directory.stat();
    if (dev === root.dev && (root.ino === null || ino === root.ino)) return directory;
    await directory.close();
  } catch (error) {
    throw unavailable(error, OPEN_FOLDER, root.path);
  }
  throw new SightlineError(
    'unavailable',
    `expected ${root.path} to be the folder it was at the start, found another one: was its drive unmounted?`,
    { details: { path: root.path } },
  );
}

/**
 * The folder `names` below the root, or why there is none. With `create`, missing folders are created. Symbolic links
 * are never followed: their targets are not part of the bucket.
 */
export async function enterFolder(
  root: Root,
  names: readonly string[],
  options: { create: boolean } = { create: false },
): Promise<OpenDirectory | Blocked> {
  let directory = await enterRoot(root);
  for (const name of names) {
    await using parent = directory;
    try {
      const next = await enterChild(parent, name, options.create);
      if ('blocked' in next) return next;
      directory = next;
    } catch (error) {
      throw unavailable(error, OPEN_FOLDER, join(parent.shown, name));
    }
  }
  return directory;
}

async function enterChild(parent: OpenDirectory, name: string, create: boolean): Promise<OpenDirectory | Blocked> {
  const path = join(parent.path, name);
  const shown = join(parent.shown, name);
  for (let attempt = 0; ; attempt++) {
    try {
      const directory = await enter(path, shown);
      if (await isStoredAs(parent, name)) return directory;
      await directory.close();
      return caseClash(name);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTDIR' || code === 'ELOOP') {
        return { blocked: 'conflict', problem: `needs the folder ${shown}, but that is a file or a symbolic link` };
      }
      if (code !== 'ENOENT') throw error;
      if (!create || attempt > 2)
        return { blocked: 'missing', problem: `needs the folder ${shown}, which is not there` };
    }
    await mkdir(path).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    await parent.sync();
  }
}

export function caseClash(name: string): Blocked {
  return {
    blocked: 'conflict',
    problem: `differs only in upper and lower case or Unicode form from ${JSON.stringify(name)} as it is stored`,
  };
}

async function enter(path: string, shown: string): Promise<OpenDirectory> {
  if (!byDescriptor) {
    const info = await lstat(path);
    if (!info.isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR', syscall: 'open' });
    // Windows cannot open folders; its file systems write entries through their own journal.
    const stat = () => lstat(path, { bigint: true });
    return closing({ path, shown, stat, sync: async () => {}, close: async () => {} });
  }
  const handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | NOFOLLOW);
  return closing({
    path: `/proc/self/fd/${handle.fd}`,
    shown,
    stat: () => handle.stat({ bigint: true }),
    sync: () => syncFolder(handle),
    close: () => handle.close(),
  });
}

/** Ignores file systems that cannot sync a folder, such as some network ones. */
async function syncFolder(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(systemCode(error) ?? '')) throw error;
  }
}

/**
 * Whether the entry found by `name` really has that name. A file system that ignores case or Unicode form would return
 * one file for two keys. The folder is read only if another spelling finds the same file.
 */
export async function isStoredAs(
  directory: Pick<OpenDirectory, 'path'>,
  name: string,
  system: FileNames = { lstat: (path) => lstat(path, { bigint: true }), readdir },
): Promise<boolean> {
  const swapped = [...name].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('');
  const spellings = new Set([swapped, name.normalize('NFC'), name.normalize('NFD')]);
  spellings.delete(name);
  let self: { dev: bigint; ino: bigint } | undefined;
  for (const spelling of spellings) {
    const other = await system.lstat(join(directory.path, spelling)).catch(() => null);
    if (other === null) continue;
    self ??= await system.lstat(join(directory.path, name));
    if (other.dev === self.dev && other.ino === self.ino) return (await system.readdir(directory.path)).includes(name);
  }
  return true;
}

/** How a file system matches names. */
export interface FileNames {
  lstat(path: string): Promise<{ dev: bigint; ino: bigint }>;
  readdir(path: string): Promise<string[]>;
}
