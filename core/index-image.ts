import { createHash } from 'node:crypto';
import { decide, type Job, type Write } from './decide-job.ts';
import { type ImageRejection, isSightlineError, type Rejection, rejectionOf } from './errors.ts';
import { type LeftOutReason, leftOutByKey } from './files/non-picture-files.ts';
import {
  findOrigin,
  inheritLate,
  JustRenamed,
  keepRefused,
  keepVanished,
  type NewObject,
  releaseRefused,
  replacePicture,
} from './files/renamed-files.ts';
import { describeFile } from './metadata/describe-file.ts';
import { isReadAsItIs, refreshPicture } from './metadata/refresh.ts';
import { type FoundSidecars, findSidecars, picturesOfSidecar } from './metadata/sidecar.ts';
import { shouldBePicture } from './picture/is-picture.ts';
import { imageId } from './point-ids.ts';
import type {
  EmbeddedPicture,
  ImageEmbedder,
  LookUp,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  Vanished,
  VanishedLog,
  VectorStore,
} from './ports.ts';
import type { ImagePayload } from './types.ts';
import { exclusively } from './util/keyed-mutex.ts';

/** Result of a job. All of these are expected; anything thrown is an outage, and the job may be retried. */
export type IndexOutcome =
  | { readonly status: 'indexed'; readonly id: string; readonly reusedVector: boolean }
  | {
      readonly status: 'skipped';
      readonly id: string;
      readonly reason: 'unchanged' | 'stale' | 'gone' | 'archived' | 'left-out';
    }
  | { readonly status: 'removed'; readonly id: string }
  | {
      readonly status: 'rejected';
      readonly id: string;
      readonly reason: ImageRejection;
      readonly message: string;
      readonly etag: string;
      /** Clearly not meant to be a picture: left out rather than reported as a failure. */
      readonly leftOut: boolean;
    };

export type IndexJob = (job: Job) => Promise<IndexOutcome>;

export interface IndexOptions {
  readonly embedder: ImageEmbedder;
  readonly vectors: VectorStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Larger objects are rejected without being read. Bytes. */
  readonly maxBytes: number;
  /**
   * Why an object is left out of the index whatever its content, or null.
   * @default by the names along its key
   */
  readonly leftOut?: (bucket: string, key: string) => Promise<LeftOutReason | null>;
  /** Keeps the tags of pictures that are gone, if available. */
  readonly vanished?: VanishedLog;
  /**
   * Whether pictures with the same bytes are stored and removed one at a time, see {@link serialiseByHash}. Off where
   * the calls of several jobs are sent as one batch.
   * @default true
   */
  readonly serialise?: boolean;
}

interface IndexDeps extends IndexOptions {
  readonly justRenamed: JustRenamed;
}

/**
 * The indexing pipeline: makes the index agree with one object. Idempotent and safe under duplicated, reordered and
 * concurrent jobs: it reads the object as it is now, and the store accepts a write only from an event newer than what
 * it holds (`compareSequencers`), so any order of the same jobs ends in the newest state. The same bytes are embedded
 * once, whatever their names.
 */
export function createIndexer(options: IndexOptions): IndexJob {
  const deps = { ...options, justRenamed: new JustRenamed() };
  const embed = createEmbedding(deps);
  const leftOut = deps.leftOut ?? (async (_: string, key: string) => leftOutByKey(key));

  const index: IndexJob = async (job) => {
    const id = imageId(job.bucket, job.key);
    const objects = deps.buckets.get(job.bucket);
    if (objects === undefined) return { status: 'skipped', id, reason: 'gone' };
    const reason = await leftOut(job.bucket, job.key);
    const ahead = reason === null ? await readAhead(deps, objects, job) : undefined;
    const sha256 = ahead === 'gone' ? undefined : ahead?.sha256;
    const { points, copies } = await deps.vectors.lookUp([id], sha256 === undefined ? [] : [sha256]);
    const write = decide(job, points.get(id));
    if (write === null) return { status: 'skipped', id, reason: 'stale' };

    const task: Task = { ...write, job, id, objects };
    if (reason !== null) {
      if (reason === 'sidecar') await readPicturesOf(deps, task, index);
      return write.live === null ? { status: 'skipped', id, reason: 'left-out' } : remove(deps, task);
    }
    const found = await look(deps, task, ahead);
    if (found === 'unchanged' || found === 'outdated') return acknowledge(deps, task, found);
    if (found !== 'gone') {
      return indexObject(deps, task, found, (read) => embed(read, read.sha256 === sha256 ? copies : undefined));
    }
    return job.type === 'removed' ? remove(deps, task) : { status: 'skipped', id, reason: 'gone' };
  };
  return index;
}

interface Task extends Write {
  readonly job: Job;
  readonly id: string;
  readonly objects: ObjectStore;
}

/** Indexes the stored pictures that a sidecar describes again, after it was added, changed or removed. */
async function readPicturesOf({ vectors }: IndexDeps, { job, objects }: Task, index: IndexJob): Promise<void> {
  const { bucket } = job;
  const keys = new Map((await picturesOfSidecar(objects, job.key)).map((key) => [imageId(bucket, key), key]));
  const stored = keys.size === 0 ? [] : await vectors.get([...keys.keys()]);
  for (const [id, point] of stored) {
    if (!point.deleted) await index({ type: 'created', bucket, key: keys.get(id)!, sequencer: null });
  }
}

/** An object that was read, or was too large to read, and its sidecars. */
type ReadObject = { readonly info: ObjectInfo; readonly sidecars: FoundSidecars } & (
  | { readonly bytes: Uint8Array; readonly sha256: string }
  | { readonly bytes: null; readonly start: Uint8Array; readonly sha256?: undefined }
);

/**
 * Reads a newly created object before the index is asked about it, so that one look-up answers both what is stored
 * under its id and which pictures have the same bytes. Undefined for other jobs: their object may be unchanged.
 */
async function readAhead(deps: IndexDeps, objects: ObjectStore, job: Job): Promise<ReadObject | 'gone' | undefined> {
  if (job.type !== 'created' || job.sequencer === null) return undefined;
  try {
    return await readObject(deps, objects, job.key);
  } catch (error) {
    // The event may be outdated; decide after the look-up whether this is a fault.
    if (isSightlineError(error) && error.details.archived === true) return undefined;
    throw error;
  }
}

/**
 * Sidecars are read now rather than later: once the look-up finds no copy, the picture must be embedded and stored at
 * once, so that copies arriving in the meantime find it.
 */
async function readObject({ maxBytes }: IndexDeps, objects: ObjectStore, key: string): Promise<ReadObject | 'gone'> {
  const read = async () => {
    const object = await objects.get(key);
    if (object === null || object.info.bytes <= maxBytes) return object && { ...object, bytes: await bytesOf(object) };
    const reader = object.body.getReader();
    const { value: start = new Uint8Array() } = await reader.read();
    await reader.cancel();
    return { ...object, bytes: null, start };
  };
  const [object, sidecars] = await Promise.all([read(), findSidecars(objects, key)]);
  if (object === null) return 'gone';
  const { info, bytes } = object;
  if (bytes === null) return { info, sidecars, bytes, start: object.start };
  return { info, sidecars, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function bytesOf({ body }: ObjectBody): Promise<Uint8Array> {
  return new Response(body).bytes();
}

/**
 * The object as it is now, unless it is gone or unchanged. `outdated` when only its metadata must be read again: its
 * sidecars changed, or an older version of the code read it.
 */
async function look(
  deps: IndexDeps,
  { job, objects, live }: Task,
  ahead: ReadObject | 'gone' | undefined,
): Promise<'gone' | 'unchanged' | 'outdated' | ReadObject> {
  if (ahead === 'gone') return ahead;
  // In a versioned bucket the event may be about an old version, or about the delete marker that hid the object.
  if (job.type === 'removed' || live !== null) {
    const info = ahead === undefined ? await objects.head(job.key) : ahead.info;
    if (info === null && job.type === 'removed') return 'gone';
    if (info !== null && info.etag === live?.etag) {
      return (await isReadAsItIs(objects, live, ahead?.sidecars)) ? 'unchanged' : 'outdated';
    }
  }
  return ahead ?? readObject(deps, objects, job.key);
}

/**
 * Stores the newer sequencer of an unchanged object; otherwise a late event from before it would win against the old
 * one. Reads outdated metadata again.
 */
async function acknowledge(
  deps: IndexDeps,
  { id, live, sequencer, when }: Task,
  found: 'unchanged' | 'outdated',
): Promise<IndexOutcome> {
  const { vectors } = deps;
  if (found === 'outdated' && (await refreshPicture(deps, id, { sequencer, when })) === 'refreshed') {
    return { status: 'indexed', id, reusedVector: true };
  }
  const vector = when === 'newer' ? (await vectors.vectors([id])).get(id) : undefined;
  if (vector !== undefined && live !== null) {
    await vectors.upsert([{ id, vector, payload: { ...live, sequencer } }], when, { keepTags: true });
  }
  return { status: 'skipped', id, reason: 'unchanged' };
}

async function remove(deps: IndexDeps, task: Task): Promise<IndexOutcome> {
  const { id, live, wasDeleted } = task;
  const written = await serialiseByHash(deps, live?.sha256, async () => {
    if (live !== null) await keepVanished(deps, id, live);
    if (wasDeleted) await releaseRefused(deps, id);
    return writeTombstone(deps, task);
  });
  return written === 'removed' ? { status: 'removed', id } : { status: 'skipped', id, reason: 'stale' };
}

/**
 * Two pictures with the same bytes must not be stored or removed at once: only one of them may take over the tags of a
 * moved file.
 */
function serialiseByHash<T>(
  { serialise = true }: IndexDeps,
  sha256: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return !serialise || sha256 === undefined ? work() : exclusively(`bytes ${sha256}`, work);
}

async function writeTombstone(deps: IndexDeps, { id, sequencer, when }: Task): Promise<'removed' | 'stale'> {
  const [written] = await deps.vectors.remove([{ id, sequencer, deletedAt: new Date().toISOString() }], when);
  return written!;
}

/** Reads, embeds and stores a new or changed object. */
async function indexObject(
  deps: IndexDeps,
  task: Task,
  object: ReadObject,
  embed: (object: ReadPicture) => Promise<Embedded>,
): Promise<IndexOutcome> {
  const { id, live } = task;
  const embedded = await embedIfPicture(deps, object, embed);
  if ('reason' in embedded) {
    // The tombstone keeps a slower, older job from bringing back the previous picture. Its tags are kept: most damaged
    // files are only half written, or are restored from a copy.
    if (live !== null) await keepRefused(deps, id, live);
    await writeTombstone(deps, task);
    const leftOut = !shouldBePicture(task.job.key, object.bytes ?? object.start);
    return { status: 'rejected', id, etag: object.info.etag, leftOut, ...embedded };
  }
  const { sha256 } = embedded;
  const store = () => storePicture(deps, task, object, embedded);
  if (live === null || live.sha256 === sha256) return serialiseByHash(deps, sha256, store);
  // Lock both hashes in a fixed order, so that two files that swapped names cannot deadlock.
  const [first, second] = [live.sha256, sha256].sort();
  return serialiseByHash(deps, first, () => serialiseByHash(deps, second, store));
}

/** Stores a new or changed object, with the tags and dates it had under an earlier name. */
async function storePicture(
  deps: IndexDeps,
  { id, job, sequencer, when, live, wasDeleted }: Task,
  { info, sidecars }: ReadObject,
  embedded: Embedded & { readonly sha256: string },
): Promise<IndexOutcome> {
  const { sha256, vector, classes, reusedVector: isKnown, gone } = embedded;
  const picture = describeFile(info, embedded.picture, sidecars.files, live?.sha256 === sha256 ? live : null);
  const indexedAt = new Date().toISOString();
  const found = { id, key: job.key, sha256, isKnown, isBack: wasDeleted, gone };
  const origin = live === null ? await findOrigin(deps, found, indexedAt) : await moveIn(deps, found, live);
  const kept = origin?.kept ?? null;
  const payload: ImagePayload = {
    kind: 'image',
    bucket: job.bucket,
    key: job.key,
    etag: info.etag,
    sha256,
    sequencer,
    bytes: info.bytes,
    ...picture,
    classes,
    sidecars: sidecars.mark,
    readBy: null,
    tags: [],
    indexedAt,
    ...kept,
  };
  const isOther = live !== null && kept !== null;
  const [written] = await deps.vectors.upsert([{ id, vector, payload }], when, { keepTags: !isOther });
  if (written !== 'written') return { status: 'skipped', id, reason: 'stale' };
  await origin?.settle();
  if (kept !== null) deps.justRenamed.add(id);
  if (live === null && origin === null && isKnown) await inheritLate(deps, found);
  return { status: 'indexed', id, reusedVector: isKnown };
}

/** What a file with other bytes brings along when it replaces a picture. */
function moveIn(deps: IndexDeps, found: Omit<NewObject, 'before'>, before: ImagePayload) {
  if (before.sha256 === found.sha256) return null;
  return replacePicture(deps, { ...found, isBack: false, before }, new Date().toISOString());
}

interface Embedded extends EmbeddedPicture {
  /** The vector was already known, or another job was making it. */
  readonly reusedVector: boolean;
  /** Vanished pictures with the same bytes, if looked up. */
  readonly gone?: readonly Vanished[];
}

type ReadPicture = Extract<ReadObject, { bytes: Uint8Array }>;

/** The embedded picture, or why the bytes are not one. */
async function embedIfPicture(
  { maxBytes }: IndexDeps,
  object: ReadObject,
  embed: (object: ReadPicture) => Promise<Embedded>,
): Promise<(Embedded & { sha256: string }) | Rejection> {
  if (object.bytes === null) {
    return { reason: 'too-large', message: `expected at most ${maxBytes} bytes, got ${object.info.bytes}` };
  }
  try {
    return { ...(await embed(object)), sha256: object.sha256 };
  } catch (error) {
    const rejection = rejectionOf(error);
    if (rejection === null) throw error;
    return rejection;
  }
}

/** Embeds unknown bytes, and copies that arrive together only once. `copies` are the stored ones, if looked up. */
function createEmbedding({ embedder, vectors, vanished }: IndexDeps) {
  /** By SHA-256. */
  const underWay = new Map<string, ReturnType<ImageEmbedder['embedImage']>>();
  return async ({ bytes, sha256 }: ReadPicture, copies: LookUp['copies'] | undefined): Promise<Embedded> => {
    const copy = (copies ?? (await vectors.lookUp([], [sha256])).copies).get(sha256);
    const gone = copy === undefined ? ((await vanished?.find(sha256)) ?? []) : undefined;
    const before = gone?.find(({ space }) => space === vectors.space);
    const known = copy ?? (before && { vector: before.vector, classes: before.payload.classes });
    if (known !== undefined) {
      return { ...known, picture: await embedder.describeImage(bytes), reusedVector: true, gone };
    }
    const shared = underWay.get(sha256);
    if (shared !== undefined) return { ...(await shared), reusedVector: true, gone };
    const running = embedder.embedImage(bytes).finally(() => underWay.delete(sha256));
    underWay.set(sha256, running);
    return { ...(await running), reusedVector: false, gone };
  };
}
