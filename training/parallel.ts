/**
 * Runs `work` on every item, `parallel` at a time, and takes an item only when there is capacity for it. After a
 * failure or the signal no further items are taken; rejects with the first error or the signal's reason once all
 * running ones have ended.
 */
export async function inParallel<T>(
  parallel: number,
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  try {
    for await (const item of items) {
      const running: Promise<void> = work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => underWay.delete(running));
      underWay.add(running);
      if (underWay.size >= parallel) await Promise.race(underWay);
      if (failures.length > 0 || signal?.aborted) break;
    }
  } finally {
    await Promise.all(underWay);
  }
  if (failures.length > 0) throw failures[0];
  signal?.throwIfAborted();
}
