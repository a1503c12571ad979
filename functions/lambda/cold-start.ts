import type { Logger } from 'pino';
import type { Loaded } from '../../core/load-once.ts';

/** Lambda ends a start that takes longer than 10 s, and begins again within the first invocation. */
const START_MS = 8000;

/** Starts the load and waits for its end, however it ends, but no longer than Lambda waits for a start. */
export function settled(loaded: Loaded<unknown>, logger: Pick<Logger, 'warn'>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, START_MS);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    loaded.get().then(end, (error: unknown) => {
      logger.warn({ err: error }, 'the start failed; the next request tries again');
      end();
    });
  });
}
