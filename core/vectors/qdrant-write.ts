import { randomBytes } from 'node:crypto';
import type { QdrantClient } from '@qdrant/js-client-rest';
import { compareSequencers, type Point, type Tombstone, type WriteCondition } from '../ports.ts';
import type { JointEmbedding } from '../types.ts';
import { checkId, checkPoints, checkTags, checkTombstones } from './checks.ts';
import { assertApplied, isMissingPoint } from './qdrant-errors.ts';
import { replaceable } from './qdrant-filter.ts';
import type { FetchedPoint, QdrantPart } from './qdrant-part.ts';
import { type StoredPayload, storedPayload, storedTombstone, WRITE_MARK } from './qdrant-payload.ts';
import { jsonVector } from './qdrant-query.ts';

/** Qdrant asks for less than 32 MB a request; smaller ones keep its writers responsive to others. */
const MAX_REQUEST_BYTES = 4_500_000;
const MAX_REQUEST_POINTS = 500;

/** A point or tombstone on its way. */
interface Write {
  readonly id: string;
  readonly sequencer: string;
  readonly vector: number[];
  readonly payload: StoredPayload;
}

/** See `VectorStore.upsert`. */
export async function upsertPoints(part: QdrantPart, points: readonly Point[], when: WriteCondition) {
  const vectors: JointEmbedding[] = checkPoints(points, part.dimension);
  const writes = points.map(({ id, payload }, i) => ({
    id,
    sequencer: payload.sequencer,
    vector: jsonVector(vectors[i]!),
    payload: storedPayload(payload, part.keyPrefixes),
  }));
  const won = await writeAll(part, writes, when);
  return won.map((written) => (written ? ('written' as const) : ('stale' as const)));
}

/** See `VectorStore.remove`. A tombstone has no direction, and scores 0 against every query. */
export async function removePoints(
  part: QdrantPart,
  tombstones: readonly Omit<Tombstone, 'deleted'>[],
  when: WriteCondition,
) {
  checkTombstones(tombstones);
  const vector = new Array<number>(part.dimension).fill(0);
  const writes = tombstones.map((tombstone) => ({
    id: tombstone.id,
    sequencer: tombstone.sequencer,
    vector,
    payload: storedTombstone(tombstone),
  }));
  const won = await writeAll(part, writes, when);
  return won.map((removed) => (removed ? ('removed' as const) : ('stale' as const)));
}

/** Which of the writes took place, in order. */
async function writeAll(part: QdrantPart, writes: readonly Write[], when: WriteCondition): Promise<boolean[]> {
  // One mark for the whole call: tries of it that are repeated write the same, whichever of them was the one.
  const mark = randomBytes(9).toString('base64url');
  const won: boolean[] = [];
  for (const batch of batches(writes, mark)) {
    await part.call('writing to', (client) => sendBatch(client, part.collection, batch, when));
    const fields = [WRITE_MARK, 'sequencer'];
    const found = await part.retrieve(
      batch.map(({ id }) => id),
      { fields },
    );
    const stored = new Map(found.map((point) => [point.id, point]));
    won.push(...batch.map((write) => tookPlace(stored.get(write.id), write, mark, when)));
  }
  return won;
}

/**
 * Qdrant answers "completed" whether the condition held or not; what is stored afterwards tells. Something of the same
 * sequencer can stand where a `not-older` write was only when another one came right after it.
 */
function tookPlace(stored: FetchedPoint | undefined, write: Write, mark: string, when: WriteCondition): boolean {
  if (stored === undefined || stored.payload[WRITE_MARK] === mark) return true;
  return when === 'not-older' && compareSequencers(String(stored.payload.sequencer ?? ''), write.sequencer) === 0;
}

function* batches(writes: readonly Write[], mark: string): Generator<Write[]> {
  let batch: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const marked = { ...write, payload: { ...write.payload, [WRITE_MARK]: mark } };
    // With room for the condition, which may come with each point.
    const size = Buffer.byteLength(JSON.stringify(marked)) + 1000;
    if (batch.length > 0 && (bytes + size > MAX_REQUEST_BYTES || batch.length === MAX_REQUEST_POINTS)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(marked);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** One upsert a sequencer, because the condition is about the sequencer; several go together in one request. */
async function sendBatch(client: QdrantClient, collection: string, batch: readonly Write[], when: WriteCondition) {
  const upserts = [...Map.groupBy(batch, ({ sequencer }) => sequencer)].map(([sequencer, writes]) => ({
    points: writes.map(({ id, vector, payload }) => ({ id, vector, payload })),
    update_filter: replaceable(sequencer, when),
  }));
  const [only] = upserts;
  if (upserts.length === 1 && only !== undefined) {
    assertApplied([await client.upsert(collection, { ...only, wait: true })]);
    return;
  }
  const operations = upserts.map((upsert) => ({ upsert }));
  assertApplied(await client.batchUpdate(collection, { operations, wait: true }));
}

/** See `VectorStore.setTags`. A tombstone that comes in between gets the tags, too, where nobody reads them. */
export async function setTags(part: QdrantPart, id: string, tags: readonly string[]): Promise<boolean> {
  checkId(id);
  checkTags(tags);
  const [found] = await part.retrieve([id], { fields: ['kind'] });
  if (found === undefined || !isLive(found)) return false;
  const payload = { tags: [...new Set(tags)] };
  return part.call('setting tags in', async (client) => {
    try {
      assertApplied([await client.setPayload(part.collection, { payload, points: [id], wait: true })]);
      return true;
    } catch (error) {
      if (isMissingPoint(error)) return false;
      throw error;
    }
  });
}

export function isLive({ payload }: { payload: StoredPayload }): boolean {
  return payload.kind === 'image' || payload.kind === 'caption';
}
