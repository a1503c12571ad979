import { type FSWatcher, watch as fsWatch } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { IGNORE_FILE } from '../../core/objects/folder/ignore-file.ts';
import { isHidden } from '../../core/objects/folder/key.ts';

/** Paths are relative to the root, with '/' between names; the root is ''. */
export interface TreeEvents {
  /** The file may have been added, changed or removed, or replaced by a folder. */
  onFile(path: string): void;
  /** A folder was added or removed, or may have changed in unknown ways. */
  onFolder(path: string): void;
  /** Something cannot be watched; the rest is. */
  onError(error: SightlineError): void;
  /** Returns true for folders not to watch. Hidden ones are never watched. */
  isLeftOut?(folder: string): Promise<boolean>;
  /** Aborts the initial walk through the folders, which may be many. */
  readonly signal?: AbortSignal;
}

export interface TreeWatcher {
  close(): void;
}

/**
 * Reports changes in a folder and everything below it, except hidden names other than ignore files. Does not follow
 * symbolic links. Resolves once all further changes will be reported.
 *
 * macOS and Windows can watch a whole tree. Linux watches single folders, so each folder gets a watcher: the watcher
 * starts before the subfolders are read, so that no new folder is missed.
 *
 * @param isRecursive whether the system watches the whole tree
 * @param watch `watch` of node:fs
 * @throws {unavailable} when the root cannot be watched
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
  /** Whether the system's limit of watchers is reached; reported once, not for every folder. */
  #isFull = false;

  constructor(root: string, events: TreeEvents, isRecursive: boolean, watch: typeof fsWatch) {
    this.#root = root;
    this.#events = events;
    this.#isRecursive = isRecursive;
    this.#watch = watch;
  }

  /**
   * Watches the folder and all below it, unless they are watched already.
   * @param again also visits subfolders of watched folders
   */
  async add(folder: string, again = false): Promise<void> {
    const path = join(this.#root, folder);
    const info = await lstat(path, { bigint: true });
    if (!info.isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
    // A folder replaced by another of the same name has lost its watcher; inode numbers are reused at once.
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
        void this.#onEvent(folder, type, name).catch((error: unknown) => {
          this.#report(error, folder);
          if (!this.#isClosed) this.#events.onFolder(folder);
        });
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
      try {
        if (!(await this.#events.isLeftOut?.(below))) await this.add(below, again);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') this.#report(error, below);
      }
    }
  }

  /** Stops watching the folder and all below it; returns whether any was watched. */
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
    // Sent often while a file is being written; only the file itself can have changed.
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
      // It may have replaced a file.
      return events.onFile(path);
    }
    // The set of ignored folders may have changed.
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
