import type { Logger } from 'pino';
import { pictureStoreOf } from '../core/objects/picture-store.ts';
import type { S3Store } from '../core/objects/s3/store.ts';
import type { Config } from '../core/settings.ts';
import { createIngest } from '../functions/events/run-job.ts';
import type { AppDeps } from '../functions/http/deps.ts';
import type { Runtime } from './composition-root.ts';
import { ownPhotos } from './data-folder.ts';
import type { AskMoved, Folders } from './folders/folders.ts';
import type { Folder } from './folders/registry.ts';
import { createPipeline } from './index-pipeline.ts';
import { prepareOwnPhotos, removeSamples } from './sample-photos.ts';
import { reconcile } from './watch/reconcile.ts';
import { WatchedFolders } from './watch/watch-available-folders.ts';

/** Shows the progress of a job on a terminal; `unit` is a plural noun. */
export type CreateProgress = (
  label: string,
  unit: string,
  total: number,
) => Promise<{ update(done: number): void; stop(): void }>;

/** Where pictures come from while the server runs. */
export interface PictureSource {
  readonly uploadBucket: () => string;
  /** Only if direct uploads to the bucket will be noticed. */
  readonly presignUpload?: AppDeps['presignUpload'];
  /** Sentences for the terminal. */
  readonly description: string;
  /** Number of objects waiting or being indexed. */
  readonly backlog: () => number | Promise<number>;
  /** Why they cannot be indexed at the moment; null when they can. */
  readonly outage: () => string | null;
  /** Resolves when it runs or was interrupted, with a function that stops it. */
  start(interrupted: AbortSignal): Promise<() => Promise<unknown>>;
}

/** Folders: first indexes differences, showing progress, then follows every change, also as folders come and go. */
export async function openFolderSource(
  config: Config,
  runtime: Runtime,
  logger: Logger,
  { createProgress, ask }: { readonly createProgress: CreateProgress; readonly ask?: AskMoved },
): Promise<PictureSource> {
  const { folders, setLeftOut: onLeftOut } = runtime;
  const uploads = await chooseFolders(config, folders, ask);
  const pipeline = createPipeline({ runtime, concurrency: config.concurrency, waits: true, logger, onLeftOut });
  const { queue } = pipeline;
  const watched = new WatchedFolders({ folders, pipeline, logger });
  return {
    uploadBucket: () => folders.uploadsTo(uploads),
    description: await describeFolders(runtime),
    backlog: () => queue.progress().waiting + queue.progress().running,
    outage: () => queue.outage(),
    async start(signal) {
      const found = await watched.start(signal);
      if (!signal.aborted) await Promise.race([showProgress(createProgress, found, queue), aborted(signal)]);
      return () => Promise.all([watched.stop(), queue.stop()]);
    },
  };
}

/** Which folders are searched, and which are not there. */
async function describeFolders({ folders, vectors }: Pick<Runtime, 'folders' | 'vectors'>): Promise<string> {
  const absent = folders.absent();
  const [away, there] = [true, false].map((isAway) =>
    folders.list().filter(({ bucket, watched }) => watched && absent.includes(bucket) === isAway),
  ) as [Folder[], Folder[]];
  const paths = there.map(({ path }) => path).join(', ');
  const lines = paths === '' ? [] : [`It searches the pictures in ${paths}; drop more in at any time.`];
  for (const { bucket, path } of away) {
    const pictures = await vectors.count({ kind: 'image', bucket });
    lines.push(`${path} is not there or not mounted; its pictures (${pictures}) are hidden until it is back.`);
  }
  return lines.join('\n');
}

/** Adds the given folders, or the default one if there never was any. Returns where uploads go. */
async function chooseFolders(config: Config, folders: Folders, ask: AskMoved | undefined): Promise<Folder> {
  const given: Folder[] = [];
  for (const path of config.photos) given.push(await folders.add(path, { watched: true, ask }));
  const own = ownPhotos(config.data);
  if (given.length > 0) {
    if (!config.photos.includes(own)) await removeSamples(config.data, folders);
    return given[0]!;
  }
  const watched = folders.list().filter((folder) => folder.watched && folder.path !== own);
  if (watched.length > 0) return watched[0]!;
  return folders.add(await prepareOwnPhotos(config.data, folders), { watched: true });
}

/**
 * An S3 bucket: indexes differences at startup and uploads through this server, and with an event queue of the bucket
 * every change.
 * @throws {invalid-config} when the queue does not exist
 */
export async function openBucketSource(
  config: Config,
  runtime: Runtime,
  store: S3Store,
  logger: Logger,
  createProgress: CreateProgress,
): Promise<PictureSource> {
  const { queue, ofBucket } = createPipeline({
    runtime,
    concurrency: config.concurrency,
    waits: true,
    logger,
    onLeftOut: runtime.setLeftOut,
  });
  const events = config.queueUrl === undefined ? null : await openEvents(config.queueUrl, config, runtime, logger);
  const local = () => queue.progress().waiting + queue.progress().running;
  return {
    uploadBucket: () => store.bucket,
    presignUpload: events === null ? undefined : (key, options) => store.presignPut(key, options),
    description:
      events === null
        ? `It searches the pictures of s3://${store.bucket}, as they are now and as they are uploaded here; ` +
          `--queue tells it of others.`
        : `It searches the pictures of s3://${store.bucket} and follows its changes in the queue ${events.name}.`,
    backlog: async () => local() + ((await events?.depth()) ?? 0),
    outage: () => queue.outage(),
    async start(signal) {
      const stopFollowing = events?.follow();
      const comparing = reconcile(ofBucket(pictureStoreOf(store)), '', () => false, signal)
        .then(({ created }) => {
          const { archived } = runtime.leftOut();
          if (archived !== undefined)
            logger.warn({ objects: archived }, 'archived objects are left out: they must be restored first');
          return Promise.race([showProgress(createProgress, created, queue), aborted(signal)]);
        })
        .catch((error: unknown) => {
          if (!signal.aborted) logger.error({ err: error }, 'the bucket could not be compared with the index');
        });
      return () => Promise.all([comparing, stopFollowing?.(), queue.stop()]);
    },
  };
}

/** The event queue of a bucket, handled by the same code as on Lambda. */
async function openEvents(url: string, config: Config, runtime: Runtime, logger: Logger) {
  const [{ openMessageQueue }, { followQueue }, { createSqsHandler }] = await Promise.all([
    import('../functions/events/sqs-client.ts'),
    import('./queue/sqs-poller.ts'),
    import('../functions/lambda/sqs-batch.ts'),
  ]);
  const queue = openMessageQueue({ url });
  const { visibilitySeconds, maxReceives } = await queue.settings();
  const { index, failures } = runtime;
  const ingest = createIngest({ index, failures, logger, maxAttempts: maxReceives ?? MAX_RECEIVES });
  const telemetry = { logger, count: () => {}, milliseconds: () => {} };
  const handler = createSqsHandler({ ingest, failures, queue, telemetry, concurrency: config.concurrency });
  return {
    name: queue.name,
    depth: () => queue.depth(),
    follow() {
      const { stop } = followQueue({ queue, handler, visibilitySeconds, logger });
      return async () => {
        await stop();
        queue.close();
      };
    },
  };
}

/** Deliveries until a picture is listed as failed, if the queue has no dead letter queue. */
const MAX_RECEIVES = 10;

/** Shows progress until the pictures found at startup are indexed. */
async function showProgress(
  createProgress: CreateProgress,
  found: number,
  queue: { progress(): { done: number; failed: number }; onIdle(): Promise<void> },
): Promise<void> {
  if (found === 0) return;
  const progress = await createProgress('Indexing', 'pictures', found);
  const ended = () => Math.min(found, queue.progress().done + queue.progress().failed);
  const timer = setInterval(() => progress.update(ended()), 100);
  try {
    await queue.onIdle();
    progress.update(ended());
  } finally {
    clearInterval(timer);
    progress.stop();
  }
}

export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}
