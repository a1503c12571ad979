import { countLeftOut, type LeftOut, NO_PICTURE } from '../../core/files/non-picture-files.ts';
import { METADATA_VERSION } from '../../core/metadata/embedded.ts';
import { SidecarList, sidecarMark } from '../../core/metadata/sidecar.ts';
import type { PictureStore, Scanned } from '../../core/objects/picture-store.ts';
import { hasPictureName, isOfDocument, mayBePicture } from '../../core/picture/is-picture.ts';
import { imageId } from '../../core/point-ids.ts';
import type { Failure, FailureLog, ListedObject, StoredPoint, Tombstone, VectorStore } from '../../core/ports.ts';
import { sequencerOf } from '../../core/sequencer-order.ts';
import type { ImagePayload } from '../../core/types.ts';
import { everyPage } from '../../core/util/paginate.ts';
import type { Sequencer } from '../../functions/events/local-sequencer.ts';
import { type S3Event, toS3Event } from '../../functions/events/s3-event.ts';
import { createMountCheck, refuseEmptyMountPoint } from './mount-check.ts';

export interface ReconcileOptions {
  /** The folder behind `store`; null when there is none. */
  readonly root: string | null;
  readonly store: PictureStore;
  readonly vectors: Pick<VectorStore, 'get' | 'list' | 'count'>;
  readonly failures: FailureLog;
  readonly emit: (event: S3Event) => void;
  /** Null for a store whose own events have sequencers: events made here then only request a look. */
  readonly sequencer: Sequencer | null;
  /** Called with what was left out, after each full comparison. */
  readonly onLeftOut?: (leftOut: LeftOut) => void;
}

/** Number of objects by result of the comparison. */
export interface Reconciled {
  /** Indexed and unchanged. */
  readonly unchanged: number;
  /**
   * New, changed, with changed sidecars, or worth a retry: an event was emitted. Without files that have the name of
   * another kind, which are only read to make sure.
   */
  readonly created: number;
  /** In the index, but no longer in the folder, or left out now: an event was emitted. */
  readonly removed: number;
  /** In the failure log, unchanged and not worth a retry. */
  readonly failed: number;
}

const PAGE = 1000;
const HEADS_AT_ONCE = 16;

type Counts = { -readonly [Name in keyof Reconciled]: number };

/** A running comparison. */
interface Comparison {
  readonly options: ReconcileOptions;
  readonly prefix: string;
  readonly signal: AbortSignal | undefined;
  readonly counts: Counts;
  readonly leftOut: LeftOut;
  /** Ids of all found objects, and whether each is indexed and unchanged. */
  readonly seen: Map<string, boolean>;
  /** Ids of files that cannot be objects. */
  readonly refused: Set<string>;
  readonly sidecars: SidecarList;
  /** Key prefixes that could not be read. */
  readonly unknown: string[];
}

/**
 * Compares a folder or a bucket with the index and emits an event for each difference, as S3 would have done. Removes
 * nothing below a subfolder that cannot be read. Memory: one id per object of the folder.
 *
 * @param prefix compares only keys with this prefix
 * @param isBeingWritten true excludes an object: the caller watches it
 * @throws {unavailable} when the folder cannot be read or looks like an empty mount point; nothing is removed then
 */
export async function reconcile(
  options: ReconcileOptions,
  prefix = '',
  isBeingWritten: (object: ListedObject) => boolean = () => false,
  signal?: AbortSignal,
): Promise<Reconciled> {
  const counts = { unchanged: 0, created: 0, removed: 0, failed: 0 };
  const comparison: Comparison = {
    options,
    prefix,
    signal,
    counts,
    leftOut: {},
    seen: new Map(),
    refused: new Set(),
    sidecars: new SidecarList(),
    unknown: [],
  };
  await compareFound(comparison, isBeingWritten);
  const isEmpty = prefix === '' && comparison.seen.size + comparison.refused.size === 0;
  if (isEmpty && options.root !== null)
    await refuseEmptyMountPoint(options.root, options.store.bucket, options.vectors);
  await compareStored(comparison);
  await reviewFailures(comparison, false);
  await reviewFailures(comparison, true);
  if (prefix === '') options.onLeftOut?.(comparison.leftOut);
  return counts;
}

/** Compares everything in the store. */
async function compareFound(comparison: Comparison, isBeingWritten: (object: ListedObject) => boolean): Promise<void> {
  const { options, counts, leftOut, seen, sidecars, signal } = comparison;
  let page: ListedObject[] = [];
  const comparePage = async () => {
    const stored = await options.vectors.get(page.map(({ key }) => imageId(options.store.bucket, key)));
    for (const object of page) {
      const id = idOf(options, object.key);
      const outcome = await compare(options, object, stored.get(id));
      seen.set(id, outcome === 'unchanged');
      if (outcome !== 'left-out' && (outcome !== 'created' || mayBePicture(object.key))) counts[outcome]++;
    }
    page = [];
  };
  for await (const found of options.store.scan(comparison.prefix)) {
    signal?.throwIfAborted();
    if (found.type === 'left-out') {
      countLeftOut(leftOut, found.reason, found.files);
      if (found.object !== undefined) sidecars.add(found.object);
    } else if (found.type === 'failed') await recordFound(comparison, found);
    else {
      const { object } = found;
      seen.set(idOf(options, object.key), false);
      if (object.archived) countLeftOut(leftOut, 'archived');
      else if (!isBeingWritten(object)) page.push(object);
      if (page.length === PAGE) await comparePage();
    }
  }
  await comparePage();
}

function idOf({ store }: ReconcileOptions, key: string): string {
  return imageId(store.bucket, key);
}

/** Records a file that cannot be an object as a failure, unless it is already recorded. */
async function recordFound(comparison: Comparison, found: Extract<Scanned, { type: 'failed' }>): Promise<void> {
  const { options, refused, unknown, counts } = comparison;
  const { path: key, reason, message } = found;
  const id = idOf(options, key);
  refused.add(id);
  if (found.unknownBelow !== undefined) unknown.push(found.unknownBelow);
  counts.failed++;
  const known = await options.failures.get(id);
  if (known?.reason === reason && known.message === message) return;
  const retryable = reason === 'unreadable-folder';
  const { bucket } = options.store;
  await options.failures.record({ id, bucket, key, etag: '', sequencer: '', reason, message, retryable });
}

/** Reasons of failures found by the scan, not by indexing. */
const FOUND_BY_SCAN: ReadonlySet<string> = new Set(['invalid-name', 'symbolic-link', 'unreadable-folder']);

/** Emits an event if the object is not indexed or has changed. */
export async function compare(
  options: ReconcileOptions,
  object: ListedObject,
  stored: StoredPoint | Tombstone | undefined,
): Promise<'unchanged' | 'created' | 'failed' | 'left-out'> {
  const { store, failures } = options;
  if (stored !== undefined && !stored.deleted && stored.payload.kind === 'image') {
    if (stored.payload.etag === object.etag) return 'unchanged';
  }
  const failure = await failures.get(imageId(store.bucket, object.key));
  const isKnown = failure !== null && !failure.retryable && failure.etag === object.etag;
  if (isKnown && failure.reason === NO_PICTURE) return 'left-out';
  if (isKnown && !isListedByMistake(failure)) return 'failed';
  emitChange(options, 'created', object, stored);
  return 'created';
}

/** Whether an older version recorded a file that is now left out. */
function isListedByMistake({ key, reason, message }: Failure): boolean {
  if (hasPictureName(key)) return false;
  return reason === 'not-an-image' || reason === 'empty' || (reason === 'unsupported-format' && isOfDocument(message));
}

/** Emits an event whose sequencer, if any, is newer than that in the index. */
export function emitChange(
  { store, emit, sequencer }: ReconcileOptions,
  type: 'created' | 'removed',
  object: { readonly key: string; readonly bytes?: number; readonly etag?: string },
  stored: StoredPoint | Tombstone | undefined,
): void {
  const after = sequencerOf(stored);
  emit(toS3Event({ type, bucket: store.bucket, ...object, sequencer: sequencer?.(after), time: new Date() }));
}

/** Emits events for indexed pictures that are missing from the folder, or whose sidecars changed. */
async function compareStored(comparison: Comparison): Promise<void> {
  const { store, vectors } = comparison.options;
  const below = comparison.prefix === '' ? {} : { keyPrefix: comparison.prefix };
  const filter = { kind: 'image', bucket: store.bucket, ...below } as const;
  for await (const { items } of everyPage((cursor) => vectors.list({ filter, limit: PAGE, cursor, order: 'id' }))) {
    comparison.signal?.throwIfAborted();
    const pictures = items.filter((item) => item.payload.kind === 'image');
    await emitRemoved(
      comparison,
      pictures.map(({ payload }) => (payload as ImagePayload).key),
    );
    for (const point of pictures) emitSidecarChanges(comparison, point);
  }
}

/** Emits an event for a picture whose sidecars changed while its file did not. */
function emitSidecarChanges({ options, seen, sidecars, unknown, counts }: Comparison, point: StoredPoint): void {
  const { key, sidecars: mark, metadataVersion } = point.payload as ImagePayload;
  // Metadata from an older version has no fingerprint, and is read again anyway.
  if (metadataVersion < METADATA_VERSION || seen.get(point.id) !== true) return;
  if (unknown.some((prefix) => key.startsWith(prefix)) || sidecarMark(sidecars.of(key)) === mark) return;
  emitChange(options, 'created', { key }, point);
  counts.created++;
  counts.unchanged--;
}

/**
 * Resolves failures of objects that are gone, or that are indexed now, for example after an upload of the same file.
 */
async function reviewFailures(comparison: Comparison, dismissed: boolean): Promise<void> {
  const { store, failures } = comparison.options;
  const within = { bucket: store.bucket, keyPrefix: comparison.prefix };
  for await (const { items } of everyPage((cursor) => failures.list({ limit: PAGE, cursor, dismissed, within }))) {
    comparison.signal?.throwIfAborted();
    const keys = items.filter(({ reason }) => !FOUND_BY_SCAN.has(reason)).map(({ key }) => key);
    for (const { id, key } of items.filter(({ reason }) => FOUND_BY_SCAN.has(reason))) {
      if (!comparison.refused.has(id) && isMissing(comparison, key)) await failures.resolve(id);
    }
    await emitRemoved(comparison, keys);
    await resolveOutdated(comparison.options, keys);
  }
}

async function resolveOutdated({ store, vectors, failures }: ReconcileOptions, keys: readonly string[]): Promise<void> {
  const stored = await vectors.get(keys.map((key) => imageId(store.bucket, key)));
  for (const [id, point] of stored) {
    if (point.deleted || point.payload.kind !== 'image') continue;
    const object = await store.head(point.payload.key);
    if (object?.etag === point.payload.etag) await failures.resolve(id);
  }
}

/** Whether it was not found although its folder was read. */
function isMissing({ options, seen, unknown }: Comparison, key: string): boolean {
  return !seen.has(idOf(options, key)) && !unknown.some((prefix) => key.startsWith(prefix));
}

/** Emits events for missing keys. Checks each once more: it may have been added since the scan. */
async function emitRemoved(comparison: Comparison, keys: readonly string[]): Promise<void> {
  const { options, seen, counts } = comparison;
  const { store, vectors, root } = options;
  const candidates = keys.filter((key) => isMissing(comparison, key));
  const missing: string[] = [];
  for (let i = 0; i < candidates.length; i += HEADS_AT_ONCE) {
    const batch = candidates.slice(i, i + HEADS_AT_ONCE);
    const isGone = await Promise.all(
      batch.map(async (key) => (await store.leftOut(key)) !== null || (await store.head(key)) === null),
    );
    missing.push(...batch.filter((_, j) => isGone[j]));
  }
  const stored = await vectors.get(missing.map((key) => idOf(options, key)));
  const isUnmounted = root === null ? null : createMountCheck(root);
  for (const key of missing) {
    const id = idOf(options, key);
    const point = stored.get(id);
    const indexedAt = point === undefined || point.deleted ? null : point.payload.indexedAt;
    if (isUnmounted !== null && indexedAt !== null && (await isUnmounted(key, Date.parse(indexedAt)))) continue;
    // A key may be in both lists: remove it once.
    seen.set(id, false);
    emitChange(options, 'removed', { key }, point);
    counts.removed++;
  }
}
