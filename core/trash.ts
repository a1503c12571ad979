import { v7 as uuidv7 } from 'uuid';
import { isSightlineError, SightlineError } from './errors.ts';
import { whatIsAt } from './files/renamed-files.ts';
import type { IndexJob, IndexOutcome } from './index-image.ts';
import { readJsonObject, writeJsonObject } from './objects/json-object.ts';
import type {
  Discarded,
  DiscardedObject,
  FailureLog,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  VectorStore,
} from './ports.ts';
import type { ImagePayload, Page } from './types.ts';
import { everyItem } from './util/paginate.ts';

/** A picture in the trash: its indexed data, and how to bring its file back. */
export interface TrashEntry {
  /** A UUID that sorts by time, as counted by `TrashOptions.now`. */
  readonly id: string;
  /** ISO 8601, by the machine's clock. */
  readonly deletedAt: string;
  /** Id of the picture's point. */
  readonly imageId: string;
  /** As it was indexed, with its tags. */
  readonly picture: ImagePayload;
  /** Null when its file stayed in place, because it was removed from the index only. */
  readonly object: DiscardedObject | null;
}

export interface Trash {
  /** Days that an entry is kept. */
  readonly keepDays: number;
  /**
   * Takes a picture out of the index, and with `disk` its file out of the bucket. Null when the file was already gone,
   * so there is nothing to keep.
   * @throws {not-found}
   * @throws {read-only}
   * @throws {precondition-failed} when the file has another etag than the one given
   */
  put(imageId: string, options: { from: 'disk' | 'index'; ifMatch?: string }): Promise<TrashEntry | null>;
  /**
   * @throws {not-found}
   */
  get(id: string): Promise<TrashEntry>;
  /**
   * Opens the file of an entry, in the trash or where it stayed; null when it is gone.
   * @throws {unavailable} when its bucket is not connected
   */
  open(entry: Pick<TrashEntry, 'picture' | 'object'>): Promise<ObjectBody | null>;
  /**
   * Latest first.
   * @throws {invalid-cursor}
   */
  list(options: { limit: number; cursor?: string }): Promise<Page<TrashEntry> & { total: number }>;
  /**
   * Brings file, point and tags back.
   * @throws {not-found}
   * @throws {precondition-failed} when another picture has the key
   */
  restore(id: string): Promise<{ entry: TrashEntry; outcome: IndexOutcome }>;
  /**
   * Takes over a trash entry from another index of the same pictures. False when its file cannot be found.
   * @param file its bytes, in case they are not in the bucket's trash
   * @throws {read-only}
   */
  adopt(entry: TrashEntry, file: Uint8Array | null): Promise<boolean>;
  /**
   * Deletes an entry and its file for good.
   * @throws {not-found}
   * @throws {read-only}
   * @throws {unavailable} when its bucket is not connected
   */
  remove(id: string): Promise<TrashEntry>;
  /**
   * Deletes all entries, or the expired ones, for good; returns how many. Goes on after one that cannot be deleted.
   * @throws {SightlineError} the first fault, with the number of entries that are left in its message
   */
  empty(which: 'all' | 'expired'): Promise<number>;
}

export interface TrashOptions {
  /** Holds one JSON object per entry, and nothing else. */
  readonly records: ObjectStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Discarded files on this machine. They need no connected bucket. */
  readonly nearby?: Discarded;
  readonly failures: FailureLog;
  readonly index: IndexJob;
  /** Runs work on the live space, and again on its successor if that took over meanwhile. */
  readonly onLiveSpace: <T>(work: (space: { readonly vectors: VectorStore }) => Promise<T>) => Promise<T>;
  readonly keepDays: number;
  /** Clock in milliseconds; decides which entries have expired. */
  readonly now?: () => number;
}

const DAY_MS = 24 * 3600 * 1000;
/** A bucket takes a tenth of a second for each, a function has half a minute for all. */
const REMOVED_AT_ONCE = 8;

/** Reason in the failure log that keeps a picture whose file is still there from being indexed again. */
export const LEFT_OUT = 'removed-from-index';

/** The trash. Order of a removal: the record is written, the file moved, then the point removed. */
export function createTrash(options: TrashOptions): Trash {
  const parts = { now: Date.now, ...options, records: recordsIn(options.records) };
  const { records, keepDays, now } = parts;
  return {
    keepDays,
    put: (imageId, how) => put(parts, imageId, how),
    get: (id) => records.get(id),
    open: (entry) => open(parts, entry),
    list: (page) => list(records, page),
    restore: (id) => restore(parts, id),
    adopt: (entry, file) => adopt(parts, entry, file),
    remove: (id) => remove(parts, id),
    async empty(which) {
      const all = await records.ids();
      const before = all.length === 0 ? 0 : now() - keepDays * DAY_MS;
      const ids = all.filter((id) => which === 'all' || timeOf(id) <= before);
      return removeAll(parts, ids);
    },
  };
}

type Parts = Omit<TrashOptions, 'records' | 'now'> & {
  readonly records: ReturnType<typeof recordsIn>;
  readonly now: () => number;
};

async function put(
  parts: Parts,
  imageId: string,
  { from, ifMatch }: { from: 'disk' | 'index'; ifMatch?: string },
): Promise<TrashEntry | null> {
  const { records, index, failures, onLiveSpace } = parts;
  const picture = await onLiveSpace(({ vectors }) => findPicture(vectors, imageId));
  const { bucket, key } = picture;
  const objects = bucketOf(parts, bucket);
  const info = await objects.head(key);
  if (ifMatch !== undefined && info?.etag !== ifMatch) throw otherVersion(key, ifMatch);
  const entry = info === null ? null : newEntry(parts, imageId, picture, from === 'disk' ? info : null);
  if (entry !== null) await records.put(entry);
  if (entry !== null && entry.object !== null) {
    await objects.discard(entry.object).catch(async (error: unknown) => {
      if (isSightlineError(error)) await records.remove(entry.id);
      throw error;
    });
  }
  if (entry === null || entry.object !== null) {
    await index({ type: 'removed', bucket, key, sequencer: null });
    await failures.resolve(imageId);
  } else {
    await leaveOut(parts, entry, info!.etag);
  }
  return entry;
}

/** @param moved the object, when its file goes to the trash */
function newEntry({ now }: Parts, imageId: string, picture: ImagePayload, moved: ObjectInfo | null): TrashEntry {
  const id = uuidv7({ msecs: now() });
  const { etag, version } = moved ?? {};
  const object = etag === undefined ? null : { id, key: picture.key, etag, ...(version !== undefined && { version }) };
  return { id, deletedAt: new Date().toISOString(), imageId, picture, object };
}

/** The note in the failure log keeps the next comparison of the folder from indexing the file again. */
async function leaveOut(
  { failures, onLiveSpace }: Parts,
  { imageId: id, picture, deletedAt }: TrashEntry,
  etag: string,
): Promise<void> {
  const { bucket, key, sequencer } = picture;
  const message = 'removed from the index on request; its file stayed where it is';
  const failure = { id, bucket, key, etag, sequencer, reason: LEFT_OUT, message, retryable: false };
  await failures.record(failure, { dismissed: true });
  await onLiveSpace(({ vectors }) => vectors.remove([{ id, sequencer, deletedAt }], 'not-older'));
}

async function restore(parts: Parts, id: string): Promise<{ entry: TrashEntry; outcome: IndexOutcome }> {
  const { records, index, failures, onLiveSpace } = parts;
  const entry = await records.get(id);
  const { bucket, key, etag } = entry.picture;
  const objects = bucketOf(parts, bucket);
  // A crash may have happened before the file was moved, or before its record was deleted.
  const isBack = (await objects.head(key))?.etag === etag;
  if (entry.object !== null && !isBack && (await recover(objects, entry.object)) === null) {
    // It came back, which changes the etag of a file, and then the index could not be written.
    if ((await whatIsAt(objects, entry.picture)) !== 'the same')
      throw new SightlineError('not-found', `the file of ${JSON.stringify(key)} is not in the trash any more`);
  }
  const outcome = await index({ type: 'created', bucket, key, sequencer: null });
  await onLiveSpace(({ vectors }) => putBack(vectors, entry));
  if (outcome.status !== 'rejected') await failures.resolve(entry.imageId);
  await records.remove(id);
  return { entry, outcome };
}

async function recover(objects: ObjectStore, object: DiscardedObject): Promise<ObjectInfo | null> {
  return objects.recover(object).catch((cause: unknown) => {
    const name = `expected the name ${JSON.stringify(object.key)} to be free`;
    if (isSightlineError(cause, 'precondition-failed')) {
      throw new SightlineError('precondition-failed', `${name}, but another file has it: move that away`, { cause });
    }
    // A folder has its name by now, or a file that of a folder above.
    if (isSightlineError(cause, 'invalid-key')) {
      throw new SightlineError('precondition-failed', `${name}: ${cause.message}; move that away`, { cause });
    }
    throw cause;
  });
}

async function adopt(parts: Parts, entry: TrashEntry, file: Uint8Array | null): Promise<boolean> {
  const { records, buckets, onLiveSpace } = parts;
  const { picture, imageId } = entry;
  const objects = buckets.get(picture.bucket);
  if (objects === undefined) return false;
  if ((await records.find(entry.id)) !== null) return true;
  if (entry.object !== null) {
    const object = await moveToTrash(objects, entry.object, file);
    if (object !== null) await records.put({ ...entry, object });
    return object !== null;
  }
  // Its file stayed in place, so it may have been indexed here.
  const here = await onLiveSpace(({ vectors }) => findPicture(vectors, imageId)).catch(() => null);
  if (here === null || here.sha256 !== picture.sha256) return false;
  const { etag, sequencer } = here;
  const own = { ...entry, picture: { ...picture, etag, sequencer } };
  await records.put(own);
  await leaveOut(parts, own, etag);
  return true;
}

/** The file of an entry in this bucket's trash, moved there if necessary; null when its bytes cannot be found. */
async function moveToTrash(
  objects: ObjectStore,
  object: DiscardedObject,
  file: Uint8Array | null,
): Promise<DiscardedObject | null> {
  const found = await objects.getDiscarded(object);
  await found?.body.cancel();
  if (found !== null || file === null) return found && object;
  const { etag, version } = await objects.put(object.key, file, { ifNoneMatch: '*' });
  const own = { id: object.id, key: object.key, etag, ...(version !== undefined && { version }) };
  await objects.discard(own);
  return own;
}

/** Restores what the file alone does not tell: tags, and where a date came from. */
async function putBack(vectors: VectorStore, { imageId: id, picture }: TrashEntry): Promise<void> {
  const point = (await vectors.get([id])).get(id);
  if (point === undefined || point.deleted || point.payload.kind !== 'image') return;
  const { etag, sequencer, sha256 } = point.payload;
  const vector = (await vectors.vectors([id])).get(id);
  if (vector === undefined || sha256 !== picture.sha256) await vectors.setTags(id, picture.tags);
  else await vectors.upsert([{ id, vector, payload: { ...picture, etag, sequencer } }], 'not-older');
}

async function open(
  parts: Parts,
  { picture, object }: Pick<TrashEntry, 'picture' | 'object'>,
): Promise<ObjectBody | null> {
  if (object === null) return bucketOf(parts, picture.bucket).get(picture.key);
  return (await holderOf(parts, picture.bucket, object)).getDiscarded(object);
}

async function remove(parts: Parts, id: string): Promise<TrashEntry> {
  const { records } = parts;
  const entry = await records.get(id);
  const { object, picture } = entry;
  if (object !== null) await (await holderOf(parts, picture.bucket, object)).purge(object);
  await records.remove(id);
  return entry;
}

/** Returns how many were removed, not counting those that another process removed meanwhile. */
async function removeAll(parts: Parts, ids: readonly string[]): Promise<number> {
  let removed = 0;
  const faults: unknown[] = [];
  for (let start = 0; start < ids.length; start += REMOVED_AT_ONCE) {
    const batch = ids.slice(start, start + REMOVED_AT_ONCE);
    for (const result of await Promise.allSettled(batch.map((id) => remove(parts, id)))) {
      if (result.status === 'fulfilled') removed++;
      else if (!isSightlineError(result.reason, 'not-found')) faults.push(result.reason);
    }
  }
  if (faults.length === 0) return removed;
  const [first] = faults;
  if (!isSightlineError(first)) throw first;
  const message = `${faults.length} of ${ids.length} could not be deleted for good; of the first: ${first.message}`;
  throw new SightlineError(first.code, message, { cause: first });
}

/** The store that holds a discarded file. */
async function holderOf(parts: Parts, bucket: string, object: DiscardedObject): Promise<Discarded> {
  const { buckets, nearby } = parts;
  const objects = buckets.get(bucket);
  if (objects !== undefined) return objects;
  const found = await nearby?.getDiscarded(object);
  await found?.body.cancel();
  return found ? nearby! : bucketOf(parts, bucket);
}

async function list(
  records: Parts['records'],
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<Page<TrashEntry> & { total: number }> {
  const ids = (await records.ids()).reverse();
  const later = cursor === undefined ? ids : ids.filter((id) => id < cursor);
  const page = later.slice(0, limit);
  const found = await Promise.all(page.map((id) => records.find(id)));
  const items = found.filter((entry) => entry !== null);
  return { items, total: ids.length, ...(later.length > limit && { next: page.at(-1)! }) };
}

function bucketOf({ buckets }: Parts, bucket: string): ObjectStore {
  const objects = buckets.get(bucket);
  if (objects === undefined)
    throw new SightlineError(
      'unavailable',
      `the folder or bucket ${bucket} is not there now: add or mount it, and try again`,
    );
  return objects;
}

/** The entries as objects, named by id, so that a listing is in order of time. */
function recordsIn(store: ObjectStore) {
  const find = async (id: string): Promise<TrashEntry | null> => {
    return ((await readJsonObject(store, `${id}.json`))?.value as TrashEntry | undefined) ?? null;
  };
  return {
    find,
    async get(id: string): Promise<TrashEntry> {
      const entry = await find(id);
      if (entry === null) throw new SightlineError('not-found', `nothing in the trash has the id ${id}`);
      return entry;
    },
    put: (entry: TrashEntry) => writeJsonObject(store, `${entry.id}.json`, entry),
    remove: (id: string) => store.delete(`${id}.json`),
    async ids(): Promise<string[]> {
      const all = await Array.fromAsync(everyItem((cursor) => store.list({ limit: 1000, cursor })));
      return all.flatMap(({ key }) => (key.endsWith('.json') ? [key.slice(0, -5)] : []));
    },
  };
}

/** When an entry was made, by `TrashOptions.now`: the first 48 bits of a version 7 UUID (RFC 9562, 5.7). */
function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

async function findPicture(vectors: VectorStore, id: string): Promise<ImagePayload> {
  const point = (await vectors.get([id])).get(id);
  if (point !== undefined && !point.deleted && point.payload.kind === 'image') return point.payload;
  throw new SightlineError('not-found', `no stored picture has the id ${id}`);
}

function otherVersion(key: string, etag: string): SightlineError {
  return new SightlineError('precondition-failed', `expected ${JSON.stringify(key)} with etag ${etag}, got another`);
}
