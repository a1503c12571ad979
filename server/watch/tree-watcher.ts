import { type FSWatcher, watch as fsWatch } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { IGNORE_FILE } from '../../core/objects/folder/ignore-file.ts';
import { isHidden } from '../../core/objects/folder/key.ts';

/** Paths are below the root, with '/' between names; the root itself is ''. */
export interface TreeEvents {
  /** Something happened to the file there: it may have come, changed or gone, also to make room for a folder. */
  onFile(path: string): void;
  /** A folder came or went, or it is unknown what happened in it. */
  onFolder(path: string): void;
  /** Something cannot be watched; the rest is. */
  onError(error: SightlineError): void;
  /** Folders it says true for are not watched. Hidden ones never are. */
  isLeftOut?(folder: string): Promise<boolean>;
  /** Ends the walk through the folders at the start, which may be many. */
  readonly signal?: AbortSignal;
}

export interface TreeWatcher {
  close(): void;
}

/**
 * Reports changes in a folder and everything below it, hidden names left out but for the files that say what else is
 * ignored, symbolic links not followed. Resolves once whatever happens from now on is reported; throws `unavailable`
 * when the root cannot be watched.
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
  const tree = new Tree(root, events, isRecursive, watch);
  try {
    await tree.add('');
  } catch (error) {
    tree.close();
    throw cannotWatch(error, root);
  }
  return tree;
}

class Tree implements TreeWatcher {
  readonly #root: string;
  readonly #events: TreeEvents;
  readonly #isRecursive: boolean;
  readonly #watch: typeof fsWatch;
  readonly #watchers = new Map<string, { identity: string; watcher: FSWatcher }>();
  #isClosed = false;
  /** The system takes no more watchers; said once, not for every folder. */
  #isFull = false;

  constructor(root: string, events: TreeEvents, isRecursive: boolean, watch: typeof fsWatch) {
    this.#root = root;
    this.#events = events;
    this.#isRecursive = isRecursive;
    this.#watch = watch;
  }

  /**
   * Watches the folder and those below it, unless they are already.
   * @param again also looks below those that are
   */
  async add(folder: string, again = false): Promise<void> {
    const path = join(this.#root, folder);
    const info = await lstat(path, { bigint: true });
    if (!info.isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
    // A folder that was replaced by another of the same name has lost its watcher; inode numbers are used again at
    // once.
    const identity = `${info.ino}:${info.birthtimeNs}`;
    const isWatched = this.#watchers.get(folder)?.identity === identity;
    if (this.#isClosed || (isWatched && !again)) return;
    if (!isWatched) {
      if (this.#watchers.has(folder)) this.#drop(folder);
      if (this.#isFull) return;
      this.#open(folder, path, identity);
    }
    if (!this.#isRecursive) await this.#addBelow(folder, path, again);
  }

  close(): void {
    this.#isClosed = true;
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #open(folder: string, path: string, identity: string): void {
    try {
      const watcher = this.#watch(path, { recursive: this.#isRecursive }, (type, name) => {
        void this.#onEvent(folder, type, name).catch((error: unknown) => this.#report(error, folder));
      });
      watcher.on('error', (error) => this.#report(error, folder));
      this.#watchers.set(folder, { identity, watcher });
    } catch (error) {
      this.#isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EMFILE';
      throw error;
    }
  }

  async #addBelow(folder: string, path: string, again: boolean): Promise<void> {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (this.#isClosed || this.#events.signal?.aborted) return;
      if (!entry.isDirectory() || isHidden(entry.name)) continue;
      const below = pathOf(folder, entry.name);
      if (await this.#events.isLeftOut?.(below)) continue;
      await this.add(below, again).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') this.#report(error, below);
      });
    }
  }

  /** Ends watching the folder and those below it; whether there were any. */
  #drop(folder: string): boolean {
    const below = [...this.#watchers].filter(([path]) => path === folder || path.startsWith(`${folder}/`));
    for (const [path, { watcher }] of below) {
      this.#watchers.delete(path);
      watcher.close();
    }
    return below.length > 0;
  }

  async #onEvent(folder: string, type: string, name: string | null): Promise<void> {
    const events = this.#events;
    if (name === null) return events.onFolder(folder);
    const path = pathOf(folder, process.platform === 'win32' ? name.replaceAll('\\', '/') : name);
    if (path.split('/').some(isHidden) && !path.endsWith(IGNORE_FILE)) return;
    // Of a file while it is being written: frequent, and nothing else than the file can have changed.
    if (type === 'change') return events.onFile(path);
    const info = await lstat(join(this.#root, path)).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
      throw error;
    });
    if (this.#isClosed) return;
    if (info?.isDirectory()) {
      if (await events.isLeftOut?.(path)) return;
      if (!this.#isRecursive) await this.add(path);
      events.onFolder(path);
      // It may have taken the place of a file.
      return events.onFile(path);
    }
    // Other folders may be left out now, and some may be no longer.
    if (path.endsWith(IGNORE_FILE) && !this.#isRecursive) await this.add(folder, true);
    const wasFolder = this.#drop(path);
    if (wasFolder || (this.#isRecursive && info === null)) events.onFolder(path);
    events.onFile(path);
  }

  #report(error: unknown, path: string): void {
    if (!this.#isClosed) this.#events.onError(cannotWatch(error, join(this.#root, path)));
  }
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
