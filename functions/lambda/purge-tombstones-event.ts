import type { VectorStore } from '../../core/ports.ts';
import { purgeOldTombstones } from '../../core/vectors/purge-tombstones.ts';

/** The event that the stack's schedule sends to the ingest function. */
export const PURGE_EVENT = { purge: 'tombstones' } as const;

/** Whether an event comes from the schedule rather than the queue. */
export function isPurgeEvent(event: unknown): event is typeof PURGE_EVENT {
  return typeof event === 'object' && event !== null && (event as { purge?: unknown }).purge === PURGE_EVENT.purge;
}

/** Deletes old tombstones of the space that this deployment writes to; returns how many. */
export async function purge(vectors: VectorStore, days: number): Promise<{ readonly purged: number }> {
  return { purged: await purgeOldTombstones(vectors, days) };
}
