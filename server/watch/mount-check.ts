import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../core/files/file-errors.ts';

/**
 * The clock by which file systems date changes stands still between ticks, so that what comes later may be dated
 * earlier: by at most 10 ms with the slowest tick of Linux (CONFIG_HZ=100), twice that here. Milliseconds.
 */
const CLOCK_TICK_MS = 20;

/**
 * Tells a folder whose pictures were deleted from the mount point of a drive that is not mounted: the first was there
 * when its pictures were indexed and has changed since, the second is older and has not, or was made later.
 *
 * @param indexedAtMs when the newest picture of the folder was indexed
 */
export async function isUnmountedRoot(root: string, indexedAtMs: number): Promise<boolean> {
  const { birthtimeMs, ctimeMs } = await stat(root);
  // Where the file system does not know when a folder was made, Node answers with ctime: then nothing is removed
  // either.
  return birthtimeMs + CLOCK_TICK_MS > indexedAtMs || ctimeMs + CLOCK_TICK_MS < indexedAtMs;
}

/**
 * The same for a missing file and drives that are mounted below the root: what was deleted left a trace in the time of
 * the folder it was deleted from. An empty folder that has not changed since its picture was indexed is a mount point.
 */
export function createMountCheck(root: string): (key: string, indexedAtMs: number) => Promise<boolean> {
  const known = new Map<string, Promise<number | null>>();

  /** When the nearest folder on the way to the file that is there last changed; null when it is not empty. */
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
