import type { Filter, StoredPicture, StoredPoint, Tombstone, VectorStore } from '../../core/ports.ts';
import type { Folders } from './folders.ts';

/**
 * The index without pictures of folders that are unavailable now: they are hidden, not lost. A filter by bucket may
 * name a folder. All methods are listed explicitly, so that a new one cannot expose hidden pictures.
 */
export function hideAbsent(vectors: VectorStore, folders: Pick<Folders, 'absent' | 'bucketOf'>): VectorStore {
  const narrow = (filter: Filter): Filter => {
    const named = filter.bucket === undefined ? filter : { ...filter, bucket: folders.bucketOf(filter.bucket) };
    const except = [...(filter.exceptBuckets ?? []).map((name) => folders.bucketOf(name)), ...folders.absent()];
    return except.length === 0 ? named : { ...named, exceptBuckets: except };
  };
  const visible = (points: ReadonlyMap<string, StoredPoint | Tombstone>) => {
    const hidden = new Set(folders.absent());
    const isShown = (point: StoredPoint | Tombstone) =>
      point.deleted || point.payload.kind !== 'image' || !hidden.has(point.payload.bucket);
    return new Map([...points].filter(([, point]) => isShown(point)));
  };
  const get: VectorStore['get'] = async (ids) => visible(await vectors.get(ids));
  const copies: VectorStore['copies'] = async (sha256s, limit) => {
    const hidden = new Set(folders.absent());
    const seen = ([sha256, pictures]: readonly [string, StoredPicture[]]) =>
      [sha256, pictures.filter(({ payload }) => !hidden.has(payload.bucket))] as const;
    const found = await vectors.copies(sha256s, limit);
    return new Map([...found].map(seen).filter(([, pictures]) => pictures.length > 0));
  };
  return {
    space: vectors.space,
    dimension: vectors.dimension,
    upsert: (points, when, options) => vectors.upsert(points, when, options),
    remove: (tombstones, when) => vectors.remove(tombstones, when),
    get,
    async vectors(ids) {
      if (folders.absent().length === 0) return vectors.vectors(ids);
      return vectors.vectors([...(await get(ids)).keys()]);
    },
    async lookUp(ids, sha256s) {
      const found = await vectors.lookUp(ids, sha256s);
      if (folders.absent().length === 0) return found;
      const seen = await copies(sha256s, MOST_COPIES);
      const shown = [...found.copies].filter(([sha256]) => seen.has(sha256));
      return { points: visible(found.points), copies: new Map(shown) };
    },
    copies,
    setTags: async (id, tags) => (await get([id])).has(id) && vectors.setTags(id, tags),
    query: (query) => vectors.query({ ...query, filter: narrow(query.filter) }),
    list: (query) => vectors.list({ ...query, filter: narrow(query.filter) }),
    count: (filter) => vectors.count(narrow(filter)),
    facet: (field, filter, limit) => vectors.facet(field, narrow(filter), limit),
    purgeTombstones: (olderThan) => vectors.purgeTombstones(olderThan),
    close: () => vectors.close(),
  };
}

/** Maximum copies of a picture that are checked for a visible one. */
const MOST_COPIES = 1000;
