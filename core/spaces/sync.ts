import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import { isSightlineError } from '../errors.ts';
import {
  compareSequencers,
  type Embedder,
  type ObjectStore,
  type StoredPoint,
  sequencerOf,
  type Tombstone,
} from '../ports.ts';
import type { ImagePayload, JointEmbedding } from '../types.ts';
import type { Copy } from './port.ts';

export interface CarryDeps {
  /** Of the space that is filled. */
  readonly embedder: Embedder;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
}

export interface CarryOptions {
  /** Pictures embedded at the same time. */
  readonly concurrency: number;
  /** Pictures embedded a second at most. Infinity for as many as there can be. */
  readonly rate: number;
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
}

/** A picture that cannot be carried over as it is indexed. */
export interface Missing {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly reason: 'not-connected' | 'gone' | 'changed' | 'unreadable';
}

/** What one pass did, and could not do. */
export interface PassResult {
  /** Pictures and captions. */
  readonly embedded: number;
  /** Brought up to date without embedding. */
  readonly copied: number;
  readonly missing: readonly Missing[];
}

export type CarryOver = (
  copy: Copy,
  mostEmbeddings: number,
  onBatch: (done: { embedded: number; copied: number }) => void,
) => Promise<PassResult>;

/** A pass had more to embed than it was allowed to. */
export class TooMuch extends Error {}

/** Ids looked for together. */
const PAGE = 256;
/** Written together: what a killed build has to embed again at most. */
const BATCH = 8;

/**
 * Makes the function that goes once over everything that differs and carries it over: payloads, tags and tombstones as
 * they are; vectors, which are made again where pictures or captions are new. A pass always ends, also while the live
 * space is written to. Throws {@link TooMuch}, the signal's reason, and what stores and models throw.
 */
export function createCarrier({ embedder, buckets }: CarryDeps, options: CarryOptions): CarryOver {
  const queue = new PQueue({ concurrency: options.concurrency });
  const pace = createPace(options.rate);
  const now = () => (options.now?.() ?? new Date()).toISOString();

  /** The vector, or why there is none. */
  async function embedPicture(payload: ImagePayload): Promise<JointEmbedding | Missing['reason']> {
    const objects = buckets.get(payload.bucket);
    if (objects === undefined) return 'not-connected';
    await pace(options.signal);
    const object = await objects.get(payload.key);
    if (object === null) return 'gone';
    if (object.info.bytes !== payload.bytes) {
      await object.body.cancel();
      return 'changed';
    }
    const bytes = await new Response(object.body).bytes();
    if (createHash('sha256').update(bytes).digest('hex') !== payload.sha256) return 'changed';
    try {
      return (await embedder.embedImage(bytes)).vector;
    } catch (error) {
      if (isSightlineError(error, 'unreadable-image') || isSightlineError(error, 'too-large')) return 'unreadable';
      throw error;
    }
  }

  async function carryBatch(copy: Copy, ids: readonly string[], mayEmbed: number): Promise<PassResult> {
    const [wanted, there] = await Promise.all([copy.from.get(ids), copy.to.get(ids)]);
    const { tombstones, points } = planOf(ids, wanted, there, now);
    const kept = points.filter(({ id, payload }) => isSameContent(payload, there.get(id)));
    const fresh = points.filter((point) => !kept.includes(point));
    if (fresh.length > mayEmbed) throw new TooMuch(`${fresh.length} to embed`);
    const vectors = new Map<string, JointEmbedding | Missing['reason']>(
      await copy.to.vectors(kept.map(({ id }) => id)),
    );
    const texts = fresh.flatMap(({ id, payload }) =>
      payload.kind === 'caption' ? [{ id, text: payload.caption }] : [],
    );
    const embedded = await embedder.embedTexts(texts.map(({ text }) => text));
    for (const [i, { id }] of texts.entries()) vectors.set(id, embedded[i]!);
    await queue.addAll(
      fresh.map(({ id, payload }) => async () => {
        if (payload.kind === 'image') vectors.set(id, await embedPicture(payload));
      }),
    );
    const whole = points.flatMap(({ id, payload }) => {
      const vector = vectors.get(id);
      return vector instanceof Float32Array ? [{ id, payload, vector }] : [];
    });
    if (whole.length > 0) await copy.to.upsert(whole, 'not-older');
    if (tombstones.length > 0) await copy.to.remove(tombstones, 'not-older');
    const missing = fresh.flatMap(({ id, payload }) => {
      const reason = vectors.get(id);
      if (payload.kind !== 'image' || typeof reason !== 'string') return [];
      return [{ id, bucket: payload.bucket, key: payload.key, reason }];
    });
    return {
      embedded: fresh.length - missing.length,
      copied: whole.length - (fresh.length - missing.length) + tombstones.length,
      missing,
    };
  }

  return async function carryOver(copy, mostEmbeddings, onBatch) {
    const result = { embedded: 0, copied: 0, missing: [] as Missing[] };
    for (let after: string | null = null; ; ) {
      const ids: string[] = await copy.differences(after, PAGE);
      if (ids.length === 0) return result;
      for (let start = 0; start < ids.length; start += BATCH) {
        options.signal?.throwIfAborted();
        const batch = ids.slice(start, start + BATCH);
        const done = await carryBatch(copy, batch, mostEmbeddings - result.embedded);
        result.embedded += done.embedded;
        result.copied += done.copied;
        result.missing.push(...done.missing);
        onBatch(done);
      }
      after = ids.at(-1)!;
    }
  };
}

/** What the space has to hold under these ids. */
function planOf(
  ids: readonly string[],
  wanted: ReadonlyMap<string, StoredPoint | Tombstone>,
  there: ReadonlyMap<string, StoredPoint | Tombstone>,
  now: () => string,
): { tombstones: Omit<Tombstone, 'deleted'>[]; points: Pick<StoredPoint, 'id' | 'payload'>[] } {
  const tombstones: Omit<Tombstone, 'deleted'>[] = [];
  const points: Pick<StoredPoint, 'id' | 'payload'>[] = [];
  for (const id of ids) {
    const stored = wanted.get(id);
    const old = sequencerOf(there.get(id));
    // Deleted so long ago that the live space has forgotten it, or never there.
    if (stored === undefined) tombstones.push({ id, sequencer: old, deletedAt: now() });
    else {
      // A write that a retired space took without acknowledging it may have left a newer one.
      const sequencer = compareSequencers(sequencerOf(stored), old) < 0 ? old : sequencerOf(stored);
      if (stored.deleted) tombstones.push({ id, sequencer, deletedAt: stored.deletedAt });
      else points.push({ id, payload: { ...stored.payload, sequencer } });
    }
  }
  return { tombstones, points };
}

/** Whether the vector that is there is still the one of this content. */
function isSameContent(payload: StoredPoint['payload'], there: StoredPoint | Tombstone | undefined): boolean {
  if (there === undefined || there.deleted) return false;
  const old = there.payload;
  if (payload.kind === 'image') return old.kind === 'image' && old.sha256 === payload.sha256;
  return old.kind === 'caption' && old.caption === payload.caption;
}

/** Lets so many pass a second, evenly. */
function createPace(perSecond: number): (signal: AbortSignal | undefined) => Promise<void> {
  if (perSecond === Infinity) return async () => {};
  let next = 0;
  return async (signal) => {
    const now = performance.now();
    next = Math.max(now, next + 1000 / perSecond);
    await sleep(next - now, undefined, { signal });
  };
}
