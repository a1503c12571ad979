/**
 * Runs `work` on every item, `parallel` at a time, taking the next one only when there is room for it. When one fails,
 * no further ones are taken; rejects with the first failure once all that had begun have ended.
 */
export async function inParallel<T>(
  parallel: number,
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<void>,
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
      if (failures.length > 0) break;
    }
  } finally {
    await Promise.all(underWay);
  }
  if (failures.length > 0) throw failures[0];
}
