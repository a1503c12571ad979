import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { refreshOutdated } from '../core/metadata/refresh.ts';
import type { Runtime } from './runtime.ts';

/** Between two pictures that are read again, for searches and new pictures. Milliseconds. */
const REFRESH_PAUSE_MS = 20;
/** Until those that could not be are tried again, such as those of a drive that comes later. Milliseconds. */
const REFRESH_AGAIN_MS = 600_000;

/** Pictures that an older version indexed get what it did not read. Resolves when all have it, or when aborted. */
export async function refreshInBackground(runtime: Runtime, logger: Logger, signal: AbortSignal): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
  for (let isDone = false; !isDone && !signal.aborted; ) {
    try {
      const counts = await refreshOutdated(runtime, { signal, pause: () => pause(REFRESH_PAUSE_MS) });
      if (counts.refreshed > 0) logger.info(counts, 'what files say of pictures that were indexed earlier was read');
      isDone = counts.left === 0;
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error }, 'pictures that were indexed earlier could not be read again');
    }
    if (!isDone) await pause(REFRESH_AGAIN_MS);
  }
}
