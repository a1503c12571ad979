import { ANY_LANGUAGE, type Embedder, type Point, type ReadText, type StoredPoint, type VectorStore } from './ports.ts';
import type { CaptionPayload } from './types.ts';
import { everyPage } from './util/paginate.ts';

/** Captions stored as points. Each records how it was read, so it can be read again when its text side changes. */

/** The point to store for a caption. */
export function captionPoint(
  id: string,
  { vector, language, version }: ReadText,
  payload: Omit<CaptionPayload, 'kind' | 'readBy'>,
): Point {
  return { id, vector, payload: { ...payload, kind: 'caption', readBy: `${language ?? ''} ${version}` } };
}

const PAGE = 500;

/**
 * Reads outdated captions again: their text side has a new version, or their language has got a text side. Returns how
 * many.
 */
export async function readCaptionsAgain({
  embedder,
  vectors,
}: {
  readonly embedder: Pick<Embedder, 'readTexts' | 'reads'>;
  readonly vectors: Pick<VectorStore, 'list' | 'get' | 'upsert'>;
}): Promise<number> {
  let count = 0;
  const filter = { kind: 'caption' } as const;
  for await (const { items } of everyPage((cursor) => vectors.list({ filter, limit: PAGE, cursor, order: 'id' }))) {
    const points: Point[] = [];
    for (const { id, payload } of items) {
      if (payload.kind !== 'caption') continue;
      const [language, version] = payload.readBy?.split(' ') ?? [];
      const lang = language || null;
      if (version !== undefined && embedder.reads(lang, version)) continue;
      const [read] = await embedder.readTexts([payload.caption], { ...ANY_LANGUAGE, lang });
      points.push(captionPoint(id, read!, payload));
    }
    // Captions have no events, so check here whether one was deleted in the meantime.
    const there = await vectors.get(points.map(({ id }) => id));
    const isThere = (point: StoredPoint | { readonly deleted: true } | undefined) => point?.deleted === false;
    const living = points.filter(({ id }) => isThere(there.get(id)));
    if (living.length > 0) await vectors.upsert(living, 'not-older', { keepTags: true });
    count += living.length;
  }
  return count;
}
