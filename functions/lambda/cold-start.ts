import type { Logger } from 'pino';
import type { Loaded } from '../../core/util/load-once.ts';

/** Lambda aborts a startup after 10 s, and repeats it within the first invocation. */
const START_MS = 8000;

/** Starts the load and waits until it succeeds or fails, but no longer than Lambda's startup limit. */
export function settled(loaded: Loaded<unknown>, logger: Pick<Logger, 'warn'>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, START_MS);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    loaded.get().then(end, (error: unknown) => {
      logger.warn({ err: error }, 'startup failed; the next request tries again');
      end();
    });
  });
}
