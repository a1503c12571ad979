import type { VectorStore } from '../ports.ts';

const DAY_MS = 86_400_000;

/**
 * Forgets tombstones older than `days`: an event that was delayed by more than that could bring its picture back.
 * Answers how many there were.
 * @throws {space-retired} when another space has become live, and what the store throws
 */
export function purgeOldTombstones(
  vectors: Pick<VectorStore, 'purgeTombstones'>,
  days: number,
  now = new Date(),
): Promise<number> {
  return vectors.purgeTombstones(new Date(now.getTime() - days * DAY_MS).toISOString());
}
