import type { Schemas } from '@qdrant/js-client-rest';
import { SightlineError } from '../../errors.ts';
import type { SpaceId } from '../../types.ts';
import type { QdrantSession } from './client.ts';
import { assertApplied, statusOf } from './errors.ts';
import { INDEXES, PREFIX_INDEXES, type PrefixSearch, WORD_FIELDS, WORD_INDEXES } from './payload-indexes.ts';

/**
 * Options for creating a collection; an existing one is used as it is. Omitted options have Qdrant's default.
 */
export interface QdrantCollectionOptions {
  /** Number of parts; several nodes share the work of one query. Cannot be changed later. */
  readonly shards?: number;
  /** Nodes that hold each shard. 2 or more survive the loss of a node. */
  readonly replicas?: number;
  /**
   * What is kept in memory-mapped files instead of memory: the vectors (64 components are 256 bytes per point), or also
   * the graph and the payload indexes (about 1.6 to 3.1 kB per point, and slower filters). @default none
   */
  readonly onDisk?: 'none' | 'vectors' | 'all';
  /** One-byte copies of the components for the first pass of a graph search, always in memory. @default none */
  readonly quantization?: 'none' | 'int8';
  /** Edges per node of the graph: more find more and take more memory. 0 builds no graph, for exact search only. */
  readonly hnswM?: number;
}

/** The first version whose upserts take a condition (`update_filter`). */
const OLDEST = [1, 16] as const;

/** The first version with native prefix search (`match.prefix`). */
const FIRST_WITH_PREFIXES = 19;

/**
 * How new collections on this server search prefixes of keys.
 * @throws {invalid-config} when the server is too old or not Qdrant
 */
export async function checkVersion(session: QdrantSession): Promise<PrefixSearch> {
  const info: unknown = await session.call('asking for its version', (client) => client.versionInfo());
  // A server other than Qdrant may return anything.
  const { version } = (info ?? {}) as { version?: unknown };
  const [major = 0, minor = 0] = String(version).split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (isOld || Number.isNaN(major + minor)) {
    throw new SightlineError(
      'invalid-config',
      `expected Qdrant ${OLDEST.join('.')} or newer at ${session.url}, got ${JSON.stringify(version)}: older ` +
        'ones have no conditional upserts, which events out of order need',
      { details: { version: String(version) } },
    );
  }
  return major > 1 || minor >= FIRST_WITH_PREFIXES ? 'match' : 'hashed';
}

/**
 * The collection of a space.
 * @throws {invalid-config} for names that Qdrant would not accept
 */
export function collectionName(prefix: string, space: SpaceId): string {
  const name = `${prefix}${space}`;
  if (!/^[\w.-]{1,200}$/.test(name)) {
    throw new SightlineError('invalid-config', `expected letters, digits, ".", "_" and "-" as collection, got ${name}`);
  }
  return name;
}

/** Properties of a collection, read before it is used. */
export interface CollectionLayout {
  /** Components of its vectors. */
  readonly dimension: number;
  /** Nodes that hold each shard. */
  readonly replicas: number;
  readonly prefixes: PrefixSearch;
  readonly quantized: boolean;
  /** Approximate number of points and tombstones. */
  readonly points: number;
  /** Whether all points have their words: the second of the two word indexes is created only then. */
  readonly hasWords: boolean;
  /** Whether indexes are on disk. */
  readonly onDisk: boolean;
}

/**
 * Creates the collection and its payload indexes, or checks an existing one. Several processes may run it at once.
 * @param prefixes how a new collection searches prefixes of keys
 * @throws {space-mismatch} when it is for other vectors
 */
export async function ensureCollection(
  session: QdrantSession,
  collection: string,
  dimension: number,
  options: QdrantCollectionOptions,
  prefixes: PrefixSearch,
): Promise<CollectionLayout> {
  const found = await findCollection(session, collection);
  const info = found ?? (await create(session, collection, dimension, options));
  checkVectors(collection, info.config.params.vectors, dimension);
  const schema = info.payload_schema ?? {};
  const layout = { ...layoutOf(info, prefixes), onDisk: options.onDisk === 'all' };
  const { field, schema: prefixIndex } = PREFIX_INDEXES[layout.prefixes];
  // An empty collection has no points without words.
  const hasWords = layout.hasWords || layout.points === 0;
  const words = hasWords ? WORD_FIELDS : WORD_FIELDS.slice(0, 1);
  const wordIndexes = Object.fromEntries(words.map((name) => [name, WORD_INDEXES[layout.prefixes]]));
  const wanted = Object.entries({ ...INDEXES, [field]: prefixIndex, ...wordIndexes });
  for (const [name, type] of wanted.filter(([name]) => schema[name] === undefined)) {
    await indexField(session, collection, name, type, layout.onDisk);
  }
  return { ...layout, hasWords };
}

/** Creates a payload index. */
export async function indexField(
  session: QdrantSession,
  collection: string,
  field_name: string,
  type: Schemas['PayloadFieldSchema'],
  onDisk: boolean,
): Promise<void> {
  const field_schema = onDisk ? ({ ...(typeof type === 'string' ? { type } : type), on_disk: true } as never) : type;
  await session.call(`indexing ${field_name} of ${collection}`, async (client) =>
    assertApplied([await client.createPayloadIndex(collection, { field_name, field_schema, wait: true })]),
  );
}

async function findCollection(session: QdrantSession, collection: string): Promise<Schemas['CollectionInfo'] | null> {
  return session.call(`looking for ${collection}`, async (client) => {
    try {
      return await client.getCollection(collection);
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  });
}

async function create(
  session: QdrantSession,
  collection: string,
  dimension: number,
  options: QdrantCollectionOptions,
): Promise<Schemas['CollectionInfo']> {
  await session.call(`creating ${collection}`, async (client) => {
    try {
      await client.createCollection(collection, creation(dimension, options));
    } catch (error) {
      // Another process was faster.
      if (statusOf(error) !== 409) throw error;
    }
  });
  return session.call(`reading ${collection}`, (client) => client.getCollection(collection));
}

function creation(dimension: number, options: QdrantCollectionOptions): Schemas['CreateCollection'] {
  const { shards, replicas, onDisk = 'none', quantization, hnswM } = options;
  const graph = { m: hnswM, on_disk: onDisk === 'all' ? true : undefined };
  return {
    vectors: { size: dimension, distance: 'Cosine', on_disk: onDisk === 'none' ? undefined : true },
    shard_number: shards,
    replication_factor: replicas,
    hnsw_config: graph.m === undefined && graph.on_disk === undefined ? undefined : graph,
    quantization_config: quantization === 'int8' ? { scalar: { type: 'int8', always_ram: true } } : undefined,
  };
}

function checkVectors(collection: string, vectors: unknown, dimension: number): void {
  const { size, distance, datatype, multivector_config } = (vectors ?? {}) as Partial<Schemas['VectorParams']>;
  // As bytes, unit vectors would be all zeros.
  const other = multivector_config ? ', several vectors a point' : datatype === 'uint8' ? ' in bytes' : '';
  if (size === dimension && distance === 'Cosine' && other === '') return;
  throw new SightlineError(
    'space-mismatch',
    `expected ${collection} to hold ${dimension} components by Cosine, got ${size ?? 'named vectors'} by ` +
      `${distance ?? 'unknown'}${other}`,
    { details: { collection, expected: dimension } },
  );
}

/**
 * @throws {unavailable} when the collection is gone
 */
export async function readLayout(session: QdrantSession, collection: string): Promise<CollectionLayout> {
  return layoutOf(await session.call(`reading ${collection}`, (client) => client.getCollection(collection)));
}

/** @param prefixes used if the collection has no index for them yet */
function layoutOf(info: Schemas['CollectionInfo'], prefixes: PrefixSearch = 'hashed'): CollectionLayout {
  const { vectors, replication_factor } = info.config.params;
  const has = (way: PrefixSearch) => info.payload_schema?.[PREFIX_INDEXES[way].field] !== undefined;
  return {
    dimension: Number((vectors as { size?: unknown } | undefined)?.size),
    replicas: replication_factor ?? 1,
    prefixes: has('hashed') ? 'hashed' : has('match') ? 'match' : prefixes,
    quantized: Boolean(info.config.quantization_config),
    points: info.points_count ?? 0,
    hasWords: info.payload_schema?.[WORD_FIELDS[1]] !== undefined,
    onDisk: false,
  };
}

/** Which collection each alias names. */
export async function readAliases(session: QdrantSession): Promise<Map<string, string>> {
  const { aliases } = await session.call('reading aliases', (client) => client.getAliases());
  return new Map(aliases.map(({ alias_name, collection_name }) => [alias_name, collection_name]));
}
