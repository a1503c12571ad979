import type { Filter, StoredPicture, VectorStore } from '../../core/ports.ts';
import type { Folders } from './folders.ts';

/**
 * The index without the pictures of folders that are not there now: they are not found, and neither are they lost. A
 * filter by bucket may name a folder.
 */
export function hideAbsent(vectors: VectorStore, folders: Pick<Folders, 'absent' | 'bucketOf'>): VectorStore {
  const narrow = (filter: Filter): Filter => {
    const named = filter.bucket === undefined ? filter : { ...filter, bucket: folders.bucketOf(filter.bucket) };
    const except = [...(filter.exceptBuckets ?? []).map((name) => folders.bucketOf(name)), ...folders.absent()];
    return except.length === 0 ? named : { ...named, exceptBuckets: except };
  };
  return {
    ...vectors,
    query: (query) => vectors.query({ ...query, filter: narrow(query.filter) }),
    list: (query) => vectors.list({ ...query, filter: narrow(query.filter) }),
    count: (filter) => vectors.count(narrow(filter)),
    facet: (field, filter, limit) => vectors.facet(field, narrow(filter), limit),
    async copies(sha256s, limit) {
      const hidden = new Set(folders.absent());
      const found = await vectors.copies(sha256s, limit);
      const seen = ([sha256, pictures]: readonly [string, StoredPicture[]]) =>
        [sha256, pictures.filter(({ payload }) => !hidden.has(payload.bucket))] as const;
      return new Map([...found].map(seen).filter(([, pictures]) => pictures.length > 0));
    },
    async get(ids) {
      const hidden = new Set(folders.absent());
      const found = await vectors.get(ids);
      for (const [id, point] of found) {
        if (!point.deleted && point.payload.kind === 'image' && hidden.has(point.payload.bucket)) found.delete(id);
      }
      return found;
    },
  };
}
