import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import type { AppDeps } from './deps.ts';

export interface Thumbnail {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

export interface Thumbnails {
  /**
   * A small version of a picture. `version` identifies picture and bytes, and begins with the id; `read` is called only
   * when the thumbnail is not cached.
   */
  make(version: string, maxEdge: number, read: () => Promise<Uint8Array>): Promise<Thumbnail>;
  /** Drops cached versions that begin with this, or all. */
  forget(version?: string): void;
}

/** Bytes of thumbnails kept in memory. */
const KEPT_BYTES = 32 * 1024 ** 2;
/** Thumbnails made at the same time; each holds one decoded picture. */
const TOGETHER = 2;

/**
 * Makes thumbnails and caches recent ones. A page of results requests many at once: they queue here, so that few
 * pictures are decoded at the same time.
 */
export function createThumbnails(deps: Pick<AppDeps, 'thumbnail'>): Thumbnails {
  const queue = new PQueue({ concurrency: TOGETHER });
  const underWay = new Map<string, Promise<Thumbnail>>();
  const kept = new LRUCache<string, Thumbnail>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ bytes }) => bytes.byteLength + 256,
  });

  return {
    async make(version, maxEdge, read) {
      const key = `${version}/${maxEdge}`;
      const known = kept.get(key) ?? underWay.get(key);
      if (known !== undefined) return known;
      const making = queue
        .add(async () => {
          const { bytes, contentType } = await deps.thumbnail(await read(), maxEdge);
          const thumbnail = { bytes: new Uint8Array(bytes), contentType };
          kept.set(key, thumbnail);
          return thumbnail;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, making);
      return making;
    },
    forget(version = '') {
      for (const key of kept.keys()) if (key.startsWith(version)) kept.delete(key);
    },
  };
}
