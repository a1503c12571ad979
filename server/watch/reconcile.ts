import { readdir, stat } from 'node:fs/promises';
import { SightlineError } from '../../core/errors.ts';
import { imageId } from '../../core/index-image.ts';
import type { FailureLog, ListedObject, ObjectStore, StoredPoint, Tombstone, VectorStore } from '../../core/ports.ts';
import { type S3Event, toS3Event } from '../../functions/events/s3-event.ts';
import type { Sequencer } from '../../functions/events/sequencer.ts';

export interface FolderSyncOptions {
  /** The folder behind `store`; null when there is none. */
  readonly root: string | null;
  readonly store: ObjectStore;
  readonly vectors: Pick<VectorStore, 'get' | 'list' | 'count'>;
  readonly failures: FailureLog;
  readonly emit: (event: S3Event) => void;
  /** Null for a store whose own events have sequencers: events made here then only ask to look. */
  readonly sequencer: Sequencer | null;
}

/** Objects by what the comparison found. */
export interface SyncCounts {
  /** Indexed as they are. */
  readonly unchanged: number;
  /** New, changed, or worth another try: an event was emitted. */
  readonly created: number;
  /** In the index, but not in the folder any more: an event was emitted. */
  readonly removed: number;
  /** In the failure log as they are, and not worth another try. */
  readonly failed: number;
}

const PAGE = 1000;
const HEADS_AT_ONCE = 16;

/**
 * Compares a folder or a bucket with the index and emits an event for each difference, as S3 would have when it arose. Nothing is
 * removed when the folder cannot be read or looks like the empty mount point of a drive: then it throws `unavailable`.
 * Memory: one id for each object of the folder.
 *
 * @param prefix only the objects whose keys begin so
 * @param isLeftOut objects it says true for are not looked at: those still being written, which the caller watches, or archived
 */
export async function syncFolder(
  options: FolderSyncOptions,
  prefix = '',
  isLeftOut: (object: ListedObject) => boolean = () => false,
  signal?: AbortSignal,
): Promise<SyncCounts> {
  const { store, vectors } = options;
  const counts = { unchanged: 0, created: 0, removed: 0, failed: 0 };
  const seen = new Set<string>();

  let cursor: string | undefined;
  do {
    signal?.throwIfAborted();
    const page = await store.list({ prefix, limit: PAGE, cursor });
    const ids = page.items.map(({ key }) => imageId(store.bucket, key));
    const stored = await vectors.get(ids);
    for (const [i, object] of page.items.entries()) {
      const id = ids[i]!;
      seen.add(id);
      if (!isLeftOut(object)) counts[await compare(options, object, stored.get(id))]++;
    }
    cursor = page.next;
  } while (cursor !== undefined);

  if (seen.size === 0 && prefix === '' && options.root !== null) await refuseEmptyMountPoint(options.root, options);
  for await (const keys of indexedKeys(options, prefix)) {
    signal?.throwIfAborted();
    counts.removed += await emitRemoved(options, keys, seen);
  }
  for await (const keys of failedKeys(options, prefix)) {
    signal?.throwIfAborted();
    counts.removed += await emitRemoved(options, keys, seen);
    await resolveOutdated(options, keys);
  }
  return counts;
}

/** Emits an event when the object is not indexed as it is now. */
export async function compare(
  options: FolderSyncOptions,
  object: ListedObject,
  stored: StoredPoint | Tombstone | undefined,
): Promise<'unchanged' | 'created' | 'failed'> {
  const { store, failures } = options;
  if (stored !== undefined && !stored.deleted && stored.payload.kind === 'image') {
    if (stored.payload.etag === object.etag) return 'unchanged';
  }
  const failure = await failures.get(imageId(store.bucket, object.key));
  if (failure !== null && !failure.retryable && failure.etag === object.etag) return 'failed';
  emitChange(options, 'created', object, stored);
  return 'created';
}

/** An event whose sequencer, if it has one, is newer than what the index holds for the key. */
export function emitChange(
  { store, emit, sequencer }: FolderSyncOptions,
  type: 'created' | 'removed',
  object: { readonly key: string; readonly bytes?: number; readonly etag?: string },
  stored: StoredPoint | Tombstone | undefined,
): void {
  const after = stored === undefined ? '' : stored.deleted ? stored.sequencer : stored.payload.sequencer;
  emit(toS3Event({ type, bucket: store.bucket, ...object, sequencer: sequencer?.(after), time: new Date() }));
}

/** Keys of the bucket in the index, in batches. */
async function* indexedKeys({ store, vectors }: FolderSyncOptions, prefix: string): AsyncGenerator<string[]> {
  const filter = { kind: 'image', bucket: store.bucket, ...(prefix === '' ? {} : { keyPrefix: prefix }) } as const;
  let cursor: string | undefined;
  do {
    const page = await vectors.list({ filter, limit: PAGE, cursor, order: 'id' });
    yield page.items.flatMap(({ payload }) => (payload.kind === 'image' ? [payload.key] : []));
    cursor = page.next;
  } while (cursor !== undefined);
}

/** Keys of the bucket in the failure log, in batches. */
async function* failedKeys({ store, failures }: FolderSyncOptions, prefix: string): AsyncGenerator<string[]> {
  let cursor: string | undefined;
  do {
    const page = await failures.list({ limit: PAGE, cursor });
    yield page.items
      .filter(({ bucket, key }) => bucket === store.bucket && key.startsWith(prefix))
      .map(({ key }) => key);
    cursor = page.next;
  } while (cursor !== undefined);
}

/** Forgets failures of objects that are indexed as they are now, such as after an upload of the same picture. */
async function resolveOutdated(
  { store, vectors, failures }: FolderSyncOptions,
  keys: readonly string[],
): Promise<void> {
  const stored = await vectors.get(keys.map((key) => imageId(store.bucket, key)));
  for (const [id, point] of stored) {
    if (point.deleted || point.payload.kind !== 'image') continue;
    const object = await store.head(point.payload.key);
    if (object?.etag === point.payload.etag) await failures.resolve(id);
  }
}

/** Events for those keys that are not there. Each is looked for once more: it may have come since the list was made. */
async function emitRemoved(options: FolderSyncOptions, keys: readonly string[], seen: Set<string>): Promise<number> {
  const { store, vectors } = options;
  const missing: string[] = [];
  const candidates = keys.filter((key) => !seen.has(imageId(store.bucket, key)));
  for (let i = 0; i < candidates.length; i += HEADS_AT_ONCE) {
    const batch = candidates.slice(i, i + HEADS_AT_ONCE);
    const found = await Promise.all(batch.map((key) => store.head(key)));
    missing.push(...batch.filter((_, j) => found[j] === null));
  }
  const ids = missing.map((key) => imageId(store.bucket, key));
  const stored = await vectors.get(ids);
  for (const [i, key] of missing.entries()) {
    // So that a key in both lists is removed once.
    seen.add(ids[i]!);
    emitChange(options, 'removed', { key }, stored.get(ids[i]!));
  }
  return missing.length;
}

/**
 * Tells a folder whose pictures were deleted from the mount point of a drive that is not mounted: the first was there when
 * its pictures were indexed and has changed since, the second is older and has not, or was made later. Throws
 * `unavailable` for the second.
 */
async function refuseEmptyMountPoint(root: string, { store, vectors }: FolderSyncOptions): Promise<void> {
  const filter = { kind: 'image', bucket: store.bucket } as const;
  const [newest] = (await vectors.list({ filter, limit: 1, order: 'newest' })).items;
  if (newest === undefined || (await readdir(root)).length > 0) return;
  const { birthtimeMs, ctimeMs } = await stat(root);
  const indexedAtMs = Date.parse(newest.payload.indexedAt);
  // Where the file system does not know when a folder was made, Node answers with ctime: then nothing is removed either.
  if (birthtimeMs <= indexedAtMs && ctimeMs >= indexedAtMs) return;
  throw new SightlineError(
    'unavailable',
    `expected pictures in ${root}, found an empty folder although the index holds ${await vectors.count(filter)} of ` +
      'them; is its drive mounted? Nothing was removed. If the folder is meant to be empty, put one picture into it',
  );
}
