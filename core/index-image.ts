import { createHash } from 'node:crypto';
import { type ImageRejection, isSightlineError } from './errors.ts';
import { type LeftOutReason, leftOutByKey } from './files/left-out.ts';
import {
  findOrigin,
  inheritLate,
  JustRenamed,
  keepRefused,
  keepVanished,
  type NewObject,
  releaseRefused,
  takePlace,
  type Vanished,
  type VanishedLog,
} from './files/renamed-files.ts';
import { describeFile } from './metadata/describe-file.ts';
import { isReadAsItIs, refreshPicture } from './metadata/refresh.ts';
import { type FoundSidecars, findSidecars, picturesOfSidecar } from './metadata/sidecar.ts';
import { exclusively } from './one-at-a-time.ts';
import { shouldBePicture } from './picture/should-be-picture.ts';
import { captionId, imageId } from './point-ids.ts';
import type {
  EmbeddedPicture,
  ImageEmbedder,
  LookUp,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  StoredPoint,
  Tombstone,
  VectorStore,
  WriteCondition,
} from './ports.ts';
import { compareSequencers, sequencerOf } from './sequencer-order.ts';
import type { ImagePayload } from './types.ts';

/** One thing that happened to an object. */
export interface Job {
  readonly type: 'created' | 'removed';
  readonly bucket: string;
  /** As the object store knows it: decoded, not as events spell it. */
  readonly key: string;
  /** From the event; null when there is none (an upload through the API, a retry): the stored one is kept. */
  readonly sequencer: string | null;
}

/** What became of a job. All of these are expected; anything thrown is an outage, and the job may be tried again. */
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
      /** Nobody would have taken it for a picture: it is left out, and no failure. */
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
   * Why an object is left out of the index whatever it holds, or null.
   * @default by the names along its key
   */
  readonly leftOut?: (bucket: string, key: string) => Promise<LeftOutReason | null>;
  /** Keeps what people said of pictures that are gone, where there is such a thing. */
  readonly vanished?: VanishedLog;
  /**
   * Whether pictures of the same bytes wait for each other before they are stored or removed, so that none takes what
   * is another's. Not where the calls of several jobs go out together.
   * @default true
   */
  readonly inTurn?: boolean;
  readonly now?: () => Date;
}

interface IndexDeps extends IndexOptions {
  readonly justRenamed: JustRenamed;
}

export { captionId, imageId };

/**
 * The indexing pipeline: makes the index agree with one object. Idempotent and safe under duplicated, reordered and
 * concurrent jobs: the object is read as it is now, and the store takes a write only from an event newer than what it
 * holds (`compareSequencers`), so that every order of the same jobs ends in the state of the newest. The same bytes are
 * embedded once, whatever they are called.
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

/** How a job may write. */
interface Write {
  readonly sequencer: string;
  readonly when: WriteCondition;
  /** The picture that the index holds for the object. */
  readonly live: ImagePayload | null;
  /** There was one, or what should have been one. */
  readonly wasDeleted: boolean;
}

interface Task extends Write {
  readonly job: Job;
  readonly id: string;
  readonly objects: ObjectStore;
}

/** What the job may write over what is stored; null when that is newer. */
function decide(job: Job, stored: StoredPoint | Tombstone | undefined): Write | null {
  const storedSequencer = sequencerOf(stored);
  const sequencer = job.sequencer ?? storedSequencer;
  const order = compareSequencers(sequencer, storedSequencer);
  if (order < 0) return null;
  // The same one is the same event again, unless the server is not S3: most others send one for all. What is there
  // decides.
  const wasDeleted = stored?.deleted ?? false;
  return { sequencer, when: order === 0 ? 'not-older' : 'newer', live: livePicture(stored), wasDeleted };
}

/** Looks again at the stored pictures that a sidecar describes, after it came, changed or went. */
async function readPicturesOf({ vectors }: IndexDeps, { job, objects }: Task, index: IndexJob): Promise<void> {
  const { bucket } = job;
  const keys = new Map((await picturesOfSidecar(objects, job.key)).map((key) => [imageId(bucket, key), key]));
  const stored = keys.size === 0 ? [] : await vectors.get([...keys.keys()]);
  for (const [id, point] of stored) {
    if (!point.deleted) await index({ type: 'created', bucket, key: keys.get(id)!, sequencer: null });
  }
}

/** An object that has been read, or was too large for it, and what lies beside it. */
type ReadObject = { readonly info: ObjectInfo; readonly beside: FoundSidecars } & (
  | { readonly bytes: Uint8Array; readonly sha256: string }
  | { readonly bytes: null; readonly start: Uint8Array; readonly sha256?: undefined }
);

/**
 * The object of an event that says it is new, before anything is known of it, so that one look-up tells both what is
 * stored under its id and which pictures have its bytes. Undefined for other jobs: they may find all as it was.
 */
async function readAhead(deps: IndexDeps, objects: ObjectStore, job: Job): Promise<ReadObject | 'gone' | undefined> {
  if (job.type !== 'created' || job.sequencer === null) return undefined;
  try {
    return await readObject(deps, objects, job.key);
  } catch (error) {
    // Nothing to tell of where the event is an old one.
    if (isSightlineError(error) && error.details.archived === true) return undefined;
    throw error;
  }
}

/**
 * Sidecars are read here and not when the rest is known: what was found to have no copy has to be embedded and stored
 * at once, so that copies that arrive meanwhile find it.
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
  const [object, beside] = await Promise.all([read(), findSidecars(objects, key)]);
  if (object === null) return 'gone';
  const { info, bytes } = object;
  if (bytes === null) return { info, beside, bytes, start: object.start };
  return { info, beside, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function bytesOf({ body }: ObjectBody): Promise<Uint8Array> {
  return new Response(body).bytes();
}

/**
 * The object as it is now, unless it is gone or indexed as it is. `outdated` when only what is known of it has to be
 * read again: its sidecars are others, or an older version read it.
 */
async function look(
  deps: IndexDeps,
  { job, objects, live }: Task,
  ahead: ReadObject | 'gone' | undefined,
): Promise<'gone' | 'unchanged' | 'outdated' | ReadObject> {
  if (ahead === 'gone') return ahead;
  // In a bucket that keeps versions a removed one may have been an old one, or the marker that hid the object.
  if (job.type === 'removed' || live !== null) {
    const info = ahead === undefined ? await objects.head(job.key) : ahead.info;
    if (info === null && job.type === 'removed') return 'gone';
    if (info !== null && info.etag === live?.etag) {
      return (await isReadAsItIs(objects, live, ahead?.beside)) ? 'unchanged' : 'outdated';
    }
  }
  return ahead ?? readObject(deps, objects, job.key);
}

/**
 * Keeps the newer sequencer of an object that did not change: a late event from before it would win against the old
 * one. What is outdated is read again.
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
  const written = await amongItsCopies(deps, live?.sha256, async () => {
    if (live !== null) await keepVanished(deps, id, live);
    if (wasDeleted) await releaseRefused(deps, id);
    return writeTombstone(deps, task);
  });
  return written === 'removed' ? { status: 'removed', id } : { status: 'skipped', id, reason: 'stale' };
}

/** Runs work that changes which of the pictures of the same bytes has a past: one at a time for the same bytes. */
function amongItsCopies<T>(
  { inTurn = true }: IndexDeps,
  sha256: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return !inTurn || sha256 === undefined ? work() : exclusively(`bytes ${sha256}`, work);
}

async function writeTombstone(deps: IndexDeps, { id, sequencer, when }: Task): Promise<'removed' | 'stale'> {
  const [written] = await deps.vectors.remove([{ id, sequencer, deletedAt: timeOf(deps) }], when);
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
    // What was found under this key before is no longer what is there; and a slower, older job must not bring it back.
    // What people said of it waits: most files that are damaged are half written, or come back from a copy.
    if (live !== null) await keepRefused(deps, id, live);
    await writeTombstone(deps, task);
    const leftOut = !shouldBePicture(task.job.key, object.bytes ?? object.start);
    return { status: 'rejected', id, etag: object.info.etag, leftOut, ...embedded };
  }
  const { sha256 } = embedded;
  const store = () => storePicture(deps, task, object, embedded);
  if (live === null || live.sha256 === sha256) return amongItsCopies(deps, sha256, store);
  // Of both bytes, always in the same order, so that two that have swapped their names do not wait for each other.
  const [first, second] = [live.sha256, sha256].sort();
  return amongItsCopies(deps, first, () => amongItsCopies(deps, second, store));
}

/** Stores a new or changed object, with what was said of the picture that it was before. */
async function storePicture(
  deps: IndexDeps,
  { id, job, sequencer, when, live, wasDeleted }: Task,
  { info, beside }: ReadObject,
  embedded: Embedded & { readonly sha256: string },
): Promise<IndexOutcome> {
  const { sha256, vector, classes, reusedVector: isKnown, gone } = embedded;
  const picture = describeFile(info, embedded.picture, beside.sidecars, live?.sha256 === sha256 ? live : null);
  // A picture that is there keeps what people said of it, which may have been changed since it was looked up.
  const found = { id, key: job.key, sha256, isKnown, isBack: wasDeleted, gone };
  const origin = live === null ? await findOrigin(deps, found, timeOf(deps)) : await moveIn(deps, found, live);
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
    sidecars: beside.mark,
    readBy: null,
    tags: [],
    indexedAt: timeOf(deps),
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

/** What other bytes bring along to the place of a picture. */
function moveIn(deps: IndexDeps, found: Omit<NewObject, 'before'>, before: ImagePayload) {
  return before.sha256 === found.sha256 ? null : takePlace(deps, { ...found, isBack: false, before }, timeOf(deps));
}

interface Embedded extends EmbeddedPicture {
  /** It was known, or another job was embedding it. */
  readonly reusedVector: boolean;
  /** What vanished with the same bytes, where it was looked for. */
  readonly gone?: readonly Vanished[];
}

type ReadPicture = Extract<ReadObject, { bytes: Uint8Array }>;

/** What is stored of an object's bytes, or why they are no picture. */
async function embedIfPicture(
  { maxBytes }: IndexDeps,
  object: ReadObject,
  embed: (object: ReadPicture) => Promise<Embedded>,
): Promise<(Embedded & { sha256: string }) | { reason: ImageRejection; message: string }> {
  if (object.bytes === null) {
    return { reason: 'too-large', message: `expected at most ${maxBytes} bytes, got ${object.info.bytes}` };
  }
  try {
    return { ...(await embed(object)), sha256: object.sha256 };
  } catch (error) {
    if (isSightlineError(error, 'too-large')) return { reason: 'too-large', message: error.message };
    if (!isSightlineError(error, 'unreadable-image')) throw error;
    return { reason: (error.details.reason as ImageRejection | undefined) ?? 'corrupt', message: error.message };
  }
}

/** Embeds what is not known yet, copies that arrive together once. `copies` are stored ones, as far as looked up. */
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

function timeOf({ now }: IndexDeps): string {
  return (now?.() ?? new Date()).toISOString();
}

function livePicture(stored: StoredPoint | Tombstone | undefined): ImagePayload | null {
  return stored !== undefined && !stored.deleted && stored.payload.kind === 'image' ? stored.payload : null;
}
