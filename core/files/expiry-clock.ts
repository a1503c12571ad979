import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Largest share of `keepMs` that a jump of the clock, or a pause of this program, can count for. */
const MOST = 1 / 24;

interface Look {
  /** The machine's clock, milliseconds since 1970. */
  readonly clock: number;
  /** The counted time. */
  readonly counted: number;
}

/**
 * A clock for expiry, so that a wrong machine clock deletes nothing too soon: it follows the machine's clock, but moves
 * by at most a 24th of `keepMs` between two readings, in either direction. Only differences between readings mean
 * something, not the dates. Read it only while something is kept, because each reading may write to the disk.
 *
 * @param file keeps the last reading across restarts; if it cannot be read or written, less time is counted
 */
export function openExpiryClock(file: string, keepMs: number, clock: () => number = Date.now): () => number {
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
    // For example a full disk: the next reading tries again.
  }
}
