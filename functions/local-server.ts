import type { Logger } from 'pino';
import type { Config } from '../core/config.ts';
import type { S3Store } from '../core/objects/s3.ts';
import { createProgress } from '../core/progress.ts';
import { createChanges } from './changes.ts';
import { watchFolder } from './events/folder-source.ts';
import { createFolderLine } from './folder.ts';
import type { Readiness } from './http/deps.ts';
import { listen, stopListening } from './listen.ts';
import { createLocalApp } from './local-app.ts';
import { createLogger, openRuntime, preparePhotos, type Runtime, readConfig } from './runtime.ts';

/**
 * Everything on one machine: the HTTP API and the page, and a watched folder whose changes go through the same ingest as
 * the events of S3. Resolves when it was interrupted and has stopped. Throws what keeps it from starting.
 */
export async function serveLocally(flags: Parameters<typeof readConfig>[0]): Promise<void> {
  const config = readConfig(flags);
  const logger = createLogger(config);
  const interrupted = interruption();
  const changes = createChanges();
  const runtime = changes.watch(await openRuntime(config, logger));
  let readiness: Readiness = 'ready';
  try {
    const feed = runtime.bucket === null ? await folderFeed(config, runtime, logger) : bucketFeed(runtime.bucket);
    const app = await createLocalApp({ ...feed, config, runtime, changes, ready: () => readiness, logger });
    const { server, url } = await listen(app.fetch, config.host, config.port);
    console.log(`Sightline is at ${url}`);
    console.log(`${feed.description} Ctrl-C stops it.`);

    const stop = await feed.start(interrupted);
    await aborted(interrupted);
    // Answers and pictures under way are finished; pictures that wait are found again at the next start.
    readiness = 'stopping';
    await Promise.all([stop(), stopListening(server)]);
    console.log('Stopped. The next start goes on from here.');
  } finally {
    await runtime.close();
  }
}

/** Where pictures come from while the server runs. */
interface Feed {
  readonly uploadBucket: string;
  /** One sentence for the terminal. */
  readonly description: string;
  /** Objects that wait to be indexed and those under way. */
  readonly backlog: () => number;
  /** Resolves, with what ends it, when it runs or was interrupted. */
  start(interrupted: AbortSignal): Promise<() => Promise<unknown>>;
}

/** The watched folder: what differs from the index first, with its progress shown, then every change. */
async function folderFeed(config: Config, runtime: Runtime, logger: Logger): Promise<Feed> {
  const root = await preparePhotos(config);
  const store = await runtime.addFolder(root);
  const { queue, source } = createFolderLine({ runtime, root, store, concurrency: config.concurrency, logger });
  return {
    uploadBucket: store.bucket,
    description: `It searches the pictures in ${root}; drop more in at any time.`,
    backlog: () => queue.progress().waiting + queue.progress().running,
    async start(signal) {
      const watching = await watchFolder({ ...source, logger, signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
        return null;
      });
      if (watching !== null) await Promise.race([showProgress(watching.found.created, queue), aborted(signal)]);
      return () => Promise.all([watching?.close(), queue.stop()]);
    },
  };
}

/**
 * An S3 bucket: uploads through this server are indexed at once. None are signed to go past it: no event would tell of them.
 */
function bucketFeed(store: S3Store): Feed {
  return {
    uploadBucket: store.bucket,
    description: `It searches the pictures of s3://${store.bucket}; those uploaded through it are indexed.`,
    backlog: () => 0,
    start: async () => async () => {},
  };
}

/** Shows how the pictures found at the start are indexed, until they are. */
async function showProgress(
  found: number,
  queue: { progress(): { done: number; failed: number }; onIdle(): Promise<void> },
): Promise<void> {
  if (found === 0) return;
  const progress = createProgress('Indexing', 'pictures', found);
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

/** One Ctrl-C can arrive twice, from the terminal and passed on by npm. Milliseconds. */
const SAME_PRESS_MS = 500;

/** Aborts at the first Ctrl-C or SIGTERM. A second one ends the process at once; what was acknowledged is safe then, too. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        first = performance.now();
        controller.abort();
      } else if (performance.now() - first > SAME_PRESS_MS) {
        process.exit(130);
      }
    });
  }
  return controller.signal;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}
