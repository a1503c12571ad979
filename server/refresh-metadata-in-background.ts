import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { refreshOutdated } from '../core/metadata/refresh.ts';
import type { Runtime } from './composition-root.ts';

/** Pause between two pictures, to leave time for searches and new pictures. Milliseconds. */
const REFRESH_PAUSE_MS = 20;
/** Time until unreadable pictures are tried again, such as those on a missing drive. Milliseconds. */
const REFRESH_AGAIN_MS = 600_000;

/** Reads newer metadata of pictures that an older version indexed. Resolves when all are done, or when aborted. */
export async function refreshInBackground(runtime: Runtime, logger: Logger, signal: AbortSignal): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
  for (let isDone = false; !isDone && !signal.aborted; ) {
    try {
      const counts = await refreshOutdated(runtime, { signal, pause: () => pause(REFRESH_PAUSE_MS) });
      if (counts.refreshed > 0) logger.info(counts, 'metadata of pictures indexed by an older version was read');
      isDone = counts.left === 0;
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error }, 'pictures indexed by an older version could not be read again');
    }
    if (!isDone) await pause(REFRESH_AGAIN_MS);
  }
}
