import type { StoredPicture, StoredPoint, Tombstone } from '../ports.ts';

/** The result of `VectorStore.copies`, from the points found for each hash. */
export function copiesByHash(
  sha256s: readonly string[],
  found: readonly (readonly (StoredPoint | Tombstone)[])[],
): Map<string, StoredPicture[]> {
  const pictures = found.map((points) =>
    points
      .filter((point): point is StoredPicture => !point.deleted && point.payload.kind === 'image')
      .sort((a, b) => -compare(a.payload.indexedAt, b.payload.indexedAt) || compare(a.id, b.id)),
  );
  return new Map(sha256s.flatMap((sha256, i) => (pictures[i]!.length === 0 ? [] : [[sha256, pictures[i]!]])));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
