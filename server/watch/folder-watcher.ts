import { lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { imageId } from '../../core/index-image.ts';
import { isKey } from '../../core/objects/folder/key.ts';
import type { ListedObject } from '../../core/ports.ts';
import { compare, emitChange, type FolderSyncOptions, type SyncCounts, syncFolder } from './reconcile.ts';
import { watchTree } from './tree-watcher.ts';

export interface FolderSourceOptions extends FolderSyncOptions {
  readonly root: string;
  readonly logger: Logger;
  /**
   * How long nothing may have happened to a file before it counts as written. Milliseconds.
   * @default 300
   */
  readonly quietMs?: number;
  /**
   * How often the whole folder is compared with the index, for what no system reports: changes on network drives, and
   * more changes at once than the system keeps. Milliseconds, 0 for never.
   * @default 600000
   */
  readonly resyncMs?: number;
  /** Ends the comparison at the start with its reason. Later, `close` is for that. */
  readonly signal?: AbortSignal;
}

export interface FolderSource {
  /** What was found at the start. */
  readonly found: SyncCounts;
  close(): Promise<void>;
}

/** Files looked at side by side; each takes a few descriptors. */
const LOOKS_AT_ONCE = 8;

/**
 * A watched folder as a source of S3 events: first everything that differs from the index, then every change as it
 * happens. Resolves when the first is done. Watching starts before that, so that nothing in between is lost.
 * Throws `unavailable` when the folder cannot be read or looks like an unmounted drive.
 */
export async function watchFolder(options: FolderSourceOptions): Promise<FolderSource> {
  const { store, vectors, logger, quietMs = 300, resyncMs = 600_000 } = options;
  const root = await realpath(options.root);
  const looks = new PQueue({ concurrency: LOOKS_AT_ONCE, autoStart: false });
  const syncs = new PQueue({ concurrency: 1 });
  const quiet = new Map<string, { timer: NodeJS.Timeout; before: string }>();
  const prefixes = new Set<string>();
  const stop = new AbortController();
  const stopped = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);

  /** Looks at the file once nothing has happened to it for a while. */
  function touch(key: string, before = ''): void {
    if (stopped.aborted) return;
    const waiting = quiet.get(key);
    if (waiting !== undefined) {
      waiting.timer.refresh();
      return;
    }
    const timer = setTimeout(() => {
      const { before } = quiet.get(key)!;
      quiet.delete(key);
      void looks.add(() => look(key, before).catch((error: unknown) => logger.error({ key, err: error }, 'not seen')));
    }, quietMs);
    quiet.set(key, { timer, before });
  }

  async function look(key: string, before: string): Promise<void> {
    if (stopped.aborted) return;
    const file = await lstat(join(root, key), { bigint: true }).catch(() => null);
    if (file !== null && !file.isFile()) return;
    if (file !== null) {
      // Not every system reports every write. ctime cannot be set; one in the future is another machine's clock.
      const now = `${file.ino}:${file.size}:${file.mtimeNs}:${file.ctimeNs}`;
      const isYoung = Date.now() - Number(file.ctimeMs) < quietMs * 0.9;
      if (isYoung && now !== before) return touch(key, now);
    }
    const id = imageId(store.bucket, key);
    const object = await store.head(key).catch((error: unknown) => {
      // A file that is there and cannot be read goes to the index all the same: its failure is what people should see.
      if (file === null) throw error;
      return { key };
    });
    const stored = (await vectors.get([id])).get(id);
    if (object === null) emitChange(options, 'removed', { key }, stored);
    else if ('etag' in object) await compare(options, object, stored);
    else emitChange(options, 'created', object, stored);
  }

  /** Compares all that begins with `prefix`, once for all requests that come before it starts. */
  function compareLater(prefix: string): void {
    if (stopped.aborted || prefixes.has(prefix)) return;
    prefixes.add(prefix);
    void syncs.add(async () => {
      prefixes.delete(prefix);
      await sync(prefix).catch((error: unknown) => {
        if (!stopped.aborted) logger.error({ prefix, err: error }, 'the folder could not be compared with the index');
      });
    });
  }

  const sync = (prefix: string) => syncFolder(options, prefix, isWriting, stopped);

  function isWriting(object: ListedObject): boolean {
    const age = Date.now() - object.lastModified.getTime();
    const isYoung = age >= 0 && age < quietMs;
    if (isYoung) touch(object.key);
    return isYoung;
  }

  const watcher = await watchTree(root, {
    onFile(path) {
      if (isKey(path)) touch(path);
      else logger.warn({ path }, 'this file cannot be indexed under its name');
    },
    onFolder: (path) => compareLater(path === '' ? '' : `${path}/`),
    onError: (error) => logger.error({ err: error }, error.message),
  });
  const clock = resyncMs > 0 ? setInterval(() => compareLater(''), resyncMs) : undefined;
  clock?.unref();

  async function close(): Promise<void> {
    stop.abort();
    watcher.close();
    clearInterval(clock);
    for (const { timer } of quiet.values()) clearTimeout(timer);
    quiet.clear();
    looks.clear();
    syncs.clear();
    await Promise.all([looks.onIdle(), syncs.onIdle()]);
  }

  try {
    const found = await syncs.add(() => sync(''));
    looks.start();
    return { found, close };
  } catch (error) {
    await close();
    throw error;
  }
}
