import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { Resource } from 'sst/resource';
import { type EmbedderOptions, knownAs } from '../../core/encode/image-embedder.ts';
import { SightlineError } from '../../core/errors.ts';
import { openObjectFailureLog } from '../../core/failure-log/bucket.ts';
import { createIndexer, type IndexJob, type IndexOptions } from '../../core/index-image.ts';
import { openS3, type S3Store } from '../../core/objects/s3/store.ts';
import type { FailureLog, ImageEmbedder, ObjectStore, Spaces, VectorStore } from '../../core/ports.ts';
import { readSettings, type Values } from '../../core/settings.ts';
import type { SpaceId } from '../../core/types.ts';
import { loadOnce } from '../../core/util/load-once.ts';
import { packageRoot } from '../../core/util/package-root.ts';
import { openVanishedObjects } from '../../core/vanished-log/bucket.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { MessageQueue } from '../events/sqs-client.ts';
import { createTelemetry } from './cloudwatch-telemetry.ts';

/** The composition root of the Lambda functions: reads environment and secrets, and assembles the parts. */

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
 * Undefined when the function URL is open to everybody rather than CloudFront only. Needed even if the configuration is
 * invalid.
 */
export const originKeyHash: string | undefined = process.env.SIGHTLINE_ORIGIN_KEY_HASH || undefined;

/**
 * Lambda's own log level, so that there is one setting for both; elsewhere LOG_LEVEL. Upper or lower case.
 */
const logLevel = (process.env.AWS_LAMBDA_LOG_LEVEL || process.env.LOG_LEVEL || 'info').toLowerCase();

/** An invalid level is refused with the rest of the configuration; until then `info` applies. */
export const telemetry = createTelemetry({
  level: logLevel in pino.levels.values ? logLevel : 'info',
  service: process.env.SIGHTLINE_SERVICE || 'sightline',
});

/**
 * @throws {invalid-config} naming what is missing or invalid
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

/** A linked secret; undefined when it is empty or this function is not linked to it. */
function secret(name: 'QdrantUrl' | 'QdrantApiKey' | 'ApiKeys'): string | undefined {
  return name in Resource ? Resource[name].value.trim() || undefined : undefined;
}

export interface LambdaRuntime<E extends ImageEmbedder> {
  readonly config: LambdaConfig;
  readonly embedder: E;
  readonly vectors: VectorStore;
  /** The live space: differs from that of `vectors` once its models have been replaced. */
  readonly liveSpace: () => Promise<SpaceId | null>;
  readonly failures: FailureLog;
  readonly buckets: ReadonlyMap<string, S3Store>;
  /** The state bucket of the functions. */
  readonly state: S3Store;
  readonly index: IndexJob;
  /** The options of `index`. */
  readonly indexing: IndexOptions;
}

/**
 * Opens models, stores and the indexing pipeline of a function. `load` loads its models: the bundle contains only
 * models that are loaded. Models are loaded once, even if opening the stores fails and is repeated, because unloaded
 * models leak memory.
 * @throws {model-mismatch}
 * @throws {space-mismatch} when models and stores do not match
 * @throws {unavailable} when they cannot be reached
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

/** The bucket with empty lists, when sidecars are off; the indexing pipeline lists for nothing else. */
function unlisted(objects: ObjectStore): ObjectStore {
  return { ...objects, list: async () => ({ items: [] }) };
}

/**
 * Confirms "unchanged" with an empty write: an earlier attempt may have ended before it knew whether its write counts.
 */
export function confirming(index: IndexJob, vectors: Pick<VectorStore, 'upsert'>): IndexJob {
  return async (job) => {
    const outcome = await index(job);
    if (outcome.status === 'skipped') await vectors.upsert([], 'newer');
    return outcome;
  };
}

/** How long a write waits for a change of models: less than the time left in a run. */
const FENCE_PATIENCE_MS = 3000;

/** Loads the code of one driver only: the other would slow down every cold start. */
async function openVectors<E extends ImageEmbedder>(
  config: LambdaConfig,
  models: E,
): Promise<Pick<LambdaRuntime<E>, 'embedder' | 'vectors' | 'liveSpace'>> {
  const spaces = await openSpaces(config);
  try {
    // This costs a request, and only an older index may have another id for its space.
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
  const { qdrantOptions } = await import('../../core/vectors/qdrant/options-from-settings.ts');
  // Give up before the request times out, so that the client gets the reason.
  const deadlineMs = Math.max(1000, config.requestTimeoutMs - 5000);
  return openQdrantSpaces({
    ...config.qdrant,
    ...qdrantOptions(config),
    deadlineMs,
    fencePatienceMs: FENCE_PATIENCE_MS,
  });
}

/**
 * Null when the environment names no queue: then messages are not delayed, and their number is unknown. Its code is
 * loaded only when used.
 */
export async function openQueue(config: LambdaConfig): Promise<MessageQueue | null> {
  if (config.queueUrl === undefined) return null;
  const { openMessageQueue } = await import('../events/sqs-client.ts');
  return openMessageQueue({ url: config.queueUrl });
}
