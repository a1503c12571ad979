import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { FolderStore } from '../core/objects/folder/store.ts';
import type { VectorStore } from '../core/ports.ts';
import type { Folder } from './folder-registry.ts';

/** How much of a folder that is gone was found in another one. */
export interface Match {
  readonly folder: Folder;
  /** Pictures of the index whose key and size are in the other folder, too. */
  readonly found: number;
  readonly of: number;
  /** At least nine of ten were found, and a hundred of them have the same bytes. */
  readonly isSure: boolean;
}

const PAGE = 1000;
const SURE = 0.9;
const HASHED = 100;

/** Whether nothing is left at a path: no folder, or the empty mount point of a drive. */
export async function isGone(path: string): Promise<boolean> {
  return (await readdir(path).catch(() => [])).length === 0;
}

/**
 * The folder of the index that this one was before it was moved: one that is gone, and that has pictures in common with
 * it. Null when there is none.
 */
export async function findMoved(
  store: FolderStore,
  gone: readonly Folder[],
  vectors: Pick<VectorStore, 'list'>,
): Promise<Match | null> {
  if (gone.length === 0) return null;
  const sizes = new Map<string, number>();
  for await (const item of store.scan()) if (item.type === 'object') sizes.set(item.object.key, item.object.bytes);
  let best: Match | null = null;
  for (const folder of gone) {
    const match = await compareWith(store, sizes, folder, vectors);
    if (match.found > (best?.found ?? 0)) best = match;
  }
  return best;
}

async function compareWith(
  store: FolderStore,
  sizes: ReadonlyMap<string, number>,
  folder: Folder,
  vectors: Pick<VectorStore, 'list'>,
): Promise<Match> {
  const filter = { kind: 'image', bucket: folder.bucket } as const;
  const common: { key: string; sha256: string }[] = [];
  let of = 0;
  let cursor: string | undefined;
  do {
    const page = await vectors.list({ filter, limit: PAGE, cursor, order: 'id' });
    for (const { payload } of page.items) {
      if (payload.kind !== 'image') continue;
      of++;
      if (sizes.get(payload.key) === payload.bytes) common.push(payload);
    }
    cursor = page.next;
  } while (cursor !== undefined);
  const isSure = of > 0 && common.length >= SURE * of && (await haveSameBytes(store, common));
  return { folder, found: common.length, of, isSure };
}

/** Reads some of the pictures, evenly spread; ids, by which they are listed, have nothing to do with their folders. */
async function haveSameBytes(
  store: FolderStore,
  pictures: readonly { key: string; sha256: string }[],
): Promise<boolean> {
  const step = Math.max(1, pictures.length / HASHED);
  for (let i = 0; i < pictures.length; i += step) {
    const { key, sha256 } = pictures[Math.floor(i)]!;
    const object = await store.get(key);
    if (object === null) return false;
    const hash = createHash('sha256');
    for await (const chunk of object.body) hash.update(chunk);
    if (hash.digest('hex') !== sha256) return false;
  }
  return true;
}
