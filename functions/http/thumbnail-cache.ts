import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import type { AppDeps } from './deps.ts';
import { HttpProblem } from './problem.ts';

export interface Thumbnail {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

export interface Thumbnails {
  /**
   * A small version of a picture. `version` identifies picture and bytes, and begins with the id; `read` is called only
   * when the thumbnail is not cached.
   * @throws {incomplete} when all who asked have gone before its turn comes
   */
  make(version: string, maxEdge: number, read: () => Promise<Uint8Array>, signal: AbortSignal): Promise<Thumbnail>;
  /** Drops cached versions that begin with this, or all. */
  forget(version?: string): void;
}

/** Bytes of thumbnails kept in memory. */
const KEPT_BYTES = 32 * 1024 ** 2;
/** Thumbnails made at the same time; each holds one decoded picture. */
const TOGETHER = 2;

/**
 * Makes thumbnails and caches recent ones. A page of results requests many at once: they queue here, so that few
 * pictures are decoded at the same time. Somebody who scrolls on leaves hundreds behind, which are not made.
 */
export function createThumbnails(deps: Pick<AppDeps, 'thumbnail'>): Thumbnails {
  const queue = new PQueue({ concurrency: TOGETHER });
  const underWay = new Map<string, { readonly making: Promise<Thumbnail>; readonly askers: AbortSignal[] }>();
  const kept = new LRUCache<string, Thumbnail>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ bytes }) => bytes.byteLength + 256,
  });

  return {
    async make(version, maxEdge, read, signal) {
      const key = `${version}/${maxEdge}`;
      const known = kept.get(key);
      if (known !== undefined) return known;
      const shared = underWay.get(key);
      if (shared !== undefined) {
        shared.askers.push(signal);
        return shared.making;
      }
      const askers = [signal];
      const making = queue
        .add(async () => {
          if (askers.every(({ aborted }) => aborted)) {
            // Whoever asks from now on asks anew.
            underWay.delete(key);
            throw new HttpProblem('incomplete', 'the client disconnected before its turn came');
          }
          const { bytes, contentType } = await deps.thumbnail(await read(), maxEdge);
          const thumbnail = { bytes: new Uint8Array(bytes), contentType };
          kept.set(key, thumbnail);
          return thumbnail;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, { making, askers });
      return making;
    },
    forget(version = '') {
      for (const key of kept.keys()) if (key.startsWith(version)) kept.delete(key);
    },
  };
}
