import type { Schemas } from '@qdrant/js-client-rest';
import type { Hit, VectorQuery } from '../../ports.ts';
import type { JointEmbedding, Page } from '../../types.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../store-cursor.ts';
import { checkQuery } from '../validate.ts';
import { liveFilter, narrowed, type QdrantFilter } from './filter.ts';
import { READ_FIELDS, readPayload, type StoredPayload } from './payload.ts';
import type { QdrantPart } from './points.ts';

/** How much of a collection a query looks at. */
export interface QdrantSearch {
  /**
   * Up to this many points every vector is compared, which is exact; the time grows with the points of a shard. Beyond
   * that the HNSW graph is used, which may miss some: pages may then differ from one long result.
   * @default 300,000
   */
  readonly exactBelow?: number;
  /** Candidates that a graph search keeps; more find more and take longer. @default 128 */
  readonly ef?: number;
}

const EXACT_BELOW = 300_000;
const EF = 128;
/** Factor of additional candidates taken from quantised vectors and rescored. */
const OVERSAMPLING = 2;

/** Hits fetched beyond those needed, to see where the ties of the last one end. */
const SLACK = 8;
/** Growth of the fetch when that is not enough. */
const GROWTH = 4;
/**
 * Qdrant compares scores with the threshold in float32, so the request uses a slightly lower one and the rest is
 * filtered here.
 */
const THRESHOLD_MARGIN = 1e-5;

/** Where a page begins: strictly after this, by score descending, then by id ascending. */
interface After {
  readonly score: number;
  readonly id: string;
  /** Number of hits with a better score when the cursor was made. */
  readonly better: number;
}

interface Ranked {
  readonly id: string;
  readonly score: number;
  /** Null when it was omitted because many were fetched. */
  readonly payload: StoredPayload | null;
}

interface Search {
  readonly query: number[];
  readonly filter: QdrantFilter;
  readonly minScore: number;
}

/** See `VectorStore.query`. */
export async function queryPoints(part: QdrantPart, query: VectorQuery, search: QdrantSearch): Promise<Page<Hit>> {
  const { limit, exclude = [], minScore } = query;
  const vector = checkQuery(query, part.dimension);
  const of = fingerprint(['query', vector, query.filter, minScore]);
  const after = query.cursor === undefined ? null : positionOf(of, query.cursor);
  const filter = liveFilter(query.filter, part);
  if (filter === null) return { items: [] };

  const { ranked, window } = await rank(part, search, limit + 1, after, {
    query: jsonVector(vector),
    filter: narrowed(filter, [], exclude.length === 0 ? [] : [{ has_id: [...exclude] }]),
    minScore: minScore ?? Number.NEGATIVE_INFINITY,
  });
  const items = await withPayloads(part, ranked.slice(0, limit));
  const last = ranked[limit - 1];
  if (ranked.length <= limit || last === undefined) return { items };
  const better = window.offset + window.hits.filter(({ score }) => score > last.score).length;
  return { items, next: encodeCursor(of, [last.score, last.id, better]) };
}

/**
 * The first `wanted` or more after the cursor, in order. Qdrant's order of hits with equal scores varies between
 * responses, so a window is fetched that begins above the ties of the cursor and ends below the ties of the last hit
 * wanted, and is sorted here.
 */
async function rank(part: QdrantPart, search: QdrantSearch, wanted: number, after: After | null, what: Search) {
  const upper = after?.score ?? Number.POSITIVE_INFINITY;
  let offset = Math.max(0, (after?.better ?? 0) - 1);
  let stepBack = 1;
  for (let size = wanted + SLACK; ; ) {
    const hits = await fetchWindow(part, search, what, { offset, size, withPayload: size === wanted + SLACK });
    // Better hits were deleted since the cursor was made, so ties of the cursor may lie before the window.
    if (offset > 0 && (hits[0] === undefined || hits[0].score <= upper)) {
      offset = Math.max(0, offset - stepBack);
      stepBack *= GROWTH;
      continue;
    }
    const ended = hits.length < size;
    const bound = ended ? Number.NEGATIVE_INFINITY : hits.at(-1)!.score;
    const ranked = hits
      .filter(({ score }) => score > bound && score >= what.minScore)
      .filter(({ score, id }) => after === null || score < after.score || (score === after.score && id > after.id))
      .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
    if (ended || ranked.length >= wanted) return { ranked, window: { offset, hits } };
    size *= GROWTH;
  }
}

async function fetchWindow(
  part: QdrantPart,
  search: QdrantSearch,
  what: Search,
  window: { offset: number; size: number; withPayload: boolean },
): Promise<Ranked[]> {
  const request = {
    query: what.query,
    filter: what.filter,
    limit: window.size,
    offset: window.offset === 0 ? undefined : window.offset,
    score_threshold: Number.isFinite(what.minScore) ? what.minScore - THRESHOLD_MARGIN : undefined,
    params: searchParams(part, search),
    with_payload: window.withPayload ? READ_FIELDS : false,
  };
  const { points } = await part.call('querying', (client) => client.query(part.collection, request));
  return points.map(({ id, score, payload }) => ({
    id: String(id),
    // Rounding can push a float32 cosine slightly out of range.
    score: Math.max(-1, Math.min(1, score)),
    payload: payload ?? null,
  }));
}

function searchParams(part: QdrantPart, { exactBelow = EXACT_BELOW, ef = EF }: QdrantSearch): Schemas['SearchParams'] {
  if (part.size() < exactBelow) return { exact: true };
  const quantization = part.quantized ? { rescore: true, oversampling: OVERSAMPLING } : undefined;
  return { hnsw_ef: ef, quantization };
}

async function withPayloads(part: QdrantPart, ranked: readonly Ranked[]): Promise<Hit[]> {
  const without = ranked.filter(({ payload }) => payload === null).map(({ id }) => id);
  const fetched = new Map((await part.retrieve(without)).map(({ id, payload }) => [id, payload]));
  return ranked.flatMap(({ id, score, payload }) => {
    const stored = payload ?? fetched.get(id);
    // Deleted since it was ranked.
    if (stored === undefined || (stored.kind !== 'image' && stored.kind !== 'caption')) return [];
    return [{ id, score, payload: readPayload(stored) }];
  });
}

/** The components with nine digits: enough to restore the same float32, and half as long. */
export function jsonVector(vector: Float32Array): number[] {
  return Array.from(vector, (x) => Number(x.toPrecision(9)));
}

export function float32Vector(vector: unknown): JointEmbedding {
  return Float32Array.from(vector as number[]) as JointEmbedding;
}

function positionOf(of: string, cursor: string): After {
  const [score, id, better] = decodeCursor(of, cursor, ['number', 'string', 'number']);
  return { score: score as number, id: id as string, better: better as number };
}
