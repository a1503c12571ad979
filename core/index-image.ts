import { createHash } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { type ImageRejection, isSightlineError } from './errors.ts';
import {
  compareSequencers,
  type Embedder,
  type ObjectStore,
  type PictureInfo,
  type StoredPoint,
  type Tombstone,
  type VectorStore,
  type WriteCondition,
} from './ports.ts';
import type { ImagePayload, JointEmbedding } from './types.ts';

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
  | { readonly status: 'skipped'; readonly id: string; readonly reason: 'unchanged' | 'stale' | 'gone' | 'archived' }
  | { readonly status: 'removed'; readonly id: string }
  | {
      readonly status: 'rejected';
      readonly id: string;
      readonly reason: ImageRejection;
      readonly message: string;
      readonly etag: string;
    };

export type IndexJob = (job: Job) => Promise<IndexOutcome>;

export interface IndexDeps {
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Larger objects are rejected without being read. Bytes. */
  readonly maxBytes: number;
  readonly now?: () => Date;
}

/** Namespaces of the version 5 UUIDs below (RFC 9562, 5.5): fixed for ever, because they decide every id. */
const IMAGE_NAMESPACE = '8a0b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';
const CAPTION_NAMESPACE = '0c7f4a52-4f0a-5b8e-8f6d-5be0c1a9e2d4';

/** The point id of an object: the same object indexed again is the same point. */
export function imageId(bucket: string, key: string): string {
  return uuidv5(`${bucket}/${key}`, IMAGE_NAMESPACE);
}

/** The point id of a caption: the same text is the same point. */
export function captionId(caption: string): string {
  return uuidv5(caption, CAPTION_NAMESPACE);
}

/**
 * The indexing pipeline: makes the index agree with one object. Idempotent and safe under duplicated, reordered and concurrent jobs:
 * the object is read as it is now, and the store takes a write only from an event that is newer than what it holds
 * (`compareSequencers`), so that every order of the same jobs ends in the state of the newest. The same bytes are
 * embedded once, whatever they are called.
 */
export function createIndexer(deps: IndexDeps): IndexJob {
  const { embedder, vectors, buckets } = deps;
  const now = () => (deps.now?.() ?? new Date()).toISOString();
  /** Embeddings under way by SHA-256, so that copies that arrive together are embedded once. */
  const underWay = new Map<string, ReturnType<Embedder['embedImage']>>();

  return async function indexImage(job: Job): Promise<IndexOutcome> {
    const id = imageId(job.bucket, job.key);
    const objects = buckets.get(job.bucket);
    if (objects === undefined) return { status: 'skipped', id, reason: 'gone' };

    const stored = (await vectors.get([id])).get(id);
    const storedSequencer = sequencerOf(stored);
    const sequencer = job.sequencer ?? storedSequencer;
    const order = compareSequencers(sequencer, storedSequencer);
    if (order < 0) return { status: 'skipped', id, reason: 'stale' };
    // The same one is the same event again, unless the server is not S3: most others send one for all. What is there decides.
    const when: WriteCondition = order === 0 ? 'not-older' : 'newer';

    const bury = async () => (await vectors.remove([{ id, sequencer, deletedAt: now() }], when))[0];
    const remove = async (): Promise<IndexOutcome> =>
      (await bury()) === 'removed' ? { status: 'removed', id } : { status: 'skipped', id, reason: 'stale' };
    // In a bucket that keeps versions it may have been an old one, or the marker that hid the object.
    if (job.type === 'removed' && (await objects.head(job.key)) === null) return remove();

    const live = livePicture(stored);
    if (live !== null && (await objects.head(job.key))?.etag === live.etag) {
      // The newer sequencer must be kept: a late event from before this one would win against the old one.
      if (order > 0) {
        const vector = (await vectors.vectors([id])).get(id);
        if (vector !== undefined) {
          await vectors.upsert([{ id, vector, payload: { ...live, sequencer } }], when, { keepTags: true });
        }
      }
      return { status: 'skipped', id, reason: 'unchanged' };
    }

    const object = await objects.get(job.key);
    if (object === null) return job.type === 'removed' ? remove() : { status: 'skipped', id, reason: 'gone' };
    const { info } = object;
    const reject = async (reason: ImageRejection, message: string): Promise<IndexOutcome> => {
      // What was found under this key before is no longer what is there; and a slower, older job must not bring it back.
      await bury();
      return { status: 'rejected', id, reason, message, etag: info.etag };
    };
    if (info.bytes > deps.maxBytes) {
      await object.body.cancel();
      return reject('too-large', `expected at most ${deps.maxBytes} bytes, got ${info.bytes}`);
    }

    const bytes = await new Response(object.body).bytes();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    let embedded: { vector: JointEmbedding; picture: PictureInfo };
    let reusedVector = true;
    try {
      const known = await findCopy(vectors, sha256);
      if (known !== null) {
        embedded = known;
      } else {
        let running = underWay.get(sha256);
        reusedVector = running !== undefined;
        if (running === undefined) {
          running = embedder.embedImage(bytes).finally(() => underWay.delete(sha256));
          underWay.set(sha256, running);
        }
        embedded = await running;
      }
    } catch (error) {
      if (isSightlineError(error, 'unreadable-image')) {
        return reject((error.details.reason as ImageRejection | undefined) ?? 'corrupt', error.message);
      }
      if (isSightlineError(error, 'too-large')) return reject('too-large', error.message);
      throw error;
    }

    const payload: ImagePayload = {
      kind: 'image',
      bucket: job.bucket,
      key: job.key,
      etag: info.etag,
      sha256,
      sequencer,
      bytes: info.bytes,
      ...embedded.picture,
      // Of a new picture: one that is there keeps its own, which may have been changed since it was looked up.
      tags: [],
      indexedAt: now(),
    };
    const [written] = await vectors.upsert([{ id, vector: embedded.vector, payload }], when, { keepTags: true });
    return written === 'written' ? { status: 'indexed', id, reusedVector } : { status: 'skipped', id, reason: 'stale' };
  };
}

function sequencerOf(stored: StoredPoint | Tombstone | undefined): string {
  if (stored === undefined) return '';
  return stored.deleted ? stored.sequencer : stored.payload.sequencer;
}

function livePicture(stored: StoredPoint | Tombstone | undefined): ImagePayload | null {
  return stored !== undefined && !stored.deleted && stored.payload.kind === 'image' ? stored.payload : null;
}

/** A stored picture with the same bytes under whatever key, or null. */
async function findCopy(
  vectors: VectorStore,
  sha256: string,
): Promise<{ vector: JointEmbedding; picture: PictureInfo } | null> {
  const [copy] = (await vectors.list({ filter: { kind: 'image', sha256 }, limit: 1, order: 'id' })).items;
  if (copy === undefined || copy.payload.kind !== 'image') return null;
  const vector = (await vectors.vectors([copy.id])).get(copy.id);
  if (vector === undefined) return null;
  const { contentType, width, height, takenAt } = copy.payload;
  return { vector, picture: { contentType, width, height, takenAt } };
}
