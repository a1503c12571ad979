import { opendir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { systemCode } from '../../core/files/file-errors.ts';
import type { VectorStore } from '../../core/ports.ts';

/**
 * The clock for file times advances only in ticks, so that a later change may get an earlier time: by at most 10 ms
 * with the slowest tick of Linux (CONFIG_HZ=100); twice that here. Milliseconds.
 */
const CLOCK_TICK_MS = 20;

/**
 * Distinguishes a folder whose pictures were deleted from the mount point of an unmounted drive: the first existed when
 * its pictures were indexed and has changed since; the second is older and has not changed, or was created later.
 *
 * @param indexedAtMs when the newest picture of the folder was indexed
 */
async function isUnmountedRoot(root: string, indexedAtMs: number): Promise<boolean> {
  const { birthtimeMs, ctimeMs } = await stat(root);
  // If the file system has no creation time, Node returns ctime: then nothing is removed either.
  return birthtimeMs + CLOCK_TICK_MS > indexedAtMs || ctimeMs + CLOCK_TICK_MS < indexedAtMs;
}

/**
 * For a folder of the index before its pictures are read.
 * @throws {unavailable} when it is empty because its drive is not mounted
 */
export async function expectMounted(...[root, ...rest]: Parameters<typeof refuseEmptyMountPoint>): Promise<void> {
  await using folder = await opendir(root);
  if ((await folder.read()) === null) await refuseEmptyMountPoint(root, ...rest);
}

/**
 * For a folder of the index without pictures.
 * @throws {unavailable} when it is empty because its drive is not mounted
 */
export async function refuseEmptyMountPoint(
  root: string,
  bucket: string,
  vectors: Pick<VectorStore, 'list' | 'count'>,
): Promise<void> {
  const filter = { kind: 'image', bucket } as const;
  const [newest] = (await vectors.list({ filter, limit: 1, order: 'newest' })).items;
  if (newest === undefined || !(await isUnmountedRoot(root, Date.parse(newest.payload.indexedAt)))) return;
  throw new SightlineError(
    'unavailable',
    `expected pictures in ${root}, found an empty folder although the index holds ${await vectors.count(filter)} of ` +
      'them; is its drive mounted? Nothing was removed. If the folder is meant to be empty, put one picture into it',
  );
}

/**
 * The same for a missing file and drives mounted below the root: a deletion changes the time of its folder. An empty
 * folder that has not changed since its picture was indexed is a mount point.
 */
export function createMountCheck(root: string): (key: string, indexedAtMs: number) => Promise<boolean> {
  const known = new Map<string, Promise<number | null>>();

  /** When the nearest existing folder above the file last changed; null when it is not empty. */
  function changedAt(folder: string): Promise<number | null> {
    const found = known.get(folder) ?? look(folder);
    known.set(folder, found);
    return found;
  }

  async function look(folder: string): Promise<number | null> {
    try {
      const path = join(root, folder);
      if ((await readdir(path)).length > 0) return null;
      return (await stat(path)).ctimeMs;
    } catch (error) {
      if (systemCode(error) === 'ENOENT' && folder !== '.') return changedAt(dirname(folder));
      return null;
    }
  }

  return async (key, indexedAtMs) => {
    const ctimeMs = await changedAt(dirname(key));
    return ctimeMs !== null && ctimeMs + CLOCK_TICK_MS < indexedAtMs;
  };
}
