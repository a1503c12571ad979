import { realpath } from 'node:fs/promises';
import { basename, join, parse, relative, sep } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { withFileLock } from '../../core/files/file-lock.ts';
import { keepVanished } from '../../core/files/renamed-files.ts';
import { type FolderOptions, type FolderStore, openFolder } from '../../core/objects/folder/store.ts';
import type { PictureStore } from '../../core/objects/picture-store.ts';
import type { FailureLog, VanishedLog } from '../../core/ports.ts';
import type { Config } from '../../core/settings.ts';
import { everyItem } from '../../core/util/paginate.ts';
import type { Place } from '../../functions/http/deps.ts';
import { ownPhotos } from '../data-folder.ts';
import type { LiveSpace } from '../reindex/follow-live-space.ts';
import { expectMounted } from '../watch/mount-check.ts';
import { countThere, findMoved, isGone, type Match } from './moved-folder.ts';
import { type Folder, freeBucket, freeName, readFolders, readRegistry, writeRegistry } from './registry.ts';

/** Asks the user whether a folder is one that the index knows from another place. False when nobody can be asked. */
export type AskMoved = (match: Match, path: string) => Promise<boolean>;

export interface FoldersOptions {
  readonly config: Pick<Config, 'data'>;
  /** Options for opening every folder. */
  readonly opening: Omit<FolderOptions, 'root' | 'bucket'>;
  /** Receives the folders that are available now, for reading pictures. */
  readonly buckets: Map<string, PictureStore>;
  readonly live: LiveSpace;
  readonly failures: FailureLog;
  readonly vanished: VanishedLog;
  /** Whether folders that were half taken out by a process that was killed are taken out now. @default true */
  readonly upkeep?: boolean;
}

const PAGE = 1000;
/** The share of a folder's pictures that must be where it is said to be now: fewer may be there by chance. */
const LEAST_THERE = 0.1;
/** Folders of the system, except where it mounts drives and keeps files in memory. macOS has some below /private. */
const SYSTEM =
  /^(\/private)?\/(bin|boot|dev(?!\/shm\/)|etc|lib(32|64|x32)?|proc|run(?!\/(media|user)\/)|sbin|sys|usr)(\/|$)/;

/** The folders of an index: where they are, whether they are available, and how they are added, moved and removed. */
export class Folders {
  readonly #options: FoldersOptions;
  readonly #connected = new Map<string, { readonly path: string; readonly store: FolderStore }>();
  /** Real paths of folders that were open, by bucket: errors name these. */
  readonly #real = new Map<string, string>();
  #known: readonly Folder[];
  /** Buckets of indexed pictures that are not open: S3 buckets that were served before. */
  #others: readonly Folder[] = [];

  private constructor(options: FoldersOptions, known: readonly Folder[]) {
    this.#options = options;
    this.#known = known;
  }

  /** Also finishes removals of folders that a killed process left incomplete. */
  static async open(options: FoldersOptions): Promise<Folders> {
    const { folders: known, leaving } = await readRegistry(options.config.data);
    const folders = new Folders(options, known);
    if (options.upkeep !== false) for (const bucket of leaving) await folders.#finish(bucket);
    await folders.#findOthers();
    return folders;
  }

  list(): readonly Folder[] {
    return this.#known;
  }

  /** Every path of a folder, also through links, with the folder's name. */
  places(): Place[] {
    return this.#known.flatMap(({ bucket, name, path, formerly }) =>
      [path, this.#real.get(bucket) ?? path, ...formerly].map((place) => ({ path: place, name })),
    );
  }

  isWatched(bucket: string): boolean {
    return this.#known.some((folder) => folder.bucket === bucket && folder.watched);
  }

  /** Reloads what other processes may have changed. */
  async refresh(): Promise<readonly Folder[]> {
    this.#known = await readFolders(this.#options.config.data);
    return this.#known;
  }

  /** Buckets that are not available now. */
  absent(): string[] {
    return [...this.#known, ...this.#others]
      .map(({ bucket }) => bucket)
      .filter((bucket) => !this.#connected.has(bucket));
  }

  /** The bucket for uploads: that of this folder while it is in the index, otherwise of the first watched folder. */
  uploadsTo({ bucket }: Folder): string {
    if (this.#known.some((folder) => folder.bucket === bucket)) return bucket;
    return this.#known.find(({ watched }) => watched)?.bucket ?? bucket;
  }

  /** The bucket of a folder by its name; any other text unchanged. */
  bucketOf(name: string): string {
    return [...this.#known, ...this.#others].find((folder) => folder.name === name)?.bucket ?? name;
  }

  /**
   * Opens a folder so that its pictures can be found.
   * @throws {unavailable} also when it is empty because its drive is not mounted
   */
  async connect({ bucket, path }: Folder): Promise<FolderStore> {
    const known = this.#connected.get(bucket);
    if (known?.path === path) return known.store;
    const store = await this.#open(path, bucket);
    await this.#options.live.read(({ vectors }) => expectMounted(path, bucket, vectors));
    this.#real.set(bucket, await realOf(path));
    this.#connected.set(bucket, { path, store });
    this.#options.buckets.set(bucket, store);
    return store;
  }

  disconnect(bucket: string): void {
    this.#connected.delete(bucket);
    this.#options.buckets.delete(bucket);
  }

  /** Whether a connected folder is still available at the same path. */
  async isThere({ bucket, path }: Folder): Promise<boolean> {
    const known = this.#connected.get(bucket);
    return known !== undefined && known.path === path && (await known.store.isThere());
  }

  /**
   * Adds a folder to the index unless it is in it. A moved folder is recognised by its pictures and keeps its bucket; a
   * path that a folder was moved away from refers to that folder.
   * @throws {unavailable} when it does not exist
   * @throws {invalid-config} when it lies within another indexed folder, or contains one
   * @throws {invalid-input} when it cannot be a folder of pictures
   */
  async add(path: string, options: { readonly watched: boolean; readonly ask?: AskMoved }): Promise<Folder> {
    await this.#expectPictures(path);
    const known = await this.#take(path, options.watched);
    if (known !== null) return known;
    const elsewhere = this.#known.find(({ formerly }) => formerly.includes(path));
    if (elsewhere !== undefined && (await isGone(path))) return elsewhere;
    const store = await this.#open(path);
    await this.#expectApart(path, this.#known);
    const moved = await this.#findMoved(store, path, options.ask);
    // Comparing took a while: another process may have added it meanwhile.
    return (await this.#take(path, options.watched)) ?? this.#enter(path, store, moved, options.watched);
  }

  /** The indexed folder at the path, now watched if requested; null when there is none. */
  async #take(path: string, watched: boolean): Promise<Folder | null> {
    const real = await realOf(path);
    const same = await findAsync(await this.refresh(), async (folder) => (await realOf(folder.path)) === real);
    if (same === undefined || same.watched || !watched) return same ?? null;
    return this.#replace(same, () => ({ watched }));
  }

  async #enter(path: string, store: FolderStore, moved: Folder | null, watched: boolean): Promise<Folder> {
    const folder = moved === null ? await this.#append(path, store, watched) : await this.#follow(moved, path, watched);
    // Make its pictures visible at once, before all folders have been checked.
    await this.connect(folder);
    return folder;
  }

  async #follow(moved: Folder, path: string, watched: boolean): Promise<Folder> {
    this.disconnect(moved.bucket);
    const replaced = { watched: moved.watched || watched };
    return this.#replace(moved, (now, others) => ({ ...placed(now, path, others), ...replaced }));
  }

  async #append(path: string, store: FolderStore, watched: boolean): Promise<Folder> {
    return this.#change(async (folders) => {
      await this.#expectApart(path, folders);
      const bucket = freeBucket(store.bucket, folders);
      const folder = { bucket, path, name: freeName(basename(path), folders), watched, formerly: [] };
      return [[...folders, folder], folder];
    });
  }

  /** Refuses the root, folders of the system, and the index's own files. */
  async #expectPictures(path: string): Promise<void> {
    const { data } = this.#options.config;
    const [real, index, own] = await Promise.all([path, data, ownPhotos(data)].map(realOf));
    const isWhole = process.platform !== 'win32' && (real === parse(real!).root || SYSTEM.test(real!));
    const isOwn = real === index || (isBelow(real!, index!) && real !== own && !isBelow(real!, own!));
    if (!isWhole && !isOwn) return;
    const what = isWhole ? 'the system itself' : 'where the index keeps its own files';
    throw new SightlineError('invalid-input', `expected a folder of pictures, got ${path}, which is ${what}`);
  }

  /**
   * Sets the new path of a folder. If it is gone from the old one, it may be indexed at the new one by itself: that
   * index is removed, and its tags are kept.
   * @throws {not-found} when the index has no such folder
   * @throws {unavailable} when nothing is at that path
   * @throws {invalid-config} when the path is that of another indexed folder, lies within one, or contains one
   * @throws {invalid-input} when hardly any of its pictures are there
   */
  async move(name: string, path: string): Promise<Folder> {
    await this.#expectPictures(path);
    const folder = await this.#expect(name);
    const store = await this.#open(path);
    const real = await realOf(path);
    const others = this.#known.filter((other) => other !== folder);
    const there = await findAsync(others, async (other) => (await realOf(other.path)) === real);
    const mayBeItself = there !== undefined && (await isGone(folder.path));
    await this.#expectApart(path, mayBeItself ? others.filter((other) => other !== there) : others);
    const { found, of } = await this.#options.live.read(({ vectors }) => countThere(store, folder, vectors));
    if (found < LEAST_THERE * of) {
      const message = `expected pictures of ${folder.name} in ${path}, found ${found || 'none'} of ${of} there`;
      const advice = `npm run folders -- add ${path} indexes it as another folder`;
      throw new SightlineError('invalid-input', there === undefined ? `${message}; ${advice}` : message);
    }
    if (there !== undefined) await this.remove(there.name);
    this.disconnect(folder.bucket);
    return this.#replace(folder, (now, others) => placed(now, path, others));
  }

  /** Takes a folder out of the index; its files stay where they are. Returns how many pictures it had. */
  async remove(name: string): Promise<number> {
    const { bucket } = await this.#expect(name);
    // If this process is killed in between, or while one of its pictures is being indexed, the next start finishes it.
    await this.#change(async (folders) => [folders.filter((folder) => folder.bucket !== bucket), undefined], bucket);
    this.disconnect(bucket);
    this.#others = this.#others.filter((folder) => folder.bucket !== bucket);
    return this.forget(bucket);
  }

  async #finish(bucket: string): Promise<void> {
    if (!this.#known.some((folder) => folder.bucket === bucket)) await this.forget(bucket);
    const { data } = this.#options.config;
    await withFileLock(join(data, '.folders.lock'), async () => {
      const { folders, leaving } = await readRegistry(data);
      await writeRegistry(data, { folders, leaving: leaving.filter((other) => other !== bucket) });
    });
  }

  /** One query per bucket, and a last one. */
  async #findOthers(): Promise<void> {
    const { live, buckets } = this.#options;
    const known = new Set([...this.#known.map(({ bucket }) => bucket), ...buckets.keys()]);
    for (;;) {
      const filter = { kind: 'image', exceptBuckets: [...known] } as const;
      const { items } = await live.read(({ vectors }) => vectors.list({ filter, limit: 1, order: 'id' }));
      const payload = items[0]?.payload;
      if (payload?.kind !== 'image') return;
      const { bucket } = payload;
      const place = `s3://${bucket}`;
      this.#others = [...this.#others, { bucket, path: place, name: place, watched: false, formerly: [] }];
      known.add(bucket);
    }
  }

  /** Removes a bucket from the index; tags are kept for the same bytes elsewhere. */
  async forget(bucket: string): Promise<number> {
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
    for (const dismissed of [false, true]) {
      const all = everyItem((cursor) => failures.list({ limit: PAGE, cursor, dismissed, within: { bucket } }));
      for await (const { id } of all) await failures.resolve(id);
    }
    return removed;
  }

  /** The folders with their number of indexed pictures. */
  async count(): Promise<(Folder & { readonly pictures: number; readonly isThere: boolean })[]> {
    const { live } = this.#options;
    return Promise.all(
      [...this.#known, ...this.#others].map(async (folder) => ({
        ...folder,
        pictures: await live.read(({ vectors }) => vectors.count({ kind: 'image', bucket: folder.bucket })),
        isThere: this.#connected.has(folder.bucket),
      })),
    );
  }

  #open(root: string, bucket?: string): Promise<FolderStore> {
    return openFolder({ ...this.#options.opening, root, bucket });
  }

  async #expect(name: string): Promise<Folder> {
    const all = [...(await this.refresh()), ...this.#others];
    const folder = all.find((known) => known.name === name || known.path === name);
    if (folder !== undefined) return folder;
    const names = all.map((known) => known.name).join(', ');
    throw new SightlineError('not-found', `expected a folder of the index (${names || 'it has none'}), got ${name}`);
  }

  async #replace(
    { bucket, name }: Folder,
    by: (folder: Folder, others: readonly Folder[]) => Partial<Folder>,
  ): Promise<Folder> {
    return this.#change(async (folders) => {
      const now = folders.find((folder) => folder.bucket === bucket);
      if (now === undefined) throw new SightlineError('not-found', `${name} was taken out of the index meanwhile`);
      const others = folders.filter((folder) => folder !== now);
      const next = { ...now, ...by(now, others) };
      return [folders.map((folder) => (folder === now ? next : folder)), next];
    });
  }

  /**
   * Changes the list under a lock: a server and commands may have it open at the same time.
   * @param left bucket of a removed folder
   */
  async #change<T>(to: (folders: readonly Folder[]) => Promise<[readonly Folder[], T]>, left?: string): Promise<T> {
    const { data } = this.#options.config;
    return withFileLock(join(data, '.folders.lock'), async () => {
      const before = await readRegistry(data);
      const [folders, answer] = await to(before.folders);
      // A folder that was added again is no longer leaving.
      const leaving = new Set(left === undefined ? before.leaving : [...before.leaving, left]);
      for (const { bucket } of folders) leaving.delete(bucket);
      await writeRegistry(data, { folders, leaving: [...leaving] });
      this.#known = folders;
      return answer;
    });
  }

  /** Files in two folders would be indexed twice. The index's own folder is left out of all others. */
  async #expectApart(path: string, folders: readonly Folder[]): Promise<void> {
    const [real, data] = await Promise.all([realOf(path), realOf(this.#options.config.data)]);
    for (const folder of folders) {
      const other = await realOf(folder.path);
      const [inner, outer] = isBelow(real, other) ? [real, other] : [other, real];
      const isSame = real === other;
      if (!isSame && (!isBelow(inner, outer) || isBelow(inner, data))) continue;
      const message = `expected a folder apart from those of the index, but ${
        isSame
          ? `${path} is the folder ${folder.name}, which is`
          : inner === real
            ? `${path} lies in ${folder.path}, which is`
            : `${folder.path}, which lies in ${path}, is`
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
}

/** A folder at another path. It is renamed if its name came from the old path. */
function placed(folder: Folder, path: string, others: readonly Folder[]): Partial<Folder> {
  const name = folder.name === basename(folder.path) ? freeName(basename(path), others) : folder.name;
  return { path, name, formerly: [...folder.formerly, folder.path].filter((former) => former !== path) };
}

async function findAsync<T>(items: readonly T[], fits: (item: T) => Promise<boolean>): Promise<T | undefined> {
  for (const item of items) if (await fits(item)) return item;
}

async function realOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function isBelow(inner: string, outer: string): boolean {
  const way = relative(outer, inner);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !/^[a-z]:/i.test(way);
}
