import { lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { isSightlineError } from '../../core/errors.ts';
import { isSidecar } from '../../core/metadata/sidecar.ts';
import { IGNORE_FILE } from '../../core/objects/folder/ignore-file.ts';
import { isKey } from '../../core/objects/folder/key.ts';
import { imageId } from '../../core/point-ids.ts';
import type { ListedObject } from '../../core/ports.ts';
import { createMountCheck } from './mount-check.ts';
import { compare, emitChange, type Reconciled, type ReconcileOptions, reconcile } from './reconcile.ts';
import { type TreeWatcher, watchTree } from './recursive-fs-watch.ts';

export interface FolderSourceOptions extends ReconcileOptions {
  readonly root: string;
  readonly logger: Logger;
  /**
   * How long a file must be unchanged before it counts as completely written. Milliseconds.
   * @default 300
   */
  readonly quietMs?: number;
  /**
   * How often the whole folder is compared with the index, to catch changes that the system does not report: on network
   * drives, or too many at once. Milliseconds, 0 for never.
   * @default 600000
   */
  readonly resyncMs?: number;
  /** Aborts the initial comparison. Afterwards use `close`. */
  readonly signal?: AbortSignal;
}

export interface FolderSource {
  /** Result of the initial comparison. */
  readonly found: Reconciled;
  close(): Promise<void>;
}

/** Files checked in parallel; each takes a few descriptors. */
const LOOKS_AT_ONCE = 8;

/**
 * A watched folder as a source of S3 events: first everything that differs from the index, then every change as it
 * happens. Resolves after the first part. Watching starts before it, so that no change in between is lost.
 * @throws {unavailable} when the folder cannot be read or looks like an unmounted drive
 */
export async function watchFolder(options: FolderSourceOptions): Promise<FolderSource> {
  const watcher = new FolderWatcher(options, await realpath(options.root));
  try {
    const found = await watcher.start();
    return { found, close: () => watcher.close() };
  } catch (error) {
    await watcher.close();
    throw error;
  }
}

class FolderWatcher {
  readonly #options: FolderSourceOptions;
  readonly #root: string;
  readonly #quietMs: number;
  readonly #looks = new PQueue({ concurrency: LOOKS_AT_ONCE, autoStart: false });
  readonly #comparisons = new PQueue({ concurrency: 1 });
  /**
   * Files to check once they have been unchanged for a while, with their state at the last check.
   */
  readonly #quiet = new Map<string, { timer: NodeJS.Timeout; before: string }>();
  /** Key prefixes with a pending comparison. */
  readonly #prefixes = new Set<string>();
  readonly #stop = new AbortController();
  readonly #stopped: AbortSignal;
  #tree: TreeWatcher | undefined;
  #clock: NodeJS.Timeout | undefined;

  constructor(options: FolderSourceOptions, root: string) {
    this.#options = options;
    this.#root = root;
    this.#quietMs = options.quietMs ?? 300;
    const { signal } = this.#stop;
    this.#stopped = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
  }

  async start(): Promise<Reconciled> {
    const { logger, store, resyncMs = 600_000 } = this.#options;
    this.#tree = await watchTree(this.#root, {
      onFile: (path) => this.#onFile(path),
      onFolder: (path) => this.#compareLater(path === '' ? '' : `${path}/`),
      onError: (error) => logger.error({ err: error }, error.message),
      isLeftOut: async (folder) => (await store.leftOut(`${folder}/`)) !== null,
      signal: this.#stopped,
    }).catch((error: unknown) => {
      // Its pictures can be shown all the same. If the folder is gone, the comparison says so.
      logger.error({ err: error }, `${error instanceof Error ? error.message : error}; it is only compared regularly`);
      return undefined;
    });
    if (resyncMs > 0) this.#clock = setInterval(() => this.#compareLater(''), resyncMs).unref();
    const found = await this.#comparisons.add(() => this.#compare(''));
    this.#looks.start();
    return found;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#tree?.close();
    clearInterval(this.#clock);
    for (const { timer } of this.#quiet.values()) clearTimeout(timer);
    this.#quiet.clear();
    this.#looks.clear();
    this.#comparisons.clear();
    await Promise.all([this.#looks.onIdle(), this.#comparisons.onIdle()]);
  }

  #onFile(path: string): void {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    if (path.endsWith(IGNORE_FILE)) this.#compareLater(folder);
    // Not a valid key, or with U+FFFD perhaps not: only reading its folder tells what it is.
    else if (!isKey(path) || path.includes('\ufffd')) this.#compareLater(nearestPrefix(folder));
    else this.#touch(path);
  }

  /** Checks the file once it has been unchanged for a while. */
  #touch(key: string, before = ''): void {
    if (this.#stopped.aborted) return;
    const waiting = this.#quiet.get(key);
    if (waiting !== undefined) {
      waiting.timer.refresh();
      return;
    }
    const timer = setTimeout(() => {
      const { before } = this.#quiet.get(key)!;
      this.#quiet.delete(key);
      const look = () => this.#look(key, before);
      void this.#looks.add(look).catch((error: unknown) => this.#report(error, { key }, 'not seen'));
    }, this.#quietMs);
    this.#quiet.set(key, { timer, before });
  }

  async #look(key: string, before: string): Promise<void> {
    const { store, vectors, failures } = this.#options;
    if (this.#stopped.aborted) return;
    const leftOut = await store.leftOut(key);
    if (leftOut === 'sidecar' && isSidecar(key)) emitChange(this.#options, 'created', { key }, undefined);
    if (leftOut !== null) return;
    const file = await lstat(join(this.#root, key), { bigint: true }).catch(() => null);
    if (file?.isSymbolicLink()) return this.#compareLater(key.slice(0, key.lastIndexOf('/') + 1));
    const isFile = file?.isFile() === true;
    if (isFile) {
      // Not every system reports every write. ctime cannot be set; a future one comes from another machine's clock.
      const now = `${file.ino}:${file.size}:${file.mtimeNs}:${file.ctimeNs}`;
      const isYoung = Date.now() - Number(file.ctimeMs) < this.#quietMs * 0.9;
      if (isYoung && now !== before) return this.#touch(key, now);
    }
    const id = imageId(store.bucket, key);
    const head = async () =>
      store.head(key).catch((error: unknown) => {
        // A file that exists but cannot be read still goes to the index: people should see its failure.
        if (file === null) throw error;
        return { key };
      });
    const object = file === null || isFile ? await head() : null;
    const stored = (await vectors.get([id])).get(id);
    const isStored = stored?.deleted === false;
    if (object === null) {
      // A file that is left out needs an event only if it replaced a picture.
      if (file !== null && !isStored && (await failures.get(id)) === null) return;
      const indexedAt = isStored ? stored.payload.indexedAt : '';
      if (await createMountCheck(this.#root)(key, Date.parse(indexedAt))) return;
      emitChange(this.#options, 'removed', { key }, stored);
    } else if ('etag' in object) await compare(this.#options, object, stored);
    else emitChange(this.#options, 'created', object, stored);
  }

  /** Compares all keys with a prefix, once for all requests before it starts. */
  #compareLater(prefix: string): void {
    if (this.#stopped.aborted || this.#prefixes.has(prefix)) return;
    this.#prefixes.add(prefix);
    void this.#comparisons.add(async () => {
      this.#prefixes.delete(prefix);
      await this.#compare(prefix).catch((error: unknown) =>
        this.#report(error, { prefix }, 'the folder could not be compared with the index'),
      );
    });
  }

  #report(error: unknown, what: object, message: string): void {
    if (this.#stopped.aborted) return;
    // Whoever waits for the folder says once that it is gone.
    const isGone = isSightlineError(error, 'unavailable') && error.details.path === this.#root;
    this.#options.logger[isGone ? 'debug' : 'error']({ ...what, err: error }, message);
  }

  #compare(prefix: string): Promise<Reconciled> {
    return reconcile(this.#options, prefix, (object) => this.#isBeingWritten(object), this.#stopped);
  }

  #isBeingWritten(object: ListedObject): boolean {
    const age = Date.now() - object.lastModified.getTime();
    const isYoung = age >= 0 && age < this.#quietMs;
    if (isYoung) this.#touch(object.key);
    return isYoung;
  }
}

/** The longest part of a folder's path that is a valid key prefix. */
function nearestPrefix(folder: string): string {
  const names = folder.split('/').slice(0, -1);
  while (names.length > 0 && (!isKey(names.join('/')) || names.at(-1)!.includes('\ufffd'))) names.pop();
  return names.length === 0 ? '' : `${names.join('/')}/`;
}
