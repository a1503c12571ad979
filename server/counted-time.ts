import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** A jump of the clock, or a pause of this program, counts as this share at most of the time that something is kept. */
const MOST = 1 / 24;

interface Look {
  /** What the clock of the machine said, milliseconds since 1970. */
  readonly clock: number;
  /** The time as it is counted. */
  readonly counted: number;
}

/**
 * A clock by which is told what was kept long enough, so that one that is wrong deletes nothing too soon: it goes as
 * the machine's does, but from one look at it to the next by no more than a 24th of `keepMs`, in either direction.
 * Differences between what it says have a meaning, its dates have none. Only to be asked while something is kept, as
 * each look may write to the disk.
 *
 * @param file keeps the last look over restarts; one that cannot be read or written only counts less
 */
export function openCountedTime(file: string, keepMs: number, clock: () => number = Date.now): () => number {
  const most = keepMs * MOST;
  const before = readLook(file);
  let last = before ?? { clock: clock(), counted: clock() };
  let written = before?.clock ?? Number.NEGATIVE_INFINITY;
  return () => {
    const at = clock();
    last = { clock: at, counted: last.counted + Math.max(-most, Math.min(most, at - last.clock)) };
    if (Math.abs(at - written) >= most / 2) {
      written = at;
      writeLook(file, last);
    }
    return last.counted;
  };
}

function readLook(file: string): Look | null {
  try {
    const { clock, counted } = JSON.parse(readFileSync(file, 'utf8')) as Look;
    return Number.isFinite(clock) && Number.isFinite(counted) ? { clock, counted } : null;
  } catch {
    return null;
  }
}

function writeLook(file: string, look: Look): void {
  try {
    writeFileSync(`${file}.part`, JSON.stringify(look));
    renameSync(`${file}.part`, file);
  } catch {
    // A full disk, say: the next look tries again.
  }
}
