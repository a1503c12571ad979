import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QdrantClient } from '@qdrant/js-client-rest';
import { SightlineError } from '../../errors.ts';
import type { Point, Tombstone, WriteCondition } from '../../ports.ts';
import { compareSequencers } from '../../sequencer-order.ts';
import type { JointEmbedding } from '../../types.ts';
import { checkId, checkPoints, checkTags, checkTombstones } from '../validate.ts';
import { assertApplied, isMissingPoint } from './errors.ts';
import { type QdrantFilter, replaceable, unchangedTags } from './filter.ts';
import {
  isLive,
  type StoredPayload,
  storedPayload,
  storedTombstone,
  TAGS_MARK,
  tagFields,
  WRITE_MARK,
} from './payload.ts';
import type { PrefixSearch } from './payload-indexes.ts';
import type { QdrantPart } from './points.ts';
import { jsonVector } from './query.ts';

/** Qdrant accepts up to 32 MB per request; smaller ones keep it responsive to other writers. */
const MAX_REQUEST_BYTES = 4_500_000;
const MAX_REQUEST_POINTS = 500;

/** How often a write that keeps tags is repeated because the tags changed meanwhile. */
const MAX_ROUNDS = 20;

/** A point or tombstone to write. */
interface Write {
  readonly id: string;
  readonly sequencer: string;
  /** The components; an empty record for a tombstone, which has none. */
  readonly vector: number[] | Record<string, never>;
  readonly payload: StoredPayload;
  /** Condition on the stored point that it may replace. */
  readonly onto: QdrantFilter;
}

/** See `VectorStore.upsert`. */
export async function upsertPoints(
  part: QdrantPart,
  points: readonly Point[],
  { when, keepTags }: { readonly when: WriteCondition; readonly keepTags: boolean },
) {
  const vectors: JointEmbedding[] = checkPoints(points, part.dimension);
  const writes = points.map(({ id, payload }, i) => ({
    id,
    sequencer: payload.sequencer,
    vector: jsonVector(vectors[i]!),
    payload: storedPayload(payload, part.prefixes),
    onto: replaceable(payload.sequencer, when),
  }));
  const won = keepTags ? await writeKeepingTags(part, writes, when) : await writeAll(part, writes, when);
  return won.map((written) => (written ? ('written' as const) : ('stale' as const)));
}

/** See `VectorStore.remove`. A tombstone has no vector, so no search finds it. */
export async function removePoints(
  part: QdrantPart,
  tombstones: readonly Omit<Tombstone, 'deleted'>[],
  when: WriteCondition,
) {
  checkTombstones(tombstones);
  const writes = tombstones.map((tombstone) => ({
    id: tombstone.id,
    sequencer: tombstone.sequencer,
    vector: {},
    payload: storedTombstone(tombstone),
    onto: replaceable(tombstone.sequencer, when),
  }));
  const won = await writeAll(part, writes, when);
  return won.map((removed) => (removed ? ('removed' as const) : ('stale' as const)));
}

/** Which of the writes took place, in order. */
async function writeAll(part: QdrantPart, writes: readonly Write[], when: WriteCondition): Promise<boolean[]> {
  const found = await send(part, writes);
  // An equal sequencer after a `not-older` write means that another write came right after it.
  return writes.map((write, i) => {
    const { own, sequencer } = found[i]!;
    return own || (when === 'not-older' && compareSequencers(sequencer, write.sequencer) === 0);
  });
}

/**
 * The same for points that keep the tags of those they replace. The server cannot copy fields from the old point, so
 * tags are written on the condition that they have not changed since they were read; otherwise it tries again.
 */
async function writeKeepingTags(part: QdrantPart, writes: readonly Write[], when: WriteCondition): Promise<boolean[]> {
  const won = writes.map(() => false);
  // The stored points as last read. It starts with none, which is right for most new pictures.
  const there: (StoredPayload | undefined)[] = writes.map(() => undefined);
  let open = [...writes.keys()];
  for (let round = 0; open.length > 0; round++) {
    if (round === MAX_ROUNDS) {
      const { id } = writes[open[0]!]!;
      const message = `expected the tags of ${id} to stay unchanged for a moment, but they changed ${MAX_ROUNDS} times`;
      throw new SightlineError('unavailable', message);
    }
    // Random, because writers in lockstep could invalidate each other's condition forever.
    if (round > 1) await sleep(round * 5 * Math.random());
    const found = await send(
      part,
      open.map((i) => withTagsOf(writes[i]!, there[i], part.prefixes)),
    );
    const again: number[] = [];
    for (const [j, i] of open.entries()) {
      const { own, sequencer, payload } = found[j]!;
      won[i] = own;
      there[i] = payload;
      const order = compareSequencers(sequencer, writes[i]!.sequencer);
      if (!own && (order < 0 || (order === 0 && when === 'not-older'))) again.push(i);
    }
    open = again;
  }
  return won;
}

function withTagsOf(write: Write, there: StoredPayload | undefined, prefixes: PrefixSearch): Write {
  const onto = { ...write.onto, must: unchangedTags(there) };
  if (there === undefined || !isLive({ payload: there })) return { ...write, onto };
  const { [TAGS_MARK]: _, tagWords: __, ...payload } = write.payload;
  const tags = (there.tags ?? []) as string[];
  return { ...write, onto, payload: { ...payload, ...(tags.length === 0 ? { tags } : tagFields(tags, prefixes)) } };
}

/** The content of an id after a write. */
interface Sent {
  readonly own: boolean;
  readonly sequencer: string;
  readonly payload: StoredPayload | undefined;
}

/**
 * Sends the writes and reads their ids back: Qdrant answers "completed" whether or not a condition held. `own` when the
 * id holds this write, or nothing any more.
 */
async function send(part: QdrantPart, writes: readonly Write[]): Promise<Sent[]> {
  // One mark for the whole call: repeated attempts write the same, whichever succeeds.
  const mark = randomBytes(9).toString('base64url');
  const found: Sent[] = [];
  for (const batch of batches(writes, mark)) {
    await part.call('writing to', (client) => sendBatch(client, part, batch));
    const points = await part.readBack(
      batch.map(({ id }) => id),
      [WRITE_MARK, 'sequencer', 'kind', 'tags', TAGS_MARK],
    );
    const stored = new Map(points.map(({ id, payload }) => [id, payload]));
    for (const { id } of batch) {
      const payload = stored.get(id);
      const own = payload === undefined || payload[WRITE_MARK] === mark;
      found.push({ own, sequencer: String(payload?.sequencer ?? ''), payload });
    }
  }
  return found;
}

function* batches(writes: readonly Write[], mark: string): Generator<Write[]> {
  let batch: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const marked = { ...write, payload: { ...write.payload, [WRITE_MARK]: mark } };
    // Includes the condition, which may be sent with each point, and some room for separators.
    const size = Buffer.byteLength(JSON.stringify(marked)) + 100;
    if (batch.length > 0 && (bytes + size > MAX_REQUEST_BYTES || batch.length === MAX_REQUEST_POINTS)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(marked);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** One upsert per condition, several in one request. */
async function sendBatch(client: QdrantClient, { collection, writing }: QdrantPart, batch: readonly Write[]) {
  const upserts = [...Map.groupBy(batch, ({ onto }) => JSON.stringify(onto)).values()].map((writes) => ({
    points: writes.map(({ id, vector, payload }) => ({ id, vector, payload })),
    update_filter: writes[0]!.onto,
  }));
  const [only] = upserts;
  if (upserts.length === 1 && only !== undefined) {
    assertApplied([await client.upsert(collection, { ...only, ...writing })]);
    return;
  }
  const operations = upserts.map((upsert) => ({ upsert }));
  assertApplied(await client.batchUpdate(collection, { operations, ...writing }));
}

/** See `VectorStore.setTags`. A tombstone written in between gets the tags, too, where nothing reads them. */
export async function setTags(part: QdrantPart, id: string, tags: readonly string[]): Promise<boolean> {
  checkId(id);
  checkTags(tags);
  const [found] = await part.retrieve([id], { fields: ['kind'] });
  if (found === undefined || !isLive(found)) return false;
  const payload = tagFields(tags, part.prefixes);
  return part.call('setting tags in', async (client) => {
    try {
      assertApplied([await client.setPayload(part.collection, { payload, points: [id], ...part.writing })]);
      return true;
    } catch (error) {
      if (isMissingPoint(error)) return false;
      throw error;
    }
  });
}
