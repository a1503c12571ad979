import type { SQLOutputValue } from 'node:sqlite';
import { SightlineError } from '../errors.ts';
import type { Failure, FailureLog } from '../ports.ts';
import { type DatabaseFormat, openDatabase, retryWhileLocked, translated } from '../sqlite.ts';

/** How long a writer waits for another process. */
const BUSY_MS = 5_000;

/**
 * `place` grows with every record, so that "latest first" does not depend on the clock; it is below zero for those that
 * were dismissed.
 */
const FAILURES: DatabaseFormat = {
  what: 'failure log',
  applicationId: 0x53_4c_46_4c,
  version: 1,
  schema: `
    CREATE TABLE failures (
      id TEXT PRIMARY KEY,
      place INTEGER NOT NULL UNIQUE,
      bucket TEXT NOT NULL,
      key TEXT NOT NULL,
      etag TEXT NOT NULL,
      sequencer TEXT NOT NULL,
      reason TEXT NOT NULL,
      message TEXT NOT NULL,
      retryable INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      first_at TEXT NOT NULL,
      last_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};

const RECORD = `
  INSERT INTO failures
    (id, place, bucket, key, etag, sequencer, reason, message, retryable, attempts, first_at, last_at)
  VALUES
    (:id, CASE :dismissed WHEN 1 THEN (SELECT min(coalesce(min(place), 0), 0) - 1 FROM failures)
       ELSE (SELECT max(coalesce(max(place), 0), 0) + 1 FROM failures) END, :bucket, :key, :etag, :sequencer, :reason,
     :message, :retryable, 1, :now, :now)
  ON CONFLICT (id) DO UPDATE SET
    attempts = CASE WHEN etag = excluded.etag THEN attempts + 1 ELSE 1 END,
    first_at = CASE WHEN etag = excluded.etag THEN first_at ELSE excluded.first_at END,
    place = CASE WHEN place < 0 AND etag = excluded.etag THEN place ELSE excluded.place END,
    bucket = excluded.bucket, key = excluded.key, etag = excluded.etag,
    sequencer = excluded.sequencer, reason = excluded.reason, message = excluded.message,
    retryable = excluded.retryable, last_at = excluded.last_at
  RETURNING *`;

export interface FailureLogOptions {
  /** Path of the SQLite file; made when it is not there. */
  readonly file: string;
  readonly now?: () => Date;
}

/**
 * The failure log in a SQLite file of its own. What was recorded survives a crash of the process and of the machine.
 * Several processes may use one file.
 * @throws {schema-mismatch} for a file of another version or program
 * @throws {unavailable} when it cannot be opened, or on a full or failing disk, as its methods do
 */
export async function openFailureLog({ file, now = () => new Date() }: FailureLogOptions): Promise<FailureLog> {
  const db = await retryWhileLocked(async () => openDatabase(file, FAILURES));
  // A failure is written rarely and must still be known after a power cut.
  db.exec(`PRAGMA synchronous = FULL; PRAGMA busy_timeout = ${BUSY_MS}`);
  const guard = <T>(task: () => T): T => translated(file, task);
  const [record, get, resolve, dismiss, list, listDismissed, count, countOf] = guard(() => [
    db.prepare(RECORD),
    db.prepare('SELECT * FROM failures WHERE id = ?'),
    db.prepare('DELETE FROM failures WHERE id = ?'),
    db.prepare('UPDATE failures SET place = (SELECT min(min(place), 0) - 1 FROM failures) WHERE id = ?'),
    db.prepare('SELECT * FROM failures WHERE place > 0 AND place < ? ORDER BY place DESC LIMIT ?'),
    db.prepare('SELECT * FROM failures WHERE place < 0 AND place < ? ORDER BY place DESC LIMIT ?'),
    db.prepare('SELECT count(*) AS n FROM failures WHERE place > 0'),
    db.prepare('SELECT count(*) AS n FROM failures WHERE reason = ?'),
  ]);

  return {
    async record(failure, { dismissed = false } = {}) {
      const { retryable, ...rest } = failure;
      const flags = { retryable: retryable ? 1 : 0, dismissed: dismissed ? 1 : 0 };
      const values = { ...rest, ...flags, now: now().toISOString() };
      return failureOf(guard(() => record.get(values))!);
    },
    async get(id) {
      const row = guard(() => get.get(id));
      return row === undefined ? null : failureOf(row);
    },
    async resolve(id) {
      return guard(() => resolve.run(id)).changes > 0;
    },
    async dismiss(id) {
      return guard(() => dismiss.run(id)).changes > 0;
    },
    async list({ limit, cursor, dismissed = false }) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        throw new SightlineError('invalid-input', `expected a limit of 1 to 1000, got ${limit}`);
      }
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(cursor, dismissed);
      const page = dismissed ? listDismissed : list;
      // One more than asked for, to know whether there is a next page.
      const rows = guard(() => page.all(before, limit + 1));
      const items = rows.slice(0, limit).map(failureOf);
      return rows.length <= limit ? { items } : { items, next: writeCursor(Number(rows[limit - 1]!.place)) };
    },
    async count(reason) {
      return Number(guard(() => (reason === undefined ? count.get() : countOf.get(reason)))!.n);
    },
    async close() {
      if (db.isOpen) db.close();
    },
  };
}

function writeCursor(place: number): string {
  return `${place < 0 ? 'd' : 'f'}${Math.abs(place)}`;
}

function readCursor(cursor: string, dismissed: boolean): number {
  const place = (dismissed ? /^d([1-9][0-9]{0,15})$/ : /^f([1-9][0-9]{0,15})$/).exec(cursor)?.[1];
  if (place === undefined || !Number.isSafeInteger(Number(place))) {
    throw new SightlineError('invalid-cursor', 'expected a cursor from the previous page of the failures');
  }
  return dismissed ? -Number(place) : Number(place);
}

function failureOf(row: Record<string, SQLOutputValue>): Failure {
  return {
    id: String(row.id),
    bucket: String(row.bucket),
    key: String(row.key),
    etag: String(row.etag),
    sequencer: String(row.sequencer),
    reason: String(row.reason),
    message: String(row.message),
    retryable: row.retryable === 1,
    attempts: Number(row.attempts),
    firstAt: String(row.first_at),
    lastAt: String(row.last_at),
  };
}
