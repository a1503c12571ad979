import { SightlineError } from '../errors.ts';
import type { VectorStore } from '../ports.ts';
import type { SpaceId } from '../types.ts';
import { checkIds, instantOf } from './checks.ts';
import { connectQdrant, type QdrantConnection, type QdrantSession } from './qdrant-client.ts';
import {
  checkVersion,
  collectionName,
  ensureCollection,
  pointAlias,
  type QdrantCollectionOptions,
  readAliases,
} from './qdrant-collection.ts';
import { assertApplied } from './qdrant-errors.ts';
import { tombstonesBefore } from './qdrant-filter.ts';
import { countExactly, countPoints, facetTags, listPoints } from './qdrant-list.ts';
import { openPart, type QdrantPart } from './qdrant-part.ts';
import { canonicalDate, readPoint } from './qdrant-payload.ts';
import { float32Vector, type QdrantSearch, queryPoints } from './qdrant-query.ts';
import { isLive, removePoints, setTags, upsertPoints } from './qdrant-write.ts';

export type { QdrantConnection } from './qdrant-client.ts';
export type { QdrantCollectionOptions } from './qdrant-collection.ts';
export type { QdrantSearch } from './qdrant-query.ts';

export interface QdrantStoreOptions extends QdrantConnection {
  /** The space of all vectors in it, as the loaded models make them. Its collection is `<collectionPrefix><space>`. */
  readonly space: SpaceId;
  /** Components a vector. */
  readonly dimension: number;
  /** Default `sightline-`. */
  readonly collectionPrefix?: string;
  /** Alias that names the live collection for people and other tools; made when there is none. Default `live`. */
  readonly alias?: string;
  /** Refuse to open when the alias names another collection. Default false: then a new space can be filled beside it. */
  readonly requireLive?: boolean;
  /** Default exact. */
  readonly search?: QdrantSearch;
  /** How the collection is made, when there is none. */
  readonly collection?: QdrantCollectionOptions;
}

/**
 * The vector store in a Qdrant server (1.16 or newer): one collection a space. Makes the collection, its payload
 * indexes and the alias when they are missing. Throws `invalid-config` for a wrong URL or API key and an older server,
 * `space-mismatch` for a collection of other vectors, `schema-mismatch` for one of other key prefixes, `unavailable` when the server does not answer.
 */
export async function openQdrantStore(options: QdrantStoreOptions): Promise<VectorStore> {
  const { space, dimension, search = { mode: 'exact' } } = options;
  const collection = collectionName(options.collectionPrefix ?? 'sightline-', space);
  const session = connectQdrant(options);
  try {
    await checkVersion(session);
    await ensureCollection(session, collection, dimension, options.collection ?? {});
    await ensureAlias(session, options.alias ?? 'live', collection, options.requireLive ?? false);
  } catch (error) {
    session.close();
    throw error;
  }
  const part = openPart(session, { collection, dimension, keyPrefixes: options.collection?.keyPrefixes ?? 'any' });
  return storeOf(part, space, search, async () => session.close());
}

/** The store over one collection that has been checked. */
export function storeOf(
  part: QdrantPart,
  space: SpaceId,
  search: QdrantSearch,
  close: () => Promise<void>,
): VectorStore {
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
    setTags: (id, tags) => setTags(part, id, tags),
    query: (query) => queryPoints(part, query, search),
    list: (query) => listPoints(part, query),
    count: (filter) => countPoints(part, filter),
    facetTags: (filter, limit) => facetTags(part, filter, limit),
    purgeTombstones: (olderThan) => purgeTombstones(part, olderThan),
    close,
  };
}

async function ensureAlias(session: QdrantSession, alias: string, collection: string, requireLive: boolean) {
  const named = (await readAliases(session)).get(alias);
  if (named === undefined) return pointAlias(session, alias, collection, false);
  if (named !== collection && requireLive) {
    throw new SightlineError(
      'space-mismatch',
      `expected the alias ${alias} to name ${collection}, the space of the loaded models, got ${named}`,
      { details: { alias, expected: collection, found: named } },
    );
  }
}

/** By condition, not by id: a point that has been written again meanwhile is no tombstone and stays. */
async function purgeTombstones(part: QdrantPart, olderThan: string): Promise<number> {
  instantOf(olderThan, 'the date of tombstones to forget');
  const filter = tombstonesBefore(canonicalDate(olderThan, 'the date of tombstones to forget'));
  const count = await countExactly(part, filter);
  if (count === 0) return 0;
  await part.call('purging', async (client) =>
    assertApplied([await client.delete(part.collection, { filter, wait: true })]),
  );
  return count;
}
