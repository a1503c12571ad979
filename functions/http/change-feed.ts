import type { IndexJob, IndexOutcome } from '../../core/index-image.ts';
import type { FailureLog } from '../../core/ports.ts';

/** One change of the collection. */
export interface Change {
  readonly type: 'indexed' | 'removed' | 'failed' | 'resolved';
  /** Id of the picture's point. */
  readonly id: string;
  readonly key: string;
  /** ISO 8601. */
  readonly at: string;
}

export interface Changes {
  /** The latest, newest first; at most 100. */
  recent(): readonly Change[];
  /** Pictures indexed by this process in the last 60 seconds and the last 60 minutes. */
  indexed(): { lastMinute: number; lastHour: number };
  /** Calls the listener on every change, until the returned function is called. */
  subscribe(listener: (change: Change) => void): () => void;
  /** The same indexing pipeline and failure log, wrapped to report their outcomes to subscribers. */
  watch<T extends { readonly index: IndexJob; readonly failures: FailureLog }>(parts: T): T;
}

const KEPT = 100;
/** Counts are kept per step of this many seconds. */
const STEP_SECONDS = 5;
const STEPS = 3600 / STEP_SECONDS;

/** The changes made by this process. Changes by other processes are not seen here. */
export function createChanges(now: () => number = Date.now): Changes {
  const listeners = new Set<(change: Change) => void>();
  const counts = new Map<number, number>();
  let kept: readonly Change[] = [];

  function publish(type: Change['type'], id: string, key: string): void {
    const change = { type, id, key, at: new Date(now()).toISOString() };
    kept = [change, ...kept].slice(0, KEPT);
    if (type === 'indexed') count();
    for (const listener of listeners) listener(change);
  }

  function count(): void {
    const step = Math.floor(now() / 1000 / STEP_SECONDS);
    counts.set(step, (counts.get(step) ?? 0) + 1);
    for (const old of counts.keys()) {
      if (old > step - STEPS) break;
      counts.delete(old);
    }
  }

  function countSince(seconds: number): number {
    const from = Math.floor((now() / 1000 - seconds) / STEP_SECONDS);
    let sum = 0;
    for (const [step, value] of counts) if (step > from) sum += value;
    return sum;
  }

  return {
    recent: () => kept,
    indexed: () => ({ lastMinute: countSince(60), lastHour: countSince(3600) }),
    subscribe(listener) {
      // A function may be subscribed twice; each subscription ends separately.
      const own = (change: Change) => listener(change);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    watch: (parts) => ({
      ...parts,
      index: async (job) => {
        const outcome = await parts.index(job);
        const type = changeOf(outcome);
        if (type !== null) publish(type, outcome.id, job.key);
        return outcome;
      },
      failures: watchFailures(parts.failures, publish),
    }),
  };
}

function changeOf(outcome: IndexOutcome): 'indexed' | 'removed' | null {
  return outcome.status === 'indexed' || outcome.status === 'removed' ? outcome.status : null;
}

function watchFailures(
  failures: FailureLog,
  publish: (type: 'failed' | 'resolved', id: string, key: string) => void,
): FailureLog {
  const ending = (end: FailureLog['resolve']) => async (id: string) => {
    const known = await failures.get(id);
    const isOver = await end(id);
    if (isOver) publish('resolved', id, known?.key ?? '');
    return isOver;
  };
  return {
    ...failures,
    async record(failure, options) {
      const known = options?.dismissed ? await failures.get(failure.id) : null;
      const recorded = await failures.record(failure, options);
      if (!options?.dismissed) publish('failed', recorded.id, recorded.key);
      else if (known !== null) publish('resolved', recorded.id, recorded.key);
      return recorded;
    },
    resolve: ending((id) => failures.resolve(id)),
    dismiss: ending((id) => failures.dismiss(id)),
  };
}
