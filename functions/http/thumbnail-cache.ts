import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import type { AppDeps } from './deps.ts';

export interface Thumbnail {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

/**
 * Makes thumbnails once and keeps the recent ones. `key` names the version of the picture and the size; `read` is called
 * only when it is not kept. A page of results asks for many at once: they wait here, so that few pictures are decoded
 * at the same time.
 */
export function createThumbnails(
  deps: Pick<AppDeps, 'thumbnail' | 'options'>,
): (key: string, maxEdge: number, read: () => Promise<Uint8Array>) => Promise<Thumbnail> {
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

  return async (key, maxEdge, read) => {
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
  };
}
