import { randomInt } from 'node:crypto';
import { isSightlineError } from '../../errors.ts';
import { assertApplied } from './errors.ts';
import type { QdrantFilter } from './filter.ts';
import type { StoredPayload } from './payload.ts';
import type { FetchedPoint, QdrantPart } from './points.ts';

/**
 * A point without a vector in every collection that is or was live. It names its collection and says whether a switch
 * to another is in progress. Read through the alias, together with the points just written, it shows in one request
 * whether the write took place and whether it counts. It has no kind, so the store ignores it.
 */
export const MARKER_ID = '6f0c2b1e-93d4-4c57-8a1f-2d7e5b90c3a8';

interface Marker {
  readonly collection: string;
  readonly switching: boolean;
  /** Number of the switch; in an indexed field, for strict mode. */
  readonly seqHi: number;
}

const FIELDS = ['collection', 'switching', 'seqHi'] satisfies (keyof Marker)[];

/**
 * Reads the ids back after a write to a live collection, once the write counts. One request, unless the collection has
 * no marker yet, is no longer live or is about to be replaced: then `acknowledge` decides.
 */
export async function readBackLive(
  part: QdrantPart,
  alias: string,
  { ids, fields }: { readonly ids: readonly string[]; readonly fields: string[] },
  acknowledge: () => Promise<void>,
): Promise<FetchedPoint[]> {
  const read = await readBy(part, alias, [...ids, MARKER_ID], [...fields, ...FIELDS]);
  const marker = markerIn(read);
  if (marker?.collection === part.collection && !marker.switching) return read.filter(({ id }) => id !== MARKER_ID);
  await acknowledge();
  if (marker === undefined) await write(part, { switching: false, seqHi: 0 }, ONLY_INSERTED);
  return part.retrieve(ids, { fields });
}

/**
 * From now on every write to a live collection checks the aliases before it is acknowledged; returns a function that
 * ends this. A killed switch leaves it on, which only costs requests.
 */
export async function beginSwitch(from: QdrantPart): Promise<() => Promise<void>> {
  const seqHi = randomInt(2 ** 48 - 1);
  await write(from, { switching: true, seqHi });
  return () => write(from, { switching: false, seqHi }, ofSwitch(seqHi));
}

/** Ends the checks that a killed switch left on in a collection that is about to be live. */
export async function endOldSwitch(part: QdrantPart): Promise<void> {
  const marker = markerIn(await part.retrieve([MARKER_ID], { fields: FIELDS }));
  // Match the number: before this arrives, another switch may have begun.
  if (marker?.switching) await write(part, { switching: false, seqHi: marker.seqHi }, ofSwitch(marker.seqHi));
}

/** Matches no point, so that only missing points are written. */
const ONLY_INSERTED: QdrantFilter = { must: [{ key: 'kind', match: { value: 'not there' } }] };

function ofSwitch(seqHi: number): QdrantFilter {
  return { must: [{ key: 'seqHi', match: { value: seqHi } }] };
}

async function write(part: QdrantPart, state: Omit<Marker, 'collection'>, onto?: QdrantFilter): Promise<void> {
  const payload: Marker = { collection: part.collection, ...state };
  const points = [{ id: MARKER_ID, vector: {}, payload: payload as unknown as StoredPayload }];
  await part.call('marking', async (client) =>
    assertApplied([await client.upsert(part.collection, { points, update_filter: onto, ...part.writing })]),
  );
}

function markerIn(points: readonly FetchedPoint[]): Marker | undefined {
  return points.find(({ id }) => id === MARKER_ID)?.payload as Marker | undefined;
}

/** Empty when the alias does not exist. */
async function readBy(part: QdrantPart, by: string, ids: readonly string[], fields: string[]) {
  try {
    return await part.retrieve(ids, { fields, by });
  } catch (error) {
    if (isSightlineError(error, 'unavailable') && error.details.httpStatus === 404) return [];
    throw error;
  }
}
