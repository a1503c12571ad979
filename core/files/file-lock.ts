import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from './file-errors.ts';

/** Interval between attempts to get a lock. */
const POLL_MS = 200;

/**
 * Runs `work` with an exclusive lock on a file, waiting for other processes first. The lock is the operating system's,
 * through SQLite: it ends with the process, so it can never be stale.
 * @param onWait called once when another process has the lock
 */
export async function withFileLock<T>(
  file: string,
  work: () => Promise<T>,
  options: { onWait?: () => void; signal?: AbortSignal } = {},
): Promise<T> {
  let db: DatabaseSync;
  try {
    await mkdir(dirname(file), { recursive: true });
    db = new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw unavailable(error, 'lock', file);
  }
  try {
    for (let waited = false; !tryLock(db); waited = true) {
      if (!waited) options.onWait?.();
      await sleep(POLL_MS, undefined, { signal: options.signal });
    }
    return await work();
  } finally {
    db.close();
  }
}

function tryLock(db: DatabaseSync): boolean {
  try {
    db.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    // SQLITE_BUSY (5) and its extended codes.
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === 5) return false;
    throw error;
  }
}
