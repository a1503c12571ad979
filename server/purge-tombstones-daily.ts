import type { Logger } from 'pino';
import { purgeOldTombstones } from '../core/vectors/purge-tombstones.ts';
import type { LiveSpace } from './reindex/follow-live-space.ts';

const DAY_MS = 86_400_000;

/**
 * Deletes old tombstones of the live space now and once a day. A fault is logged, and the next day tries again.
 * @returns a function that stops it, after a running purge
 */
export function purgeDaily(live: LiveSpace, days: number, logger: Logger): () => Promise<void> {
  const purge = async () => {
    try {
      const purged = await live.write(({ vectors }) => purgeOldTombstones(vectors, days));
      if (purged > 0) logger.info({ purged }, 'tombstones purged');
    } catch (error) {
      logger.warn({ err: error }, 'tombstones could not be purged');
    }
  };
  let running = purge();
  const timer = setInterval(() => {
    running = running.then(purge);
  }, DAY_MS).unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}
