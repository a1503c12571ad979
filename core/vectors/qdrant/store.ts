import type { VectorStore } from '../../ports.ts';
import type { SpaceId } from '../../types.ts';
import { checkIds, checkLimit, instantOf } from '../validate.ts';
import { assertApplied } from './errors.ts';
import { facet } from './facet.ts';
import { tombstonesBefore } from './filter.ts';
import { countExactly, countPoints, findCopies, listPoints, lookUp } from './list.ts';
import { canonicalTime, isLive, readPoint } from './payload.ts';
import type { QdrantPart } from './points.ts';
import { float32Vector, type QdrantSearch, queryPoints } from './query.ts';
import { removePoints, setTags, upsertPoints } from './write.ts';

/** The vector store on one checked collection of a Qdrant server (1.16 or newer). */
export function storeOf(part: QdrantPart, space: SpaceId, search: QdrantSearch): VectorStore {
  return {
    space,
    dimension: part.dimension,
    upsert: (points, when, { keepTags = false } = {}) => upsertPoints(part, points, { when, keepTags }),
    remove: (tombstones, when) => removePoints(part, tombstones, when),
    async get(ids) {
      checkIds(ids);
      const found = await part.retrieve(ids);
      return new Map(found.map(({ id, payload }) => [id, readPoint(id, payload)]));
    },
    async vectors(ids) {
      checkIds(ids);
      const found = await part.retrieve(ids, { fields: ['kind'], vectors: true });
      return new Map(found.filter(isLive).map(({ id, vector }) => [id, float32Vector(vector)]));
    },
    lookUp(ids, sha256s) {
      checkIds(ids);
      return lookUp(part, ids, sha256s);
    },
    copies(sha256s, limit) {
      checkLimit(limit);
      return findCopies(part, sha256s, limit);
    },
    setTags: (id, tags) => setTags(part, id, tags),
    query: (query) => queryPoints(part, query, search),
    list: (query) => listPoints(part, query),
    count: (filter) => countPoints(part, filter),
    facet: (field, filter, limit) => facet(part, field, filter, limit),
    purgeTombstones: (olderThan) => purgeTombstones(part, olderThan),
    // The session belongs to the caller that opened the collection.
    close: async () => {},
  };
}

/** By condition, not by id: a point that was written again meanwhile is not a tombstone and stays. */
async function purgeTombstones(part: QdrantPart, olderThan: string): Promise<number> {
  instantOf(olderThan, 'the date of tombstones to delete');
  const filter = tombstonesBefore(canonicalTime('instant', olderThan, 'the date of tombstones to delete'));
  const count = await countExactly(part, filter);
  if (count === 0) return 0;
  // No need to wait until they are gone.
  await part.call('purging', async (client) =>
    assertApplied([await client.delete(part.collection, { filter, ...part.writing, wait: false })]),
  );
  return count;
}
