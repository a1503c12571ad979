import type { Logger } from 'pino';
import type { Folders } from '../folders/folders.ts';
import type { Folder } from '../folders/registry.ts';
import type { IndexPipeline } from '../index-pipeline.ts';
import { type FolderSource, watchFolder } from './folder-event-source.ts';

export interface WatchedFoldersOptions {
  readonly folders: Folders;
  readonly pipeline: Pick<IndexPipeline, 'ofFolder'>;
  readonly logger: Logger;
}

/** How often to check which folders are available. Milliseconds. */
const CHECK_MS = 1000;
/** Longer than indexing a picture takes. Milliseconds. */
const SWEPT_MS = 60_000;

/**
 * Follows all folders of an index: connects and watches available ones, and waits for the others. A drive may come and
 * go; its index data stays, and is hidden meanwhile.
 */
export class WatchedFolders {
  readonly #options: WatchedFoldersOptions;
  /** By bucket. */
  readonly #watching = new Map<string, { readonly path: string; readonly source: FolderSource }>();
  /** Why a folder is unavailable, by bucket; reported once. */
  readonly #reasons = new Map<string, string>();
  /** Buckets of the last list, and recently removed ones with the time of removal. */
  #known: ReadonlySet<string> = new Set();
  readonly #left = new Map<string, number>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<number> | null = null;

  constructor(options: WatchedFoldersOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the number of objects to index once every available folder was compared, or on the signal.
   */
  async start(signal: AbortSignal): Promise<number> {
    signal.addEventListener('abort', () => this.#stop.abort());
    if (signal.aborted) this.#stop.abort();
    const found = await this.#check();
    this.#timer = setInterval(() => void this.#check(), CHECK_MS);
    return found;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    await this.#checking;
    for (const { source } of this.#watching.values()) await source.close();
    this.#watching.clear();
  }

  /** Checks all folders, one check at a time. */
  #check(): Promise<number> {
    this.#checking ??= this.#lookAtAll().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  async #lookAtAll(): Promise<number> {
    const { folders, logger } = this.#options;
    let found = 0;
    try {
      const all = await folders.refresh();
      const known = new Set(all.map(({ bucket }) => bucket));
      for (const bucket of this.#watching.keys()) if (!known.has(bucket)) await this.#leave(bucket);
      await this.#sweep(known);
      for (const folder of all) if (!this.#stop.signal.aborted) found += await this.#lookAt(folder);
    } catch (error) {
      logger.error({ err: error }, 'the list of folders cannot be read');
    }
    return found;
  }

  /** Removes pictures that were being indexed while their folder was removed, and were stored after that. */
  async #sweep(known: ReadonlySet<string>): Promise<void> {
    for (const bucket of this.#known) if (!known.has(bucket)) this.#left.set(bucket, performance.now());
    this.#known = known;
    for (const [bucket, at] of this.#left) {
      if (performance.now() - at > SWEPT_MS || known.has(bucket)) this.#left.delete(bucket);
      else await this.#options.folders.forget(bucket);
    }
  }

  async #lookAt(folder: Folder): Promise<number> {
    const { bucket, path, watched } = folder;
    const { folders, logger } = this.#options;
    try {
      if (!(await folders.isThere(folder))) {
        await this.#leave(bucket);
        await folders.connect(folder);
      }
      const found = watched && !this.#watching.has(bucket) ? await this.#watch(folder) : 0;
      if (this.#reasons.delete(bucket)) logger.warn({ path }, `the folder ${path} is there again`);
      return found;
    } catch (error) {
      folders.disconnect(bucket);
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#stop.signal.aborted && this.#reasons.get(bucket) !== reason) {
        this.#reasons.set(bucket, reason);
        logger.warn({ path }, `${reason}; its pictures are hidden until it is back`);
      }
      return 0;
    }
  }

  async #watch(folder: Folder): Promise<number> {
    const { folders, pipeline, logger } = this.#options;
    const { path, bucket } = folder;
    const store = await folders.connect(folder);
    const source = await watchFolder({ ...pipeline.ofFolder(store, path), logger, signal: this.#stop.signal });
    this.#watching.set(bucket, { path, source });
    return source.found.created;
  }

  async #leave(bucket: string): Promise<void> {
    this.#options.folders.disconnect(bucket);
    const watching = this.#watching.get(bucket);
    this.#watching.delete(bucket);
    await watching?.source.close();
  }
}
