import { client } from './server-urls.ts';

/** Interval between checks, and the time after which they stop. */
const lookMs = 1500;
const overdueMs = 120_000;
const lookedAt = 200;

type Outcome = 'indexed' | 'overdue' | { readonly message: string; readonly retryable: boolean };

/** Checks the newest pictures and failures until the outcome of every key in `waiting()` is known. */
export async function followIndexing(
  waiting: () => readonly string[],
  tell: (key: string, outcome: Outcome) => void,
): Promise<void> {
  const since = new Map<string, number>();
  while (waiting().length > 0) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const [pictures, failures] = await Promise.all([
      client.listImages({ limit: lookedAt }),
      client.failures({ limit: lookedAt }),
    ]).catch(() => [{ items: [] }, { items: [] }]);
    const indexed = new Set(pictures.items.map(({ key }) => key));
    const refused = new Map(failures.items.map((failure) => [failure.key, failure]));
    for (const key of waiting()) {
      const first = since.get(key) ?? Date.now();
      since.set(key, first);
      const failure = refused.get(key);
      if (indexed.has(key)) tell(key, 'indexed');
      else if (failure) tell(key, { message: `${failure.message}.`, retryable: failure.retryable });
      else if (Date.now() - first > overdueMs) tell(key, 'overdue');
    }
  }
}
