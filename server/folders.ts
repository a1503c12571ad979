import { realpath } from 'node:fs/promises';
import { basename, relative, sep } from 'node:path';
import type { Config } from '../core/config.ts';
import { SightlineError } from '../core/errors.ts';
import { keepVanished, type VanishedLog } from '../core/missing-files.ts';
import { type FolderOptions, type FolderStore, openFolder } from '../core/objects/folder/store.ts';
import type { PictureStore } from '../core/objects/picture-store.ts';
import type { FailureLog } from '../core/ports.ts';
import { type Folder, freeBucket, freeName, readFolders, writeFolders } from './folder-registry.ts';
import type { LiveSpace } from './live-space.ts';
import { findMoved, isGone, type Match } from './moved-folder.ts';

/** Asks a person whether a folder is one that the index knows from elsewhere. False where nobody can be asked. */
export type AskMoved = (match: Match, path: string) => Promise<boolean>;

export interface FoldersOptions {
  readonly config: Pick<Config, 'data'>;
  /** How every folder is opened. */
  readonly opening: Omit<FolderOptions, 'root' | 'bucket'>;
  /** Where the folders that are there now are put, for those who read pictures. */
  readonly buckets: Map<string, PictureStore>;
  readonly live: LiveSpace;
  readonly failures: FailureLog;
  readonly vanished: VanishedLog;
}

const PAGE = 1000;

/** The folders of an index: where they are, whether they are there, and what happens when they come, move or go. */
export class Folders {
  readonly #options: FoldersOptions;
  readonly #connected = new Map<string, { readonly path: string; readonly store: FolderStore }>();
  #known: readonly Folder[];

  private constructor(options: FoldersOptions, known: readonly Folder[]) {
    this.#options = options;
    this.#known = known;
  }

  static async open(options: FoldersOptions): Promise<Folders> {
    return new Folders(options, await readFolders(options.config.data));
  }

  list(): readonly Folder[] {
    return this.#known;
  }

  isWatched(bucket: string): boolean {
    return this.#known.some((folder) => folder.bucket === bucket && folder.watched);
  }

  /** Reads again what other processes may have changed. */
  async refresh(): Promise<readonly Folder[]> {
    this.#known = await readFolders(this.#options.config.data);
    return this.#known;
  }

  /** Buckets of folders that are not there now. */
  absent(): string[] {
    return this.#known.map(({ bucket }) => bucket).filter((bucket) => !this.#connected.has(bucket));
  }

  /** The bucket of a folder, by its name; of anything else the same text. */
  bucketOf(name: string): string {
    return this.#known.find((folder) => folder.name === name)?.bucket ?? name;
  }

  /** Opens a folder so that its pictures are found. Throws `unavailable`. */
  async connect({ bucket, path }: Folder): Promise<FolderStore> {
    const known = this.#connected.get(bucket);
    if (known?.path === path) return known.store;
    const store = await this.#open(path, bucket);
    this.#connected.set(bucket, { path, store });
    this.#options.buckets.set(bucket, store);
    return store;
  }

  disconnect(bucket: string): void {
    this.#connected.delete(bucket);
    this.#options.buckets.delete(bucket);
  }

  /** Whether what was connected is still there, at the same place. */
  async isThere({ bucket, path }: Folder): Promise<boolean> {
    const known = this.#connected.get(bucket);
    return known !== undefined && known.path === path && (await known.store.isThere());
  }

  /**
   * Makes a folder part of the index, unless it is. One that was moved is known by its pictures and keeps its bucket,
   * and a place that a folder was moved away from stands for that folder.
   * @throws {unavailable} when it is not there
   * @throws {invalid-config} when it lies in another one of the index, or the other way round
   */
  async add(path: string, options: { readonly watched: boolean; readonly ask?: AskMoved }): Promise<Folder> {
    const folders = await this.refresh();
    const real = await realOf(path);
    const reals = new Map(
      await Promise.all(folders.map(async (folder) => [folder, await realOf(folder.path)] as const)),
    );
    const same = folders.find((folder) => reals.get(folder) === real);
    if (same !== undefined) {
      const folder = { ...same, watched: same.watched || options.watched };
      if (folder.watched !== same.watched) await this.#replace(same, folder);
      return folder;
    }
    const elsewhere = folders.find(({ formerly }) => formerly.includes(path));
    if (elsewhere !== undefined && (await isGone(path))) return elsewhere;
    const store = await this.#open(path);
    await this.#expectApart(path, real, reals);
    const moved = await this.#findMoved(store, path, options.ask);
    if (moved !== null) {
      const folder = { ...this.#at(moved, path), watched: moved.watched || options.watched };
      this.disconnect(moved.bucket);
      await this.#replace(moved, folder);
      return folder;
    }
    const bucket = freeBucket(store.bucket, folders);
    const folder = { bucket, path, name: freeName(basename(path), folders), watched: options.watched, formerly: [] };
    await this.#save([...folders, folder]);
    return folder;
  }

  /**
   * Says where a folder is now. What was indexed there as a folder of its own goes, and what people said of it stays.
   */
  async move(name: string, path: string): Promise<Folder> {
    const folder = await this.#expect(name);
    await this.#open(path);
    const real = await realOf(path);
    for (const other of this.#known) {
      if (other !== folder && (await realOf(other.path)) === real) await this.remove(other.name);
    }
    const moved = this.#at(folder, path);
    this.disconnect(folder.bucket);
    await this.#replace(folder, moved);
    return moved;
  }

  /** Takes a folder out of the index; its files stay where they are. Answers how many pictures it had. */
  async remove(name: string): Promise<number> {
    const folder = await this.#expect(name);
    await this.#save(this.#known.filter(({ bucket }) => bucket !== folder.bucket));
    this.disconnect(folder.bucket);
    return this.#forget(folder.bucket);
  }

  /** Pictures of each folder in the index. */
  async count(): Promise<(Folder & { readonly pictures: number; readonly isThere: boolean })[]> {
    const { live } = this.#options;
    return Promise.all(
      this.#known.map(async (folder) => ({
        ...folder,
        pictures: await live.read(({ vectors }) => vectors.count({ kind: 'image', bucket: folder.bucket })),
        isThere: this.#connected.has(folder.bucket),
      })),
    );
  }

  /** The folder at another place. Where it is called as its place was, it is called as the new one. */
  #at(folder: Folder, path: string): Folder {
    const others = this.#known.filter(({ bucket }) => bucket !== folder.bucket);
    const name = folder.name === basename(folder.path) ? freeName(basename(path), others) : folder.name;
    const formerly = [...folder.formerly, folder.path].filter((former) => former !== path);
    return { ...folder, path, name, formerly };
  }

  #open(root: string, bucket?: string): Promise<FolderStore> {
    return openFolder({ ...this.#options.opening, root, bucket });
  }

  async #expect(name: string): Promise<Folder> {
    const folder = (await this.refresh()).find((known) => known.name === name || known.path === name);
    if (folder !== undefined) return folder;
    const names = this.#known.map((known) => known.name).join(', ');
    throw new SightlineError('not-found', `expected a folder of the index (${names || 'it has none'}), got ${name}`);
  }

  async #replace(folder: Folder, by: Folder): Promise<void> {
    await this.#save(this.#known.map((known) => (known.bucket === folder.bucket ? by : known)));
  }

  async #save(folders: readonly Folder[]): Promise<void> {
    await writeFolders(this.#options.config.data, folders);
    this.#known = folders;
  }

  /** What lies in two folders would be indexed twice. The folder of the index itself is left out of all others. */
  async #expectApart(path: string, real: string, reals: ReadonlyMap<Folder, string>): Promise<void> {
    const data = await realOf(this.#options.config.data);
    for (const [folder, other] of reals) {
      const [inner, outer] = isBelow(real, other) ? [real, other] : [other, real];
      if (!isBelow(inner, outer) || isBelow(inner, data)) continue;
      const message = `expected a folder apart from those of the index, but ${
        inner === real ? `${path} lies in ${folder.path}, which is` : `${folder.path}, which lies in ${path}, is`
      } indexed already; npm run folders -- rm ${folder.name} takes that one out`;
      throw new SightlineError('invalid-config', message);
    }
  }

  async #findMoved(store: FolderStore, path: string, ask: AskMoved | undefined): Promise<Folder | null> {
    const gone: Folder[] = [];
    for (const folder of this.#known) if (await isGone(folder.path)) gone.push(folder);
    const match = await this.#options.live.read(({ vectors }) => findMoved(store, gone, vectors));
    if (match === null) return null;
    return match.isSure || (await ask?.(match, path)) ? match.folder : null;
  }

  /** Removes everything of a bucket from the index; what people said waits for the same bytes elsewhere. */
  async #forget(bucket: string): Promise<number> {
    const { live, failures, vanished, buckets } = this.#options;
    let removed = 0;
    await live.write(async ({ vectors }) => {
      for (;;) {
        const { items } = await vectors.list({ filter: { kind: 'image', bucket }, limit: PAGE, order: 'id' });
        if (items.length === 0) return;
        for (const { id, payload } of items) {
          if (payload.kind === 'image') await keepVanished({ vectors, vanished, buckets }, id, payload);
        }
        const deletedAt = new Date().toISOString();
        const tombstones = items.map(({ id, payload }) => ({ id, sequencer: payload.sequencer, deletedAt }));
        await vectors.remove(tombstones, 'not-older');
        removed += items.length;
      }
    });
    for (let cursor: string | undefined; ; ) {
      const page = await failures.list({ limit: PAGE, cursor });
      for (const failure of page.items) if (failure.bucket === bucket) await failures.resolve(failure.id);
      if (page.next === undefined) return removed;
      cursor = page.next;
    }
  }
}

async function realOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function isBelow(inner: string, outer: string): boolean {
  const way = relative(outer, inner);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !/^[a-z]:/i.test(way);
}
