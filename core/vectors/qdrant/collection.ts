import type { Schemas } from '@qdrant/js-client-rest';
import { SightlineError } from '../../errors.ts';
import type { SpaceId } from '../../types.ts';
import { assertApplied, statusOf } from './errors.ts';
import { INDEXES, type KeyPrefixes, PREFIX_FIELDS, PREFIX_INDEX } from './payload.ts';
import type { QdrantSession } from './session.ts';

/**
 * How a collection is made. Used only when it does not exist yet; an existing one is taken as it is. What is left out
 * is Qdrant's own default.
 */
export interface QdrantCollectionOptions {
  /** Parts the collection is spread over; several nodes share the work of one query. Cannot be changed later. */
  readonly shards?: number;
  /** Nodes that hold each shard. 2 or more survive the loss of a node. */
  readonly replicas?: number;
  /** Replicas that must have taken a write before it is answered. */
  readonly writeConsistency?: number;
  /** Vectors in memory-mapped files instead of memory. 64 components are 256 bytes a point. */
  readonly vectorsOnDisk?: boolean;
  /** Payload in memory-mapped files. Qdrant's default is true. */
  readonly payloadOnDisk?: boolean;
  /** Payload indexes in memory-mapped files: slower filters, about 2 kB of memory less a point. */
  readonly indexesOnDisk?: boolean;
  /**
   * Which key prefixes a filter may ask for: `any` takes about 17 bytes of payload, and more of index, a character of
   * the key; `folders` only as much a slash, and refuses prefixes that do not end with one. Default `any`. The only
   * option here that an existing collection must agree with.
   */
  readonly keyPrefixes?: KeyPrefixes;
  readonly hnsw?: {
    /** Edges a node: more find more and take more memory. 0 makes no graph at all, for exact search only. */
    readonly m?: number;
    /** Candidates while the graph is built: more find more and build longer. */
    readonly efConstruct?: number;
    /** Segments smaller than this are scanned instead, kilobytes of vectors. */
    readonly fullScanThresholdKb?: number;
    /** The graph in memory-mapped files. */
    readonly onDisk?: boolean;
  };
  /** Smaller copies of the vectors for the first pass of a search; see {@link QdrantSearch} for the second. */
  readonly quantization?:
    | {
        /** One byte a component: a quarter of the memory, hardly any loss. */
        readonly type: 'scalar';
        /** Share of components that fit the byte's range, 0.5 to 1; the others are clipped. */
        readonly quantile?: number;
        /** Copies stay in memory even when the vectors are on disk. */
        readonly alwaysInMemory?: boolean;
      }
    | {
        /** Clusters: up to a 64th of the memory, a clear loss; for far more than 64 components. */
        readonly type: 'product';
        readonly compression: 'x4' | 'x8' | 'x16' | 'x32' | 'x64';
        readonly alwaysInMemory?: boolean;
      }
    | {
        /** One bit a component: fast, a heavy loss at 64 components. */
        readonly type: 'binary';
        readonly alwaysInMemory?: boolean;
      };
}

/** The first version whose upserts take a condition (`update_filter`). */
const OLDEST = [1, 16] as const;

/** Throws `invalid-config` when the server is older than this program needs, or no Qdrant. */
export async function checkVersion(session: QdrantSession): Promise<void> {
  const info: unknown = await session.call('asking for its version', (client) => client.versionInfo());
  // Something else than Qdrant may answer anything.
  const { version } = (info ?? {}) as { version?: unknown };
  const [major = 0, minor = 0] = String(version).split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (isOld || Number.isNaN(major + minor)) {
    throw new SightlineError(
      'invalid-config',
      `expected Qdrant ${OLDEST.join('.')} or newer at ${session.url}, got ${JSON.stringify(version)}: older ones have no conditional upserts, which events out of order need`,
      { details: { version: String(version) } },
    );
  }
}

/** The collection of a space. Throws `invalid-config` for names that Qdrant would not take. */
export function collectionName(prefix: string, space: SpaceId): string {
  const name = `${prefix}${space}`;
  if (!/^[\w.-]{1,200}$/.test(name)) {
    throw new SightlineError('invalid-config', `expected letters, digits, ".", "_" and "-" as collection, got ${name}`);
  }
  return name;
}

/** What there is to know of a collection before it is used. */
export interface CollectionLayout {
  /** Components of its vectors. */
  readonly dimension: number;
  /** Nodes that hold each shard. */
  readonly replicas: number;
}

/**
 * Makes the collection and its payload indexes, or checks the one there is. Safe to run by several processes at once.
 * Throws `space-mismatch` when it is for other vectors, `schema-mismatch` when for other key prefixes.
 */
export async function ensureCollection(
  session: QdrantSession,
  collection: string,
  dimension: number,
  options: QdrantCollectionOptions,
): Promise<CollectionLayout> {
  const info = (await findCollection(session, collection)) ?? (await create(session, collection, dimension, options));
  checkVectors(collection, info.config.params.vectors, dimension);
  const schema = info.payload_schema ?? {};
  const { keyPrefixes = 'any' } = options;
  const other = keyPrefixes === 'any' ? 'folders' : 'any';
  if (schema[PREFIX_FIELDS[other]] !== undefined) {
    const message = `expected ${collection} to be made with keyPrefixes ${keyPrefixes}, got ${other}`;
    throw new SightlineError('schema-mismatch', message, { details: { collection } });
  }
  const indexes = { ...INDEXES, [PREFIX_FIELDS[keyPrefixes]]: PREFIX_INDEX };
  const missing = Object.entries(indexes).filter(([field]) => schema[field] === undefined);
  for (const [field_name, type] of missing) {
    const field_schema = options.indexesOnDisk
      ? { ...(typeof type === 'string' ? { type } : type), on_disk: true }
      : type;
    await session.call(`indexing ${field_name} of ${collection}`, async (client) =>
      assertApplied([await client.createPayloadIndex(collection, { field_name, field_schema, wait: true })]),
    );
  }
  return layoutOf(info);
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
      // Somebody else was faster.
      if (statusOf(error) !== 409) throw error;
    }
  });
  return session.call(`reading ${collection}`, (client) => client.getCollection(collection));
}

function creation(dimension: number, options: QdrantCollectionOptions): Schemas['CreateCollection'] {
  const { hnsw, quantization } = options;
  return {
    vectors: { size: dimension, distance: 'Cosine', on_disk: options.vectorsOnDisk },
    shard_number: options.shards,
    replication_factor: options.replicas,
    write_consistency_factor: options.writeConsistency,
    on_disk_payload: options.payloadOnDisk,
    hnsw_config: hnsw && {
      m: hnsw.m,
      ef_construct: hnsw.efConstruct,
      full_scan_threshold: hnsw.fullScanThresholdKb,
      on_disk: hnsw.onDisk,
    },
    quantization_config: quantization && quantizationConfig(quantization),
  };
}

function quantizationConfig(
  options: NonNullable<QdrantCollectionOptions['quantization']>,
): Schemas['QuantizationConfig'] {
  const always_ram = options.alwaysInMemory;
  if (options.type === 'scalar') return { scalar: { type: 'int8', quantile: options.quantile, always_ram } };
  if (options.type === 'product') return { product: { compression: options.compression, always_ram } };
  return { binary: { always_ram } };
}

function checkVectors(collection: string, vectors: unknown, dimension: number): void {
  const { size, distance, datatype, multivector_config } = (vectors ?? {}) as Partial<Schemas['VectorParams']>;
  // Of unit vectors nothing but zeros would be left in bytes.
  const other = multivector_config ? ', several vectors a point' : datatype === 'uint8' ? ' in bytes' : '';
  if (size === dimension && distance === 'Cosine' && other === '') return;
  throw new SightlineError(
    'space-mismatch',
    `expected ${collection} to hold ${dimension} components by Cosine, got ${size ?? 'named vectors'} by ${distance ?? 'unknown'}${other}`,
    { details: { collection, expected: dimension } },
  );
}

/** Throws `unavailable` when the collection is gone. */
export async function readLayout(session: QdrantSession, collection: string): Promise<CollectionLayout> {
  return layoutOf(await session.call(`reading ${collection}`, (client) => client.getCollection(collection)));
}

function layoutOf(info: Schemas['CollectionInfo']): CollectionLayout {
  const { vectors, replication_factor } = info.config.params;
  return { dimension: Number((vectors as { size?: unknown } | undefined)?.size), replicas: replication_factor ?? 1 };
}

/** Which collection each alias names. */
export async function readAliases(session: QdrantSession): Promise<Map<string, string>> {
  const { aliases } = await session.call('reading aliases', (client) => client.getAliases());
  return new Map(aliases.map(({ alias_name, collection_name }) => [alias_name, collection_name]));
}
