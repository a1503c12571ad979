import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from './file-errors.ts';

/** Between two looks at a lock that another process holds. */
const POLL_MS = 200;

/**
 * Runs `work` while no other process runs its own under the same file, waiting for it first. The lock is the operating
 * system's, by way of SQLite: it ends with the process, however that ends, and nothing stale is ever left.
 * @param onWait called once when another process has it
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
