import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { isSightlineError, SightlineError } from '../errors.ts';
import type { Failure, FailureLog } from '../ports.ts';

/** Raised whenever the table below changes; an older or newer file is refused instead of guessed at. */
const SCHEMA_VERSION = 1;
/** Marks the file as ours ("SLFL"), so that another program's database is never written into. */
const APPLICATION_ID = 0x534c464c;
/** How long a writer waits for another process. */
const BUSY_MS = 5_000;

/**
 * `place` grows with every record, so that "latest first" does not depend on the clock; it is below zero for those that
 * were dismissed.
 */
const TABLE = `
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
  ) STRICT, WITHOUT ROWID`;

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
  const guard = <T>(doing: string, task: () => T): T => {
    try {
      return task();
    } catch (error) {
      throw translate(error, doing, file);
    }
  };
  const db = guard('open', () => openDatabase(file));
  const [record, get, resolve, dismiss, list, listDismissed, count, countOf] = guard('open', () => [
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
      return failureOf(guard('write to', () => record.get(values))!);
    },
    async get(id) {
      const row = guard('read', () => get.get(id));
      return row === undefined ? null : failureOf(row);
    },
    async resolve(id) {
      return guard('write to', () => resolve.run(id)).changes > 0;
    },
    async dismiss(id) {
      return guard('write to', () => dismiss.run(id)).changes > 0;
    },
    async list({ limit, cursor, dismissed = false }) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        throw new SightlineError('invalid-input', `expected a limit of 1 to 1000, got ${limit}`);
      }
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(cursor, dismissed);
      const page = dismissed ? listDismissed : list;
      // One more than asked for, to know whether there is a next page.
      const rows = guard('read', () => page.all(before, limit + 1));
      const items = rows.slice(0, limit).map(failureOf);
      return rows.length <= limit ? { items } : { items, next: writeCursor(Number(rows[limit - 1]!.place)) };
    },
    async count(reason) {
      return Number(guard('read', () => (reason === undefined ? count.get() : countOf.get(reason)))!.n);
    },
    async close() {
      if (db.isOpen) db.close();
    },
  };
}

function openDatabase(file: string): DatabaseSync {
  const isNew = !existsSync(file);
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    // Full: a failure is written rarely and must still be known after a power cut.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec('BEGIN IMMEDIATE');
    const [application, version] = [pragma(db, 'application_id'), pragma(db, 'user_version')];
    const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!.n);
    if (application === 0 && version === 0 && tables === 0) {
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; ${TABLE}`);
    } else if (application !== APPLICATION_ID || version !== SCHEMA_VERSION) {
      throw mismatch(file, application === APPLICATION_ID ? `version ${version}` : 'the database of another program');
    }
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db.close();
    if (sqliteCode(error) === SQLITE_NOTADB && !isNew) throw mismatch(file, 'something else', error);
    throw error;
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0]);
}

function mismatch(file: string, got: string, cause?: unknown): SightlineError {
  const message =
    `expected ${file} to be a failure log of version ${SCHEMA_VERSION}, got ${got}; run the release of Sightline ` +
    'that wrote it or a newer one, or move it away to start a new one';
  return new SightlineError('schema-mismatch', message, { cause });
}

/** SQLite's primary result codes (sqlite.org/rescode.html); the upper bits refine them. */
const SQLITE_NOTADB = 26;
const ADVICE: Readonly<Record<number, string>> = {
  5: 'another process keeps it locked: close that one',
  8: 'it may not be written: give the user of this program access to it',
  10: 'the disk reported an error: check the drive',
  11: 'it is damaged: move it away to start a new one',
  13: 'the disk is full: free some space',
  14: 'it cannot be opened: does its folder exist, and may this user write there?',
};

function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}

function translate(error: unknown, doing: string, file: string): unknown {
  const code = sqliteCode(error);
  if (code === null || isSightlineError(error)) return error;
  const advice = ADVICE[code] ?? (error as Error).message;
  const message = `cannot ${doing} the failure log ${file}: ${advice}`;
  return new SightlineError('unavailable', message, { cause: error, details: { database: file } });
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
