import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import type { AppDeps } from './deps.ts';

export interface Thumbnail {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

export interface Thumbnails {
  /**
   * A small version of a picture. `version` names the picture and its bytes, its id first; `read` is called only when
   * it is not kept.
   */
  make(version: string, maxEdge: number, read: () => Promise<Uint8Array>): Promise<Thumbnail>;
  /** Drops what is kept of versions that begin with this, or all. */
  forget(version?: string): void;
}

/**
 * Makes thumbnails once and keeps the recent ones. A page of results asks for many at once: they wait here, so that few
 * pictures are decoded at the same time.
 */
export function createThumbnails(deps: Pick<AppDeps, 'thumbnail' | 'options'>): Thumbnails {
  const { thumbnailCacheBytes, thumbnailConcurrency } = deps.options;
  const queue = new PQueue({ concurrency: thumbnailConcurrency });
  const underWay = new Map<string, Promise<Thumbnail>>();
  const kept =
    thumbnailCacheBytes === 0
      ? null
      : new LRUCache<string, Thumbnail>({
          maxSize: thumbnailCacheBytes,
          sizeCalculation: ({ bytes }) => bytes.byteLength + 256,
        });

  return {
    async make(version, maxEdge, read) {
      const key = `${version}/${maxEdge}`;
      const known = kept?.get(key) ?? underWay.get(key);
      if (known !== undefined) return known;
      const making = queue
        .add(async () => {
          const { bytes, contentType } = await deps.thumbnail(await read(), maxEdge);
          const thumbnail = { bytes: new Uint8Array(bytes), contentType };
          kept?.set(key, thumbnail);
          return thumbnail;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, making);
      return making;
    },
    forget(version = '') {
      for (const key of kept?.keys() ?? []) if (key.startsWith(version)) kept?.delete(key);
    },
  };
}
