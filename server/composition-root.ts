import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { readCaptionsAgain } from '../core/captions.ts';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { knownAs } from '../core/encode/image-embedder.ts';
import { SightlineError } from '../core/errors.ts';
import { openFailureLog } from '../core/failure-log/sqlite.ts';
import { type LeftOut, sumLeftOut } from '../core/files/non-picture-files.ts';
import { createIndexer, type IndexJob } from '../core/index-image.ts';
import { type Refreshed, refreshPicture } from '../core/metadata/refresh.ts';
import { openFolder } from '../core/objects/folder/store.ts';
import { type PictureStore, pictureStoreOf } from '../core/objects/picture-store.ts';
import type { S3Store } from '../core/objects/s3/store.ts';
import type { Embedder, FailureLog, Spaces, VanishedLog, VectorStore } from '../core/ports.ts';
import type { Config } from '../core/settings.ts';
import type { SpaceId } from '../core/types.ts';
import { openVanishedLog } from '../core/vanished-log/sqlite.ts';
import { openEmbeddedSpaces } from '../core/vectors/sqlite/spaces.ts';
import { describeModel } from '../functions/http/describe-model.ts';
import { makeDataFolder, trashedFiles } from './data-folder.ts';
import { Folders } from './folders/folders.ts';
import { readFolders } from './folders/registry.ts';
import { sayMigration } from './print-migration.ts';
import { purgeDaily } from './purge-tombstones-daily.ts';
import { BackgroundReindex, type BackgroundReindexOptions, chooseModels } from './reindex/background-reindex.ts';
import { followLiveSpace, type LiveSpace, type SpaceParts } from './reindex/follow-live-space.ts';
import { expectModels, findModels, listHeads, type SpaceModels } from './reindex/space-models.ts';
import { expectMounted } from './watch/mount-check.ts';

/** The composition root: chooses the drivers and assembles the parts. */

/** Structured lines on stderr, because stdout is for results; readable ones on a terminal. */
export function createLogger(config: Config): Logger {
  return process.stderr.isTTY
    ? pino({
        level: config.logLevel,
        transport: { target: 'pino-pretty', options: { destination: 2, singleLine: true, ignore: 'pid,hostname' } },
      })
    : pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
}

/** Reads that work with any live space; each result is from one space. */
export type StoredPoints = Pick<VectorStore, 'get' | 'list' | 'count'>;

export interface Runtime {
  readonly live: LiveSpace;
  readonly vectors: StoredPoints;
  readonly failures: FailureLog;
  /** Every indexed folder that is available now. */
  readonly buckets: ReadonlyMap<string, PictureStore>;
  /** The configured S3 bucket, also in `buckets`; null when folders are served. */
  readonly bucket: S3Store | null;
  /** Into the live space. */
  readonly index: IndexJob;
  /** Reads the metadata of a picture's file again, by the id of its point. */
  refresh(id: string): Promise<Refreshed>;
  readonly folders: Folders;
  /** A change of models to run in the background, not started yet; null when there is none. */
  readonly change: BackgroundReindex | null;
  /** Counts of files left out of all folders and buckets compared so far. */
  leftOut(): LeftOut;
  setLeftOut(bucket: string, leftOut: LeftOut): void;
  close(): Promise<void>;
}

/**
 * Models, stores and pipelines, loaded and ready.
 * @param options.mayChange whether this process runs long enough to change to other models
 * @param options.upkeep whether to write what is due in the index: captions of another text side, deletions of long
 * ago, folders that were half taken out; true by default
 * @param options.texts `later` loads the text encoder with the first text, if there may never be one
 * @throws {model-mismatch}
 * @throws {space-mismatch} when models and stores do not match
 */
export async function openRuntime(
  config: Config,
  logger: Logger,
  options: { readonly mayChange?: boolean; readonly upkeep?: boolean; readonly texts?: 'now' | 'later' } = {},
): Promise<Runtime> {
  const { mayChange = false, upkeep = true, texts } = options;
  await makeDataFolder(config.data);
  const buckets = new Map<string, PictureStore>();
  const bucket = await openConfiguredBucket(config, buckets);
  const spaces = await openSpaces(config);
  const vanished = openVanishedLog(join(config.data, 'vanished.sqlite'), config.vanishedHours);
  const failures = await openFailureLog({ file: join(config.data, 'failures.sqlite') });
  const open: OpenParts = async (models, opened) =>
    withPipeline(config, { buckets, vanished }, models, opened ?? (await openLiveSpace(config, spaces, models, texts)));
  const { first, change } = await openFirst({ config, logger, spaces, buckets, vanished, failures, mayChange }, open);
  const live = followLiveSpace({
    spaces,
    logger,
    first,
    open: async (space) => open(await expectModels(space, config)),
  });
  if (upkeep) {
    await live.write(readCaptionsAgain).catch((error: unknown) => {
      logger.warn({ err: error }, 'captions of another text side could not be read again; they are unchanged');
    });
  }
  const opening = folderOptions(config);
  const folders = await Folders.open({ config, opening, buckets, live, failures, vanished, upkeep });
  await connectAll(folders, logger);
  const leftOut = new Map<string, LeftOut>();
  const stopPurging = upkeep ? purgeDaily(live, config.tombstoneDays, logger) : async () => {};
  return {
    live,
    vectors: {
      get: (ids) => live.read(({ vectors }) => vectors.get(ids)),
      list: (query) => live.read(({ vectors }) => vectors.list(query)),
      count: (filter) => live.read(({ vectors }) => vectors.count(filter)),
    },
    failures,
    buckets,
    bucket,
    index: (job) => live.write(({ index }) => index(job)),
    refresh: (id) =>
      live.write(({ embedder, vectors }) =>
        refreshPicture({ embedder, vectors, buckets, maxBytes: config.maxImageBytes }, id),
      ),
    folders,
    change,
    leftOut: () => sumLeftOut(leftOut.values()),
    setLeftOut: (bucket, counts) => void leftOut.set(bucket, counts),
    async close() {
      await stopPurging();
      await change?.stop();
      await live.close();
      await spaces.close();
      await failures.close();
      await vanished.close();
      bucket?.close();
    },
  };
}

type OpenSpace = Pick<SpaceParts, 'space' | 'embedder' | 'vectors'>;
type OpenParts = (models: Partial<SpaceModels>, opened?: OpenSpace) => Promise<SpaceParts>;

/** The models to start with, and the change of models to begin. */
async function openFirst(
  parts: Omit<BackgroundReindexOptions, 'from' | 'models' | 'openEmbedder'> & { readonly mayChange: boolean },
  open: OpenParts,
): Promise<{ first: SpaceParts; change: BackgroundReindex | null }> {
  const { config, spaces, mayChange } = parts;
  const from = (await spaces.live())?.space;
  // Refuses two heads with the same space, even if the index has no space yet.
  await listHeads(config.modelDirs);
  if (from === undefined || !mayChange) return { first: await open(await firstModels(from, config)), change: null };
  const { now, next } = await chooseModels(from, config);
  if (next === null) return { first: await open(now), change: null };
  const openNext = (models: SpaceModels) => openEmbedder(config, models);
  const change = new BackgroundReindex({ ...parts, from, models: { now, next }, openEmbedder: openNext });
  const first = now === null ? await open(next, await change.standIn()) : await open(now);
  return { first, change };
}

/** Models and vectors of the live space; an index without one gets that of these models. */
async function openLiveSpace(
  config: Config,
  spaces: Spaces,
  models: Partial<SpaceModels>,
  texts: 'now' | 'later' | undefined,
): Promise<OpenSpace> {
  const live = (await spaces.live())?.space;
  const embedder = knownAs(await openEmbedder(config, models, texts), live);
  try {
    const vectors = await spaces.openLive(embedder.space, embedder.dimension);
    return { space: vectors.space, embedder, vectors };
  } catch (error) {
    await embedder.close();
    throw error;
  }
}

/** The pipeline that indexes into a space, and its answer to GET /model. */
async function withPipeline(
  config: Config,
  parts: { readonly buckets: ReadonlyMap<string, PictureStore>; readonly vanished: VanishedLog },
  models: Partial<SpaceModels>,
  opened: OpenSpace,
): Promise<SpaceParts> {
  const { embedder, vectors } = opened;
  try {
    const model = await describeModel({ ...models, modelDirs: config.modelDirs, space: embedder.space });
    const leftOut = async (bucket: string, key: string) => (await parts.buckets.get(bucket)?.leftOut(key)) ?? null;
    const index = createIndexer({ ...parts, embedder, vectors, maxBytes: config.maxImageBytes, leftOut });
    return { ...opened, index, model };
  } catch (error) {
    await vectors.close();
    await embedder.close();
    throw error;
  }
}

/**
 * The models to start with: the configured ones if the index has none, otherwise those of the live space. A configured
 * head or profile must match them; if not, opening the store fails.
 * @throws {space-mismatch} when the models of the space are missing
 */
async function firstModels(live: SpaceId | undefined, config: Config): Promise<Partial<SpaceModels>> {
  if (live === undefined || config.head !== undefined) return config;
  const found = config.profile === undefined ? await expectModels(live, config) : await findModels(live, config);
  return found !== null && (config.profile ?? found.profile) === found.profile ? found : config;
}

/** Every available folder of the index, as judged by its live space, and the configured S3 bucket. */
export async function openBuckets(
  config: Config,
  logger: Logger,
  vectors: VectorStore,
): Promise<{ buckets: Map<string, PictureStore>; bucket: S3Store | null }> {
  const buckets = new Map<string, PictureStore>();
  for (const { bucket, path } of await readFolders(config.data)) {
    try {
      const folder = await openFolder({ root: path, bucket, ...folderOptions(config) });
      await expectMounted(path, bucket, vectors);
      buckets.set(bucket, folder);
    } catch (error) {
      logger.warn({ bucket, path, err: error }, 'a folder of the index cannot be opened; its pictures are not served');
    }
  }
  return { buckets, bucket: await openConfiguredBucket(config, buckets) };
}

async function openConfiguredBucket(config: Config, buckets: Map<string, PictureStore>): Promise<S3Store | null> {
  const bucket = config.bucket === undefined ? null : await openBucket(config.bucket, config);
  if (bucket !== null) buckets.set(bucket.bucket, pictureStoreOf(bucket));
  return bucket;
}

async function connectAll(folders: Folders, logger: Logger): Promise<void> {
  for (const folder of folders.list()) {
    await folders.connect(folder).catch((error: unknown) => {
      logger.debug({ folder, err: error }, 'a folder of the index is not available');
    });
  }
}

/** The validated embedder of a profile; the configured one by default. */
export function openEmbedder(
  config: Config,
  { profile, head }: Partial<SpaceModels>,
  texts?: 'now' | 'later',
): Promise<Embedder> {
  return loadEmbedder({
    modelDirs: config.modelDirs,
    profile,
    head,
    texts,
    limits: { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels, damaged: config.damaged },
  });
}

/**
 * The same configuration, for commands that need an index: opening one makes it where there is none.
 * @throws {not-found} when the data folder has no index; one in Qdrant is not looked for
 */
export function expectIndex(config: Config): Config {
  const { data, qdrantUrl } = config;
  if (qdrantUrl !== undefined || existsSync(indexFile(data))) return config;
  throw new SightlineError('not-found', `there is no index in ${data}: npm run index -- FOLDER makes one`);
}

function indexFile(data: string): string {
  return join(data, 'index.sqlite');
}

/** All spaces of the index. Only the driver that is used is loaded. */
export async function openSpaces(config: Config): Promise<Spaces> {
  await makeDataFolder(config.data);
  if (config.qdrantUrl !== undefined) {
    const { openQdrantSpaces } = await import('../core/vectors/qdrant/spaces.ts');
    const { qdrantOptions } = await import('../core/vectors/qdrant/options-from-settings.ts');
    return openQdrantSpaces({
      url: config.qdrantUrl,
      apiKey: config.qdrantApiKey,
      ...qdrantOptions(config),
    });
  }
  return openEmbeddedSpaces({ file: indexFile(config.data), onMigration: sayMigration() });
}

function folderOptions(config: Config) {
  const { data, ignore, readOnly } = config;
  return { data, ignore, readOnly, trash: trashedFiles(config) };
}

async function openBucket(bucket: string, config: Config): Promise<S3Store> {
  const { openS3 } = await import('../core/objects/s3/store.ts');
  const { s3Endpoint: endpoint, requesterPays, readOnly } = config;
  return openS3({ bucket, endpoint, requesterPays, readOnly });
}
