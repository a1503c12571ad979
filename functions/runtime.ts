import { cp, mkdir, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino, { type Logger } from 'pino';
import { type Config, type ConfigInput, parseConfig } from '../core/config.ts';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { openFailureLog } from '../core/failures/sqlite.ts';
import { createIndexer, type IndexJob } from '../core/index-image.ts';
import { openFolder } from '../core/objects/folder.ts';
import type { S3Store } from '../core/objects/s3.ts';
import type { Embedder, FailureLog, ObjectStore, VectorStore } from '../core/ports.ts';
import { openEmbeddedStore } from '../core/vectors/embedded.ts';
import { readFolders, rememberFolder } from './folders.ts';

/** The composition root: reads the environment, chooses the drivers, puts the parts together. */

const root = fileURLToPath(new URL('..', import.meta.url));

/** A path as the user typed it: relative ones count from where npm was called, not from the package. */
export function userPath(path: string): string {
  return resolve(process.env.INIT_CWD ?? process.cwd(), path);
}

/** Flags win over the environment. Relative paths count from where the user called npm. */
export function readConfig(flags: Partial<ConfigInput> = {}): Config {
  const env = process.env;
  const path = (value: string | undefined) => (value === undefined || value === '' ? undefined : userPath(value));
  const list = (value: string | undefined) =>
    value
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return parseConfig({
    host: env.HOST,
    port: env.PORT,
    profile: env.SIGHTLINE_PROFILE,
    concurrency: env.SIGHTLINE_CONCURRENCY,
    maxImageBytes: env.SIGHTLINE_MAX_IMAGE_BYTES,
    maxImagePixels: env.SIGHTLINE_MAX_IMAGE_PIXELS,
    apiKeyHashes: list(env.SIGHTLINE_API_KEYS),
    corsOrigins: list(env.SIGHTLINE_CORS_ORIGINS),
    allowedHosts: list(env.SIGHTLINE_ALLOWED_HOSTS),
    requestsPerMinute: env.SIGHTLINE_RATE_LIMIT,
    logLevel: env.LOG_LEVEL as ConfigInput['logLevel'],
    bucket: env.SIGHTLINE_BUCKET,
    s3Endpoint: env.S3_ENDPOINT,
    qdrantUrl: env.QDRANT_URL,
    qdrantApiKey: env.QDRANT_API_KEY,
    ...given,
    photos: path(flags.photos ?? env.SIGHTLINE_PHOTOS),
    data: path(flags.data ?? env.SIGHTLINE_DATA) ?? join(root, 'data'),
    head: path(flags.head ?? env.SIGHTLINE_HEAD),
    modelDirs: flags.modelDirs ?? [
      join(root, 'models'),
      ...(env.SIGHTLINE_EXTRA_MODELS ?? '').split(delimiter).filter((dir) => dir !== ''),
    ],
  });
}

/** Structured lines on stderr, so that stdout stays for results; readable ones on a terminal. */
export function createLogger(config: Config): Logger {
  return process.stderr.isTTY
    ? pino({ level: config.logLevel, transport: { target: 'pino-pretty', options: { destination: 2 } } })
    : pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
}

/** The picture folder to serve: the one asked for, or data/photos, which starts as a copy of the sample photos. */
export async function preparePhotos(config: Config): Promise<string> {
  if (config.photos !== undefined) return config.photos;
  const photos = join(config.data, 'photos');
  const exists = await stat(photos).then(
    () => true,
    () => false,
  );
  if (!exists) {
    await mkdir(config.data, { recursive: true });
    await cp(join(root, 'examples', 'photos'), photos, {
      recursive: true,
      filter: (source) => !source.endsWith('.md'),
    });
  }
  return photos;
}

export interface Runtime {
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly failures: FailureLog;
  /** Every folder whose pictures are in the index and that is there now. */
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** The S3 bucket of the configuration, also one of `buckets`; null when a folder is served. */
  readonly bucket: S3Store | null;
  readonly index: IndexJob;
  /** Makes a folder part of the index; its bucket. Throws when it is no readable folder. */
  addFolder(path: string): Promise<ObjectStore>;
  close(): Promise<void>;
}

/** Models, stores and walks, loaded and ready. Throws when any of them does not fit the others. */
export async function openRuntime(config: Config, logger: Logger): Promise<Runtime> {
  await mkdir(config.data, { recursive: true });
  const embedder = await loadEmbedder({
    modelDirs: config.modelDirs,
    profile: config.profile,
    head: config.head,
    limits: { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels },
  });
  const vectors = await openVectors(config, embedder);
  const failures = await openFailureLog({ file: join(config.data, 'failures.sqlite') });
  const buckets = new Map<string, ObjectStore>();
  for (const { bucket, path } of await readFolders(config.data)) {
    try {
      buckets.set(bucket, await openFolder({ root: path, bucket }));
    } catch (error) {
      logger.warn({ bucket, path, err: error }, 'a folder of the index cannot be opened; its pictures are not served');
    }
  }
  const bucket = config.bucket === undefined ? null : await openBucket(config.bucket, config);
  if (bucket !== null) buckets.set(bucket.bucket, bucket);
  const index = createIndexer({ embedder, vectors, buckets, maxBytes: config.maxImageBytes });
  return {
    embedder,
    vectors,
    failures,
    buckets,
    bucket,
    index,
    async addFolder(path) {
      const store = await openFolder({ root: path });
      await rememberFolder(config.data, { bucket: store.bucket, path });
      buckets.set(store.bucket, store);
      return store;
    },
    async close() {
      await vectors.close();
      await failures.close();
      await embedder.close();
      bucket?.close();
    },
  };
}

/** Only the driver that is used is loaded. */
async function openVectors(config: Config, { space, dimension }: Embedder): Promise<VectorStore> {
  if (config.qdrantUrl !== undefined) {
    const { openQdrantStore } = await import('../core/vectors/qdrant.ts');
    return openQdrantStore({ url: config.qdrantUrl, apiKey: config.qdrantApiKey, space, dimension });
  }
  return openEmbeddedStore({ file: join(config.data, 'index.sqlite'), space, dimension });
}

async function openBucket(bucket: string, { s3Endpoint }: Config): Promise<S3Store> {
  const { openS3 } = await import('../core/objects/s3.ts');
  return openS3({ bucket, endpoint: s3Endpoint });
}
