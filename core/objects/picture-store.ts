import { type LeftOutReason, leftOutByKey } from '../files/left-out.ts';
import { everyItem } from '../pages.ts';
import type { ListedObject, ObjectStore } from '../ports.ts';

/** What a scan found: every file is in exactly one of these, but for those of folders that cannot be read. */
export type Scanned =
  | { readonly type: 'object'; readonly object: ListedObject }
  | {
      readonly type: 'left-out';
      readonly reason: LeftOutReason;
      readonly files: number;
      /** The object itself; only of sidecars. */
      readonly object?: ListedObject;
    }
  | {
      readonly type: 'failed';
      /** For people; of a folder it ends with '/'. */
      readonly path: string;
      readonly reason: ScanFailure;
      readonly message: string;
      /** Beginning of the keys about which nothing could be found out: what is known of them may still hold. */
      readonly unknownBelow?: string;
    };

/** Why something in a folder can be no object although it may be a picture. */
export type ScanFailure = 'invalid-name' | 'symbolic-link' | 'unreadable-folder';

/** An object store with what is worth indexing told apart from what lies beside pictures. */
export interface PictureStore extends ObjectStore {
  /**
   * Everything whose key begins with `prefix`: objects in the order of their keys, and what is none, with the reason.
   */
  scan(prefix?: string): AsyncIterable<Scanned>;
  /** Why `scan` leaves the object out, or null. */
  leftOut(key: string): Promise<LeftOutReason | null>;
}

const PAGE = 1000;

/** A bucket, of which the same is left out by the names along its keys as of a folder. */
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
