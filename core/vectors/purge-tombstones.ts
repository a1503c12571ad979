import type { VectorStore } from '../ports.ts';

const DAY_MS = 86_400_000;

/**
 * Deletes tombstones older than `days`: an event delayed by more than that could bring its picture back. Returns how
 * many.
 * @throws {space-retired} when another space has become live, and what the store throws
 */
export function purgeOldTombstones(vectors: Pick<VectorStore, 'purgeTombstones'>, days: number): Promise<number> {
  return vectors.purgeTombstones(new Date(Date.now() - days * DAY_MS).toISOString());
}
