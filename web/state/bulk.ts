import { ApiFault } from '../api-error.ts';
import { showTask } from './notices.ts';

/** Runs one action on many pictures, a few at a time. */

/** Concurrent calls: enough to hide latency, few enough to leave capacity for others. */
const parallel = 4;
/** Number of retries when the server asks to wait. */
const maxPauses = 5;

export interface BulkOutcome {
  /** Ids that were refused or not reached. */
  readonly left: readonly string[];
  /** The last error; undefined if the user stopped it. */
  readonly fault?: unknown;
}

/**
 * Calls `work` for each id and shows progress. Ends early if the user stops it, or if an error concerns all pictures
 * (no key, no server); the remaining ids are then left. `done` is called after each.
 */
export async function forEachPicture(
  ids: readonly string[],
  doing: string,
  work: (id: string) => Promise<unknown>,
  done: (id: string) => void = () => {},
): Promise<BulkOutcome> {
  const waiting = [...ids];
  const refused: string[] = [];
  let fault: unknown;
  let ends = false;
  let count = 0;
  const stop = () => {
    ends = true;
  };
  const task = showTask({ title: doing, total: ids.length, stop });
  const worker = async () => {
    while (!ends) {
      const id = waiting.shift();
      if (id === undefined) return;
      try {
        await patiently(
          () => work(id),
          () => ends,
        );
        done(id);
      } catch (error) {
        fault = error;
        refused.push(id);
        if (concernsAll(error)) stop();
      }
      task.update(++count);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  task.end();
  return { left: [...refused, ...waiting], fault };
}

/** Does the work, and retries when the server asks to wait. */
async function patiently(work: () => Promise<unknown>, isOver: () => boolean): Promise<void> {
  for (let pause = 0; ; pause++) {
    try {
      await work();
      return;
    } catch (error) {
      const wait = error instanceof ApiFault && error.status === 429 ? (error.retryAfter ?? 2) : undefined;
      if (wait === undefined || pause === maxPauses || isOver()) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }
}

/** True for errors that concern every picture: a missing key or an unreachable server. */
function concernsAll(error: unknown): boolean {
  return error instanceof ApiFault && (error.kind !== 'refused' || [401, 403, 503].includes(error.status));
}
