import { type LeftOutReason, leftOutByKey } from '../files/non-picture-files.ts';
import type { ListedObject, ObjectStore } from '../ports.ts';
import { everyItem } from '../util/paginate.ts';

/** Result of a scan: every file is in exactly one of these, except those in unreadable folders. */
export type Scanned =
  | { readonly type: 'object'; readonly object: ListedObject }
  | {
      readonly type: 'left-out';
      readonly reason: LeftOutReason;
      readonly files: number;
      /** The object itself; only for sidecars. */
      readonly object?: ListedObject;
    }
  | {
      readonly type: 'failed';
      /** For people; ends with '/' for a folder. */
      readonly path: string;
      readonly reason: ScanFailure;
      readonly message: string;
      /** Key prefix that could not be read: its pictures may still exist. */
      readonly unknownBelow?: string;
    };

/** Why a file cannot be an object although it may be a picture. */
export type ScanFailure = 'invalid-name' | 'symbolic-link' | 'unreadable-folder';

/** An object store that separates files worth indexing from others. */
export interface PictureStore extends ObjectStore {
  /**
   * Everything whose key begins with `prefix`: objects in order of keys, and other files with the reason.
   */
  scan(prefix?: string): AsyncIterable<Scanned>;
  /** Why `scan` leaves the object out, or null. */
  leftOut(key: string): Promise<LeftOutReason | null>;
}

const PAGE = 1000;

/** A bucket that leaves out the same names as a folder. */
export function pictureStoreOf(bucket: ObjectStore): PictureStore {
  return {
    ...bucket,
    leftOut: async (key) => leftOutByKey(key),
    async *scan(prefix = '') {
      for await (const object of everyItem((cursor) => bucket.list({ prefix, limit: PAGE, cursor }))) {
        const reason = leftOutByKey(object.key);
        yield reason === null ? { type: 'object', object } : { type: 'left-out', reason, files: 1, object };
      }
    },
  };
}
