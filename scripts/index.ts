import type { Job } from '../core/decide-job.ts';
import { countLeftOut, type LeftOut, NO_PICTURE } from '../core/files/non-picture-files.ts';
import { isUnusable } from '../core/files/sqlite-file.ts';
import { refreshOutdated } from '../core/metadata/refresh.ts';
import { pictureStoreOf } from '../core/objects/picture-store.ts';
import type { Failure, FailureLog } from '../core/ports.ts';
import { toggle } from '../core/setting-value.ts';
import { type Config, flagOf, SETTINGS } from '../core/settings.ts';
import { closing } from '../core/util/async-disposable.ts';
import { everyItem } from '../core/util/paginate.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { createLogger, openRuntime, type Runtime } from '../server/composition-root.ts';
import { readConfig, userPath } from '../server/environment.ts';
import { createPipeline, type IndexPipeline } from '../server/index-pipeline.ts';
import { aborted } from '../server/picture-source.ts';
import type { JobQueue } from '../server/queue/job-queue.ts';
import { removeSamples } from '../server/sample-photos.ts';
import { type ReconcileOptions, reconcile } from '../server/watch/reconcile.ts';
import { askMoved } from './cli/ask-moved.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { isBucket, parseBucket } from './cli/location.ts';
import { CONCURRENCY, DATA } from './cli/options.ts';
import { createProgress } from './cli/progress.ts';

/** Failures to print in a terminal, so that the summary stays visible. */
const PRINTED = 50;

export default command({
  usage: 'FOLDER | s3://BUCKET [options]',
  about: `
Brings the index up to date with a folder and its subfolders, or with a bucket. Also adds what an older version did not
read of a picture, without embedding it again. Can be interrupted at any moment; the next call resumes. Pictures of
other folders stay in the index.`,
  words: { min: 1, max: 1, rows: { 'FOLDER, s3://BUCKET': 'where the pictures are' } },
  options: {
    data: DATA,
    qdrant: flagOf(SETTINGS.qdrantUrl),
    concurrency: CONCURRENCY,
    ignore: flagOf(SETTINGS.ignore),
    json: toggle({ text: 'print the summary as one JSON document' }),
  },
  notes: `
Exit code 0 when everything went well, even with files that are not pictures; 1 when some could not be indexed for
other reasons.`,
  run: async (flags, [folder]) => {
    const { qdrant: qdrantUrl, json, ...settings } = flags;
    const bucketName = isBucket(folder!) ? bucketOf(folder!) : undefined;
    const config = readConfig({ ...settings, qdrantUrl, bucket: bucketName, logLevel: 'silent' });
    const logger = createLogger(config);
    const startedAt = performance.now();
    await using runtime = closing(await openRuntime(config, logger, { texts: 'later' }));

    const interrupt = new AbortController();
    process.once('SIGINT', () => interrupt.abort());
    // All others would fail, too.
    let broken: unknown = null;
    const index = (job: Job) =>
      runtime.index(job).catch(async (error: unknown) => {
        if (isUnusable(error) || (await isGone(runtime.folders, job.bucket))) {
          broken ??= error;
          interrupt.abort();
        }
        throw error;
      });
    let leftOut: LeftOut = {};
    const onLeftOut = (_: string, found: LeftOut) => {
      leftOut = found;
    };
    const { queue, ofFolder, ofBucket } = createPipeline({
      runtime: { ...runtime, index },
      concurrency: config.concurrency,
      logger,
      onLeftOut,
    });
    const { name, source } = isBucket(folder!)
      ? { name: folder!, source: ofBucket(pictureStoreOf(runtime.bucket!)) }
      : await openFolderSource(config, runtime, userPath(folder!), ofFolder);
    const { bucket } = source.store;
    const counts = () => queue.progress();
    const found = await withProgress(counts, () => compareAndIndex(source, queue, interrupt.signal));
    if (broken !== null) throw broken;
    const { done, failed: givenUp } = counts();
    // Adds what an older version did not read.
    const outdated = { signal: interrupt.signal, bucket };
    const { refreshed } = await refreshOutdated(runtime, outdated);

    const failed = await failuresOf(runtime.failures, bucket, false);
    const remembered = await failuresOf(runtime.failures, bucket, true);
    countLeftOut(leftOut, 'other', remembered.filter(({ reason }) => reason === NO_PICTURE).length);
    const summary = {
      folder: name,
      found: found.created,
      handled: done + givenUp,
      unchanged: found.unchanged,
      removed: found.removed,
      refreshed,
      leftOut,
      pictures: await runtime.vectors.count({ kind: 'image', bucket }),
      failed: failed.map(({ key, reason, message, retryable }) => ({ key, reason, message, retryable })),
      seconds: Math.round((performance.now() - startedAt) / 100) / 10,
      interrupted: interrupt.signal.aborted,
    };
    if (json) console.log(JSON.stringify(summary, null, 2));
    else print(summary);
    const isAllDone = givenUp === 0 && !summary.interrupted && !failed.some(({ retryable }) => retryable);
    return isAllDone ? EXIT.done : EXIT.failed;
  },
});

/** Adds a folder to the index unless it is there. */
async function openFolderSource(
  config: Config,
  { folders }: Pick<Runtime, 'folders'>,
  root: string,
  ofFolder: IndexPipeline['ofFolder'],
): Promise<{ name: string; source: ReconcileOptions }> {
  const added = await folders.add(root, { watched: false, ask: askMoved });
  await removeSamples(config.data, folders);
  return { name: added.path, source: ofFolder(await folders.connect(added), added.path) };
}

/** Whether a folder of the index is gone, such as on an unplugged drive. */
async function isGone(folders: Runtime['folders'], bucket: string): Promise<boolean> {
  const folder = folders.list().find((known) => known.bucket === bucket);
  return folder !== undefined && !(await folders.isThere(folder));
}

function bucketOf(at: string): string {
  const { bucket, prefix } = parseBucket(at);
  if (prefix === '') return bucket;
  throw new UsageError(`expected a whole bucket, s3://${bucket}, got ${at}`);
}

/**
 * Indexes all differences. Anything left when it resolves is found next time.
 */
async function compareAndIndex(source: ReconcileOptions, queue: JobQueue, interrupt: AbortSignal) {
  try {
    const found = await reconcile(source, '', () => false, interrupt);
    await Promise.race([queue.onIdle(), aborted(interrupt)]);
    return found;
  } catch (error) {
    if (!interrupt.aborted) throw error;
    // What was found until then.
    const { done, failed, waiting, running } = queue.progress();
    return { created: done + failed + waiting + running, unchanged: 0, removed: 0 };
  } finally {
    await queue.stop();
  }
}

/** Shows progress until the work settles. */
async function withProgress<T>(counts: JobQueue['progress'], work: () => Promise<T>): Promise<T> {
  const progress = createProgress('Indexing', 'pictures', 0);
  const show = () => {
    const { done, failed, waiting, running } = counts();
    progress.update(done + failed, done + failed + waiting + running);
  };
  const timer = setInterval(show, 100);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    show();
    progress.stop();
  }
}

async function failuresOf(failures: FailureLog, bucket: string, dismissed: boolean): Promise<Failure[]> {
  const within = { bucket };
  return Array.fromAsync(everyItem((cursor) => failures.list({ limit: 1000, cursor, dismissed, within })));
}

function print(summary: {
  folder: string;
  handled: number;
  unchanged: number;
  removed: number;
  refreshed: number;
  leftOut: LeftOut;
  pictures: number;
  failed: { key: string; reason: string; message: string; retryable: boolean }[];
  seconds: number;
  interrupted: boolean;
}): void {
  const { handled, unchanged, removed, refreshed, leftOut, pictures, failed, seconds } = summary;
  console.log(`${pluralise(pictures, 'picture')} of ${summary.folder} can be searched.`);
  console.log(`${handled} handled in ${seconds} s, ${unchanged} skipped as unchanged, ${removed} removed.`);
  if (refreshed > 0) console.log(`Read again for what is new: ${refreshed} indexed earlier.`);
  const reasons = Object.entries(leftOut).map(([reason, files]) => `${files} ${reason}`);
  if (reasons.length > 0) console.log(`Left out as no pictures: ${reasons.join(', ')}.`);
  if (failed.length > 0) console.log(`${failed.length} could not be indexed:`);
  for (const { key, reason, message, retryable } of failed.slice(0, PRINTED)) {
    console.log(`  ${key}: ${reason}, ${message}${retryable ? ' (tried again next time)' : ''}`);
  }
  if (failed.length > PRINTED) console.log(`  and ${failed.length - PRINTED} more; --json names all of them.`);
  if (summary.interrupted) console.log('Interrupted; the next call goes on from here.');
}
