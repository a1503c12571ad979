import type { QdrantClient, Schemas } from '@qdrant/js-client-rest';
import type { QdrantSession } from './client.ts';
import { type CollectionLayout, indexField, readLayout } from './collection.ts';
import { READ_FIELDS, type StoredPayload } from './payload.ts';
import { type PrefixSearch, WORD_FIELDS, WORD_INDEXES } from './payload-indexes.ts';

/** Ids per request. */
const MAX_IDS = 1000;

export interface FetchedPoint {
  readonly id: string;
  readonly payload: StoredPayload;
  readonly vector: unknown;
}

export interface ReadWhat {
  readonly fields?: string[];
  readonly vectors?: boolean;
  /** Alias to read the collection through. */
  readonly by?: string;
}

/** One collection of a server: what the reading and writing parts of the store share. */
export interface QdrantPart {
  readonly collection: string;
  readonly dimension: number;
  readonly prefixes: PrefixSearch;
  /** Whether quantised vectors are searched first. */
  readonly quantized: boolean;
  /** Number of points and tombstones, at most a minute old. */
  size(): number;
  /** Whether all points have words, and the words an index. */
  hasWords(): boolean;
  /** Indexes the words, once all points have them. */
  indexWords(): Promise<void>;
  /** Options for writes whose effect is read back. */
  readonly writing: { readonly wait: true; readonly ordering?: 'medium' };
  /** Options for reads that decisions depend on: not from a replica that misses the last write. */
  readonly reading: { readonly consistency?: 'majority' };
  call<T>(action: string, request: (client: QdrantClient) => Promise<T>): Promise<T>;
  /** Points by id, in no order; missing ones are left out. */
  retrieve(ids: readonly string[], what?: ReadWhat): Promise<FetchedPoint[]>;
  /** The same after a write, once that counts: see `switch-marker-point.ts`. */
  readBack(ids: readonly string[], fields: string[]): Promise<FetchedPoint[]>;
  scroll(request: Omit<Schemas['ScrollRequest'], 'with_payload'>): Promise<FetchedPoint[]>;
}

export function openPart(session: QdrantSession, collection: string, layout: CollectionLayout): QdrantPart {
  const { replicas, points: pointsNow, hasWords, ...rest } = layout;
  let searchesWords = hasWords;
  const reading = replicas > 1 ? ({ consistency: 'majority' } as const) : {};
  const call: QdrantPart['call'] = (action, request) => session.call(`${action} ${collection}`, request);
  const retrieve: QdrantPart['retrieve'] = async (ids, what = {}) => {
    const { fields = READ_FIELDS, vectors = false, by = collection } = what;
    const found: FetchedPoint[] = [];
    for (let start = 0; start < ids.length; start += MAX_IDS) {
      const some = ids.slice(start, start + MAX_IDS);
      const points = await call('reading points of', (client) =>
        client.retrieve(by, { ids: some, with_payload: fields, with_vector: vectors, ...reading }),
      );
      found.push(...points.map(fetchedPoint));
    }
    return found;
  };
  return {
    ...rest,
    collection,
    size: sizeOf(session, collection, pointsNow),
    hasWords: () => searchesWords,
    async indexWords() {
      await indexField(session, collection, WORD_FIELDS[1], WORD_INDEXES[layout.prefixes], layout.onDisk);
      searchesWords = true;
    },
    // Without ordering, replicas may apply two writes of a point in different orders and differ for good. With it one
    // replica decides the order, or another if that one is down. Qdrant, "Consistency guarantees".
    writing: replicas > 1 ? { wait: true, ordering: 'medium' } : { wait: true },
    reading,
    call,
    retrieve,
    readBack: (ids, fields) => retrieve(ids, { fields }),
    async scroll(request) {
      const { points } = await call('listing', (client) =>
        client.scroll(collection, { ...request, with_payload: READ_FIELDS }),
      );
      return points.map(fetchedPoint);
    },
  };
}

/** Milliseconds until the number of points is refreshed. */
const SIZE_AGE_MS = 60_000;

/** The last known number of points, refreshed in the background, which may fail. */
function sizeOf(session: QdrantSession, collection: string, points: number): () => number {
  let known = { points, at: performance.now() };
  return () => {
    if (performance.now() - known.at > SIZE_AGE_MS) {
      known = { ...known, at: performance.now() };
      readLayout(session, collection).then(
        (layout) => {
          known = { ...known, points: layout.points };
        },
        () => {},
      );
    }
    return known.points;
  };
}

function fetchedPoint(point: Schemas['Record']): FetchedPoint {
  return { id: String(point.id), payload: point.payload ?? {}, vector: point.vector };
}
