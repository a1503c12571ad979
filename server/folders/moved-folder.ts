import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path/posix';
import type { FolderStore } from '../../core/objects/folder/store.ts';
import type { VectorStore } from '../../core/ports.ts';
import type { ImagePayload } from '../../core/types.ts';
import { everyItem } from '../../core/util/paginate.ts';
import type { Folder } from './registry.ts';

/** How much of a missing folder was found in another one. */
export interface Match {
  readonly folder: Folder;
  /** Indexed pictures whose key and size are also in the other folder. */
  readonly found: number;
  readonly of: number;
  /** Whether at least nine of ten were found, and a hundred of them have the same bytes. */
  readonly isSure: boolean;
}

/** How keys change if the other folder begins at another level: the prefix `less` is replaced by `more`. */
interface Shift {
  readonly less: string;
  readonly more: string;
}

type Stored = Pick<ImagePayload, 'key' | 'bytes' | 'sha256'>;

const PAGE = 1000;
const SURE = 0.9;
const HASHED = 100;
/** Number of pictures that are looked for under any path. */
const SOUGHT = 200;
const AS_IT_WAS: Shift = { less: '', more: '' };

/** Whether nothing is left at a path: no folder, or the empty mount point of a drive. */
export async function isGone(path: string): Promise<boolean> {
  return (await readdir(path).catch(() => [])).length === 0;
}

/**
 * The indexed folder that this one was before it was moved: it is missing, and has pictures in common with this one,
 * under the same keys or, if the path is now given at another level, under keys with another prefix. Null when there is
 * none.
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
    const pictures = await picturesOf(folder, vectors);
    for (const shift of [AS_IT_WAS, likeliestShift(pictures, sizes)]) {
      const match = shift && (await compareWith(store, sizes, folder, pictures, shift));
      if (match && match.found > (best?.found ?? 0)) best = match;
    }
  }
  return best;
}

/**
 * How many of a folder's pictures are in another one, told by name and size, whatever folders they lie in there: who
 * moved pictures may have sorted them, too.
 */
export async function countThere(
  store: FolderStore,
  folder: Folder,
  vectors: Pick<VectorStore, 'list'>,
): Promise<Pick<Match, 'found' | 'of'>> {
  const nameAndSize = ({ key, bytes }: Pick<Stored, 'key' | 'bytes'>) => `${bytes} ${basename(key)}`;
  const files = new Set<string>();
  for await (const item of store.scan()) if (item.type === 'object') files.add(nameAndSize(item.object));
  const pictures = await picturesOf(folder, vectors);
  return { found: pictures.filter((picture) => files.has(nameAndSize(picture))).length, of: pictures.length };
}

async function picturesOf({ bucket }: Folder, vectors: Pick<VectorStore, 'list'>): Promise<Stored[]> {
  const filter = { kind: 'image', bucket } as const;
  const points = everyItem((cursor) => vectors.list({ filter, limit: PAGE, cursor, order: 'id' }));
  const pictures = await Array.fromAsync(points, ({ payload }) => payload);
  return pictures.filter((payload) => payload.kind === 'image');
}

/**
 * The change of prefix that fits most pictures, whose names are otherwise unchanged. Null when there is none, or when
 * the new key of one picture is the old key of another: they could not be told apart.
 */
function likeliestShift(pictures: readonly Stored[], sizes: ReadonlyMap<string, number>): Shift | null {
  const sought = Map.groupBy(pictures.slice(0, SOUGHT), ({ key }) => basename(key));
  const votes = new Map<string, { readonly shift: Shift; count: number }>();
  for (const [key, bytes] of sizes) {
    for (const picture of sought.get(basename(key)) ?? []) {
      if (picture.bytes !== bytes || picture.key === key) continue;
      const shift = shiftBetween(picture.key, key);
      const vote = votes.get(JSON.stringify(shift)) ?? { shift, count: 0 };
      vote.count++;
      votes.set(JSON.stringify(shift), vote);
    }
  }
  const [likeliest] = [...votes.values()].sort((a, b) => b.count - a.count);
  if (likeliest === undefined) return null;
  const before = new Set(pictures.map(({ key }) => key));
  return pictures.some(({ key }) => before.has(shifted(key, likeliest.shift) ?? '')) ? null : likeliest.shift;
}

/** The smallest shift that turns `before` into `after`. */
function shiftBetween(before: string, after: string): Shift {
  const [old, now] = [before.split('/'), after.split('/')];
  let same = 1;
  while (same < Math.min(old.length, now.length) && old.at(-same - 1) === now.at(-same - 1)) same++;
  const front = (names: string[]) => names.slice(0, -same).map((name) => `${name}/`);
  return { less: front(old).join(''), more: front(now).join('') };
}

/** The key after the shift; null when it has another prefix. */
function shifted(key: string, { less, more }: Shift): string | null {
  return key.startsWith(less) ? more + key.slice(less.length) : null;
}

async function compareWith(
  store: FolderStore,
  sizes: ReadonlyMap<string, number>,
  folder: Folder,
  pictures: readonly Stored[],
  shift: Shift,
): Promise<Match> {
  const common: { key: string; sha256: string }[] = [];
  for (const { key: before, bytes, sha256 } of pictures) {
    const key = shifted(before, shift);
    if (key !== null && sizes.get(key) === bytes) common.push({ key, sha256 });
  }
  const of = pictures.length;
  const isSure = of > 0 && common.length >= SURE * of && (await haveSameBytes(store, common));
  return { folder, found: common.length, of, isSure };
}

/** Compares a sample of the pictures: lists are in order of ids, which are random with respect to folders. */
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
