import { ApiFault } from '../api-error.ts';
import { showTask } from './notices.ts';

/** One thing done to many pictures, a few at a time. */

/** Calls at the same time: enough to hide the way to the server, few enough to leave it to others. */
const parallel = 4;
/** A server that asks to wait is asked again so often. */
const maxPauses = 5;

export interface BulkOutcome {
  /** What nothing was done to: refused, or not reached any more. */
  readonly left: readonly string[];
  /** Why the last of them was refused; undefined when somebody stopped. */
  readonly fault?: unknown;
}

/**
 * Calls `work` for each id and shows how far it is. Ends early when somebody stops it, and when a refusal is not about
 * one picture but about all of them (no key, no server): the rest is then left. `done` is called after each.
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

/** Does it, and again when the server asks to come back later. */
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

/** Not about one picture: no key that may, no server that answers. */
function concernsAll(error: unknown): boolean {
  return error instanceof ApiFault && (error.kind !== 'refused' || [401, 403, 503].includes(error.status));
}
