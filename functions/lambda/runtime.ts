import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { Resource } from 'sst/resource';
import { type EmbedderOptions, knownAs } from '../../core/encode/image-embedder.ts';
import { SightlineError } from '../../core/errors.ts';
import { openObjectFailureLog } from '../../core/failure-log/bucket.ts';
import { createIndexer, type IndexJob, type IndexOptions } from '../../core/index-image.ts';
import { loadOnce } from '../../core/load-once.ts';
import { openS3, type S3Store } from '../../core/objects/s3/store.ts';
import { packageRoot } from '../../core/package-root.ts';
import type { FailureLog, ImageEmbedder, ObjectStore, VectorStore } from '../../core/ports.ts';
import { readSettings, type Values } from '../../core/settings.ts';
import type { Spaces } from '../../core/spaces/port.ts';
import type { SpaceId } from '../../core/types.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { MessageQueue } from '../events/sqs-client.ts';
import { createTelemetry } from './telemetry.ts';
import { openVanishedObjects } from './vanished-log.ts';

/** The composition root of the Lambda functions: reads their environment and secrets, puts the parts together. */

const root = packageRoot(import.meta.dirname);

interface QdrantServer {
  readonly url: string;
  readonly apiKey?: string;
}

export interface LambdaConfig extends Omit<Values<'functions'>, 'bucket' | 'stateBucket' | 'data'> {
  readonly data: string;
  readonly modelDirs: readonly string[];
  /** Where uploads go. */
  readonly bucket: string;
  readonly stateBucket: string;
  /** Null for the embedded store in `data`, which only one machine can share. */
  readonly qdrant: QdrantServer | null;
}

export const version: string = packageJson.version;

/** Folder with the built page, or null where it was not built. */
export const pageFolder: string | null = existsSync(join(root, 'page')) ? join(root, 'page') : null;

/**
 * Undefined where the function URL is for everybody, instead of CloudFront alone. Needed also when the configuration is
 * refused.
 */
export const originKeyHash: string | undefined = process.env.SIGHTLINE_ORIGIN_KEY_HASH || undefined;

/**
 * The level that Lambda filters by, so that there is one setting for both; elsewhere LOG_LEVEL. In any case of letters.
 */
const logLevel = (process.env.AWS_LAMBDA_LOG_LEVEL || process.env.LOG_LEVEL || 'info').toLowerCase();

/** What is no level is refused with the rest of the configuration, and said at `info`. */
export const telemetry = createTelemetry({
  level: logLevel in pino.levels.values ? logLevel : 'info',
  service: process.env.SIGHTLINE_SERVICE || 'sightline',
});

/**
 * @throws {invalid-config} naming what is missing or does not fit
 */
export function readLambdaConfig(): LambdaConfig {
  const env = { ...process.env, HOST: process.env.HOST || '0.0.0.0', SIGHTLINE_API_KEYS: secret('ApiKeys') };
  const level = logLevel === 'fatal' ? 'silent' : logLevel;
  const settings = readSettings('functions', { env: { ...env, LOG_LEVEL: level } });
  const required = (name: string, value: string | undefined): string => {
    if (value === undefined) throw new SightlineError('invalid-config', `expected ${name} to be set, it is not`);
    return value;
  };
  return {
    ...settings,
    data: settings.data ?? '/tmp',
    modelDirs: [join(root, 'models'), ...settings.extraModels],
    bucket: required('SIGHTLINE_BUCKET', settings.bucket),
    stateBucket: required('SIGHTLINE_STATE_BUCKET', settings.stateBucket),
    qdrant: settings.data === undefined ? readQdrant() : null,
  };
}

function readQdrant(): QdrantServer {
  const url = secret('QdrantUrl') ?? '';
  if (!URL.canParse(url)) {
    throw new SightlineError(
      'invalid-config',
      `expected the secret QdrantUrl to be a URL, got ${url === '' ? 'none' : 'something else'}: npx sst ` +
        `secret set QdrantUrl`,
    );
  }
  return { url, apiKey: secret('QdrantApiKey') };
}

/** What SST links; it types this by a file that it writes when it deploys, and is not there before. */
const links = Resource as unknown as Readonly<Record<string, { readonly value: string }>>;

/** A linked secret; undefined when it is empty or this function is not linked to it. */
function secret(name: 'QdrantUrl' | 'QdrantApiKey' | 'ApiKeys'): string | undefined {
  return name in links ? links[name]!.value.trim() || undefined : undefined;
}

export interface LambdaRuntime<E extends ImageEmbedder> {
  readonly config: LambdaConfig;
  readonly embedder: E;
  readonly vectors: VectorStore;
  /** The space that is live now: another than that of `vectors` once its models have been replaced. */
  readonly liveSpace: () => Promise<SpaceId | null>;
  readonly failures: FailureLog;
  readonly buckets: ReadonlyMap<string, S3Store>;
  /** What the functions keep for themselves. */
  readonly state: S3Store;
  readonly index: IndexJob;
  /** What `index` works with. */
  readonly indexing: IndexOptions;
}

/**
 * Opens models, stores and the indexing pipeline of a function whose models `load` loads: what a function never loads
 * is not carried by it. Models are loaded once, also when the stores cannot be opened and all is tried again: those
 * that are let go leave memory behind. Throws when models and stores do not fit each other or cannot be reached.
 */
export function runtimeWith<E extends ImageEmbedder>(
  load: (options: EmbedderOptions) => Promise<E>,
): (config: LambdaConfig) => Promise<LambdaRuntime<E>> {
  let config: LambdaConfig;
  const models = loadOnce(async () => {
    const { modelDirs, profile, maxImageBytes: maxBytes, maxImagePixels: maxPixels, damaged } = config;
    return load({ modelDirs, profile, limits: { maxBytes, maxPixels, damaged } });
  });
  return async (given) => {
    config = given;
    return openRuntime(config, models.get());
  };
}

async function openRuntime<E extends ImageEmbedder>(
  config: LambdaConfig,
  loading: Promise<E>,
): Promise<LambdaRuntime<E>> {
  const { s3Endpoint: endpoint, requesterPays, readOnly } = config;
  const [models, state, ...stores] = await Promise.all([
    loading,
    openS3({ bucket: config.stateBucket, endpoint, verify: false }),
    ...[config.bucket, ...config.readBuckets].map((bucket) =>
      openS3({ bucket, endpoint, verify: false, requesterPays, readOnly }),
    ),
  ]);
  const { embedder, vectors, liveSpace } = await openVectors(config, models);
  const buckets = new Map(stores.map((store) => [store.bucket, store]));
  const vanished = openVanishedObjects(state, config.vanishedHours);
  const indexed =
    config.sidecars === 'on' ? buckets : new Map([...buckets].map(([name, one]) => [name, unlisted(one)]));
  const indexing = { embedder, vectors, buckets: indexed, vanished, maxBytes: config.maxImageBytes };
  return {
    config,
    embedder,
    vectors,
    liveSpace,
    failures: openObjectFailureLog(state),
    buckets,
    state,
    index: confirming(createIndexer(indexing), vectors),
    indexing,
  };
}

/** The same bucket to whoever looks for nothing beside a picture; the indexing pipeline lists for nothing else. */
function unlisted(objects: ObjectStore): ObjectStore {
  return { ...objects, list: async () => ({ items: [] }) };
}

/** What is found done may have been written by a try that ended before it knew whether its write counts. */
export function confirming(index: IndexJob, vectors: Pick<VectorStore, 'upsert'>): IndexJob {
  return async (job) => {
    const outcome = await index(job);
    if (outcome.status === 'skipped') await vectors.upsert([], 'newer');
    return outcome;
  };
}

/** A write waits so long for a change of models to end, less than a run has left for it. */
const FENCE_PATIENCE_MS = 3000;

/** Loads the code of one driver only: the other would cost every cold start. */
async function openVectors<E extends ImageEmbedder>(
  config: LambdaConfig,
  models: E,
): Promise<Pick<LambdaRuntime<E>, 'embedder' | 'vectors' | 'liveSpace'>> {
  const spaces = await openSpaces(config);
  try {
    // The question costs a request, and only an index from before knows its space by another id.
    const liveSpace = async () => (await spaces.live())?.space ?? null;
    const live = models.sameAs.length > 0 ? await liveSpace() : null;
    const embedder = knownAs(models, live ?? undefined);
    return { embedder, vectors: await spaces.openLive(embedder.space, embedder.dimension), liveSpace };
  } catch (error) {
    await spaces.close();
    throw error;
  }
}

async function openSpaces(config: LambdaConfig): Promise<Spaces> {
  if (config.qdrant === null) {
    const { openEmbeddedSpaces } = await import('../../core/vectors/sqlite/spaces.ts');
    await mkdir(config.data, { recursive: true });
    return openEmbeddedSpaces({ file: join(config.data, 'index.sqlite') });
  }
  const { openQdrantSpaces } = await import('../../core/vectors/qdrant/spaces.ts');
  const { qdrantOptions } = await import('../../core/vectors/qdrant/settings.ts');
  // Given up before the request is, so that the caller hears why.
  const deadlineMs = Math.max(1000, config.requestTimeoutMs - 5000);
  return openQdrantSpaces({
    ...config.qdrant,
    ...qdrantOptions(config),
    deadlineMs,
    fencePatienceMs: FENCE_PATIENCE_MS,
  });
}

/**
 * Null when the environment names no queue: messages are then not delayed, and nobody can say how many there are. Its
 * code is loaded only where it is used.
 */
export async function openQueue(config: LambdaConfig): Promise<MessageQueue | null> {
  if (config.queueUrl === undefined) return null;
  const { openMessageQueue } = await import('../events/sqs-client.ts');
  return openMessageQueue({ url: config.queueUrl });
}
