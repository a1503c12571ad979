import { type FSWatcher, watch as fsWatch } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { isHidden } from '../../core/objects/folder/key.ts';

/** Paths are below the root, with '/' between names; the root itself is ''. */
export interface TreeEvents {
  /** Something happened to the file there: it may have come, changed or gone. */
  onFile(path: string): void;
  /** A folder came or went, or it is unknown what happened in it. */
  onFolder(path: string): void;
  /** Something cannot be watched; the rest is. */
  onError(error: SightlineError): void;
}

export interface TreeWatcher {
  close(): void;
}

/**
 * Reports changes in a folder and everything below it, hidden names left out, symbolic links not followed. Resolves once
 * whatever happens from now on is reported; throws `unavailable` when the root cannot be watched.
 *
 * macOS and Windows watch a whole tree by themselves. Linux watches one folder at a time, so that each folder gets a
 * watcher: first the watcher, then its subfolders are read, so that no folder made in between is missed.
 *
 * @param isRecursive whether the system is asked to watch the whole tree
 * @param watch as of node:fs
 */
export async function watchTree(
  root: string,
  events: TreeEvents,
  isRecursive = process.platform !== 'linux',
  watch: typeof fsWatch = fsWatch,
): Promise<TreeWatcher> {
  const watchers = new Map<string, { identity: string; watcher: FSWatcher }>();
  let isClosed = false;
  /** The system takes no more watchers; said once, not for every folder. */
  let isFull = false;

  const report = (error: unknown, path: string) => {
    if (!isClosed) events.onError(cannotWatch(error, join(root, path)));
  };

  /** Watches the folder and those below it, unless they are already. */
  async function add(folder: string): Promise<void> {
    const path = join(root, folder);
    const info = await lstat(path, { bigint: true });
    if (!info.isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
    // A folder that was replaced by another of the same name has lost its watcher; inode numbers are used again at once.
    const identity = `${info.ino}:${info.birthtimeNs}`;
    if (isClosed || watchers.get(folder)?.identity === identity) return;
    drop(folder);
    if (isFull) return;
    try {
      const watcher = watch(path, { recursive: isRecursive }, (type, name) => {
        void onEvent(folder, type, name).catch((error: unknown) => report(error, folder));
      });
      watcher.on('error', (error) => report(error, folder));
      watchers.set(folder, { identity, watcher });
    } catch (error) {
      isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EMFILE';
      throw error;
    }
    if (isRecursive) return;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (!entry.isDirectory() || isHidden(entry.name)) continue;
      const below = pathOf(folder, entry.name);
      await add(below).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') report(error, below);
      });
    }
  }

  function drop(folder: string): boolean {
    const below = [...watchers].filter(([path]) => path === folder || path.startsWith(`${folder}/`));
    for (const [path, { watcher }] of below) {
      watchers.delete(path);
      watcher.close();
    }
    return below.length > 0;
  }

  async function onEvent(folder: string, type: string, name: string | null): Promise<void> {
    if (name === null) return events.onFolder(folder);
    const path = pathOf(folder, name.replaceAll('\\', '/'));
    if (path.split('/').some(isHidden)) return;
    // Of a file while it is being written: frequent, and nothing else than the file can have changed.
    if (type === 'change') return events.onFile(path);
    const info = await lstat(join(root, path)).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
      throw error;
    });
    if (isClosed) return;
    if (info?.isDirectory()) {
      if (!isRecursive) await add(path);
      return events.onFolder(path);
    }
    const wasFolder = drop(path);
    if (wasFolder || (isRecursive && info === null)) events.onFolder(path);
    events.onFile(path);
  }

  try {
    await add('');
  } catch (error) {
    drop('');
    throw cannotWatch(error, root);
  }
  return {
    close() {
      isClosed = true;
      for (const { watcher } of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function pathOf(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function cannotWatch(error: unknown, path: string): SightlineError {
  const code = codeOf(error);
  const advice =
    code === 'ENOSPC'
      ? 'more folders than the system watches: raise fs.inotify.max_user_watches'
      : code === 'EMFILE'
        ? 'more watchers than the system allows: raise fs.inotify.max_user_instances or ulimit -n'
        : error instanceof Error
          ? error.message
          : String(error);
  return new SightlineError('unavailable', `cannot watch ${path}: ${advice}`, { cause: error });
}
