import { createHash } from 'node:crypto';
import PQueue from 'p-queue';
import { type Rejection, rejectionOf } from '../errors.ts';
import type { Copy, EmbeddedPicture, Embedder, ObjectStore, Point, StoredPoint, Tombstone } from '../ports.ts';
import { compareSequencers, sequencerOf } from '../sequencer-order.ts';
import type { ImagePayload, Payload } from '../types.ts';

export interface SyncDeps {
  /** The models of the candidate. */
  readonly embedder: Embedder;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
}

export interface SyncOptions {
  /** Pictures embedded at the same time. */
  readonly concurrency: number;
  /** Maximum pictures embedded per second. Infinity for no limit. */
  readonly rate: number;
  readonly signal?: AbortSignal;
}

/** A picture that cannot be carried over as indexed. */
export interface Missing {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly reason: 'not-connected' | 'gone' | 'changed' | 'unreadable';
  /** Why it is unreadable. */
  readonly rejection?: Rejection;
}

/** Result of one pass. */
export interface PassResult {
  /** Pictures and captions. */
  readonly embedded: number;
  /** Brought up to date without embedding. */
  readonly copied: number;
  readonly missing: readonly Missing[];
}

/** A pass had more to embed than it was allowed to. */
export class TooMuch extends Error {}

/** Ids per batch. */
const PAGE = 256;
/** Points per write, which is the most that a killed build has to embed again. */
const BATCH = 8;

/** Point without its vector. */
type Content = Pick<StoredPoint, 'id' | 'payload'>;
type Stored = ReadonlyMap<string, StoredPoint | Tombstone>;

/** The writes that make a batch of ids equal in both spaces. */
interface Plan {
  readonly tombstones: readonly Omit<Tombstone, 'deleted'>[];
  /** Points whose vector already exists. */
  readonly kept: readonly Content[];
  /** Points that have to be embedded. */
  readonly fresh: readonly Content[];
}

/**
 * Decides what has to be written under these ids.
 * @param wanted the content of the live space
 * @param there the content of the candidate
 * @param now ISO 8601
 */
export function planSync(ids: readonly string[], wanted: Stored, there: Stored, now: string): Plan {
  const tombstones: Omit<Tombstone, 'deleted'>[] = [];
  const kept: Content[] = [];
  const fresh: Content[] = [];
  for (const id of ids) {
    const stored = wanted.get(id);
    const old = there.get(id);
    // Deleted so long ago that the live space has purged its tombstone, or never stored.
    if (stored === undefined) {
      tombstones.push({ id, sequencer: sequencerOf(old), deletedAt: now });
      continue;
    }
    // An unacknowledged write to a retired space may have left a newer one.
    const isOlder = compareSequencers(sequencerOf(stored), sequencerOf(old)) < 0;
    const sequencer = sequencerOf(isOlder ? old : stored);
    if (stored.deleted) tombstones.push({ id, sequencer, deletedAt: stored.deletedAt });
    else if (!isSameContent(stored.payload, old)) fresh.push({ id, payload: { ...stored.payload, sequencer } });
    else kept.push({ id, payload: { ...withClassesOf(stored.payload, old), sequencer } });
  }
  return { tombstones, kept, fresh };
}

/** Takes the classes from the candidate's own point, because they belong to its vector. */
function withClassesOf(payload: Payload, there: StoredPoint | Tombstone | undefined): Payload {
  if (payload.kind !== 'image' || there === undefined || there.deleted || there.payload.kind !== 'image')
    return payload;
  return { ...payload, classes: there.payload.classes };
}

/** Whether the existing vector still matches this content. */
function isSameContent(payload: Payload, there: StoredPoint | Tombstone | undefined): boolean {
  if (there === undefined || there.deleted) return false;
  const old = there.payload;
  if (payload.kind === 'image') return old.kind === 'image' && old.sha256 === payload.sha256;
  return old.kind === 'caption' && old.caption === payload.caption;
}

/**
 * Runs the passes that make a candidate equal to the live space: copies payloads, tags and tombstones, and embeds new
 * pictures and captions.
 */
export class Sync {
  readonly #deps: SyncDeps;
  readonly #options: SyncOptions;
  readonly #queue: PQueue;

  constructor(deps: SyncDeps, options: SyncOptions) {
    this.#deps = deps;
    this.#options = options;
    const { concurrency, rate } = options;
    this.#queue = new PQueue({ concurrency, intervalCap: 1, interval: 1000 / rate });
  }

  /**
   * Goes once over all differences. It always ends, even while the live space is being written to.
   * @param mostEmbeddings maximum number of embeddings
   * @throws {TooMuch} when there is more to embed, the signal's reason, and what stores and models throw
   */
  async pass(
    copy: Copy,
    mostEmbeddings: number,
    onBatch: (done: { embedded: number; copied: number }) => void,
  ): Promise<PassResult> {
    const result = { embedded: 0, copied: 0, missing: [] as Missing[] };
    for (let after: string | null = null; ; ) {
      const ids: string[] = await copy.differences(after, PAGE);
      if (ids.length === 0) return result;
      for (let start = 0; start < ids.length; start += BATCH) {
        this.#options.signal?.throwIfAborted();
        const batch = ids.slice(start, start + BATCH);
        const done = await this.#syncBatch(copy, batch, mostEmbeddings - result.embedded);
        result.embedded += done.embedded;
        result.copied += done.copied;
        result.missing.push(...done.missing);
        onBatch(done);
      }
      after = ids.at(-1)!;
    }
  }

  async #syncBatch(copy: Copy, ids: readonly string[], mayEmbed: number): Promise<PassResult> {
    const [wanted, there] = await Promise.all([copy.from.get(ids), copy.to.get(ids)]);
    const { tombstones, kept, fresh } = planSync(ids, wanted, there, new Date().toISOString());
    if (fresh.length > mayEmbed) throw new TooMuch(`${fresh.length} to embed`);
    const old = await copy.to.vectors(kept.map(({ id }) => id));
    const { embedded, missing } = await this.#embed(fresh);
    const copied = kept.flatMap((content) => {
      const vector = old.get(content.id);
      return vector === undefined ? [] : [{ ...content, vector }];
    });
    const points = [...copied, ...embedded];
    if (points.length > 0) await copy.to.upsert(points, 'not-older');
    if (tombstones.length > 0) await copy.to.remove(tombstones, 'not-older');
    return { embedded: embedded.length, copied: copied.length + tombstones.length, missing };
  }

  async #embed(fresh: readonly Content[]): Promise<{ embedded: Point[]; missing: Missing[] }> {
    const captions = fresh.flatMap(({ id, payload }) => (payload.kind === 'caption' ? [{ id, payload }] : []));
    const vectors = await this.#deps.embedder.embedTexts(captions.map(({ payload }) => payload.caption));
    const embedded: Point[] = captions.map((caption, i) => ({ ...caption, vector: vectors[i]! }));
    const missing: Missing[] = [];
    const pictures = fresh.flatMap(({ id, payload }) => (payload.kind === 'image' ? [{ id, payload }] : []));
    await this.#queue.addAll(
      pictures.map(({ id, payload }) => async () => {
        const found = await this.#embedPicture(payload);
        if ('reason' in found) {
          missing.push({ id, bucket: payload.bucket, key: payload.key, ...found });
        } else embedded.push({ id, payload: { ...payload, classes: found.classes }, vector: found.vector });
      }),
      { signal: this.#options.signal },
    );
    return { embedded, missing };
  }

  /** The embedded picture, or why it is missing. */
  async #embedPicture(payload: ImagePayload): Promise<EmbeddedPicture | Pick<Missing, 'reason' | 'rejection'>> {
    const { embedder, buckets } = this.#deps;
    const objects = buckets.get(payload.bucket);
    if (objects === undefined) return { reason: 'not-connected' };
    const object = await objects.get(payload.key);
    if (object === null) return { reason: 'gone' };
    if (object.info.bytes !== payload.bytes) {
      await object.body.cancel();
      return { reason: 'changed' };
    }
    const bytes = await new Response(object.body).bytes();
    if (createHash('sha256').update(bytes).digest('hex') !== payload.sha256) return { reason: 'changed' };
    try {
      return await embedder.embedImage(bytes);
    } catch (error) {
      const rejection = rejectionOf(error);
      if (rejection === null) throw error;
      return { reason: 'unreadable', rejection };
    }
  }
}
