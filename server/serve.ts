import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isSightlineError, SightlineError } from '../core/errors.ts';
import type { Config } from '../core/settings.ts';
import { closing } from '../core/util/async-disposable.ts';
import { createChanges } from '../functions/http/change-feed.ts';
import type { Readiness } from '../functions/http/deps.ts';
import { createLocalApp } from './app.ts';
import { createLogger, openRuntime, type Runtime } from './composition-root.ts';
import { isLeftByNpm, readConfig } from './environment.ts';
import type { AskMoved } from './folders/folders.ts';
import { listen, stopListening } from './listen.ts';
import { aborted, type CreateProgress, openBucketSource, openFolderSource } from './picture-source.ts';
import { greeting } from './print-addresses.ts';
import { refreshInBackground } from './refresh-metadata-in-background.ts';
import { emptyRegularly, openSessions, openTrash } from './trash-and-sessions.ts';

/**
 * Everything on one machine: the HTTP API, the page, and watched folders, whose changes go through the same ingest as
 * S3 events. Resolves when it has stopped after an interruption.
 * @param createProgress shows the progress of the first comparison with the index
 * @param ask asks whether a folder is a moved one of the index, when that is uncertain
 * @throws {SightlineError} if it cannot start
 */
export async function serveLocally(
  flags: Parameters<typeof readConfig>[0],
  createProgress: CreateProgress,
  ask?: AskMoved,
): Promise<void> {
  const config = readConfig(flags);
  if (config.queueUrl !== undefined && config.bucket === undefined) {
    throw new SightlineError(
      'invalid-config',
      '--queue is for the changes of a bucket: expected --bucket s3://NAME with it',
    );
  }
  const logger = createLogger(config);
  const interrupted = interruption();
  const changes = createChanges();
  const opened = await openWhenThere(config, logger, interrupted);
  if (opened === null) return;
  await using runtime = closing(changes.watch(opened));
  let readiness: Readiness = 'ready';

  const source =
    runtime.bucket === null
      ? await openFolderSource(config, runtime, logger, { createProgress, ask })
      : await openBucketSource(config, runtime, runtime.bucket, logger, createProgress);
  const trash = await openTrash(config, runtime);
  const stopEmptying = emptyRegularly(config, trash, (err) => logger.error({ err }, 'the trash could not be emptied'));
  const sessions = await openSessions(config);
  const parts = { ...source, config, runtime, trash, sessions, changes, logger };
  const app = await createLocalApp({ ...parts, ready: () => readiness });
  const { server, url } = await listen(app.fetch, config.host, config.port);
  for (const line of greeting(url, config)) console.log(line);
  console.log(`${source.description} Ctrl-C stops it.`);
  runtime.change?.start(runtime.live, (line) => console.log(line));

  // Exit instead of hanging: a process that serves nothing would still look alive to a supervisor.
  const stop = await source.start(interrupted).catch(async (error: unknown) => {
    readiness = 'stopping';
    await stopListening(server);
    throw error;
  });
  const refreshing = refreshInBackground(runtime, logger, interrupted);
  await aborted(interrupted);
  // Running requests and pictures are finished; waiting pictures are found again at the next start.
  readiness = 'stopping';
  stopEmptying();
  await Promise.all([stop(), refreshing, runtime.change?.stop(), stopListening(server)]);
  console.log('Stopped. The next start goes on from here.');
}

/** Pause between attempts to reach Qdrant. Milliseconds. */
const QDRANT_RETRY_MS = 5000;

/**
 * The runtime. Waits for Qdrant if it does not answer yet, because service managers start programs in any order. Null
 * when interrupted.
 */
async function openWhenThere(config: Config, logger: Logger, interrupted: AbortSignal): Promise<Runtime | null> {
  while (!interrupted.aborted) {
    try {
      return await openRuntime(config, logger, { mayChange: true });
    } catch (error) {
      if (config.qdrantUrl === undefined || !isSightlineError(error, 'unavailable')) throw error;
      console.error(`${error.message}; tried again every ${QDRANT_RETRY_MS / 1000} s`);
      await sleep(QDRANT_RETRY_MS, undefined, { signal: interrupted }).catch(() => {});
    }
  }
  return null;
}

/** A single Ctrl-C can arrive twice, from the terminal and through npm. Milliseconds. */
const SAME_PRESS_MS = 500;

/** How often to check whether npm is still running. Milliseconds. */
const PARENT_MS = 500;

/**
 * Aborts on the first Ctrl-C or SIGTERM, and when the npm that started this process is gone: npm passes signals to its
 * shell, which dies without passing them on. A second signal ends the process at once; acknowledged writes are still
 * safe.
 */
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
  const endWithNpm = () => isLeftByNpm() && controller.abort();
  endWithNpm();
  setInterval(endWithNpm, PARENT_MS).unref();
  return controller.signal;
}
