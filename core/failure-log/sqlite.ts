import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { type DatabaseFormat, endOfPrefix, openDatabase, retryWhileLocked, translated } from '../files/sqlite-file.ts';
import type { Failure, FailureLog } from '../ports.ts';
import type { Page } from '../types.ts';

/** How long a writer waits for another process. */
const BUSY_MS = 5_000;

/**
 * `place` grows with every record, so that "latest first" does not depend on the clock; it is negative for dismissed
 * failures.
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

/** In the order of keys, so that a page is a piece of the index whatever else is in the log. */
const LIST_WITHIN = `
  SELECT * FROM failures INDEXED BY failures_by_key
  WHERE bucket = :bucket AND (key, id) > (:key, :id) AND key < :end AND (place < 0) = :dismissed
  ORDER BY key, id LIMIT :limit`;

/** SQLite sorts every blob above every text. */
const ABOVE_ALL = new Uint8Array();

export interface FailureLogOptions {
  /** Path of the SQLite file, created if missing. */
  readonly file: string;
  readonly now?: () => Date;
}

/**
 * The failure log in its own SQLite file. Records survive a crash of the process and of the machine.
 * Several processes may use one file.
 * @throws {schema-mismatch} for a file of another version or program
 * @throws {unavailable} when it cannot be opened, or on a full or failing disk, as its methods do
 */
export async function openFailureLog({ file, now = () => new Date() }: FailureLogOptions): Promise<FailureLog> {
  const db = await retryWhileLocked(async () => openDatabase(file, FAILURES));
  // Also in files from before there was one.
  await retryWhileLocked(async () =>
    translated(file, () => db.exec('CREATE INDEX IF NOT EXISTS failures_by_key ON failures (bucket, key)')),
  );
  // Failures are written rarely and must survive a power cut.
  db.exec(`PRAGMA synchronous = FULL; PRAGMA busy_timeout = ${BUSY_MS}`);
  const guard = <T>(task: () => T): T => translated(file, task);
  const statements = guard(() => prepare(db));

  return {
    async record(failure, { dismissed = false } = {}) {
      const { retryable, ...rest } = failure;
      const flags = { retryable: retryable ? 1 : 0, dismissed: dismissed ? 1 : 0 };
      const values = { ...rest, ...flags, now: now().toISOString() };
      return failureOf(guard(() => statements.record.get(values))!);
    },
    async get(id) {
      const row = guard(() => statements.get.get(id));
      return row === undefined ? null : failureOf(row);
    },
    async resolve(id) {
      return guard(() => statements.resolve.run(id)).changes > 0;
    },
    async dismiss(id) {
      return guard(() => statements.dismiss.run(id)).changes > 0;
    },
    async list({ limit, cursor, dismissed = false, within }) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        throw new SightlineError('invalid-input', `expected a limit of 1 to 1000, got ${limit}`);
      }
      if (within !== undefined) {
        const { bucket, keyPrefix = '' } = within;
        const [key, id] = cursor === undefined ? [keyPrefix, ''] : readKeyCursor(cursor);
        const values = {
          bucket,
          key,
          id,
          end: endOfPrefix(keyPrefix) ?? ABOVE_ALL,
          dismissed: dismissed ? 1 : 0,
          limit: limit + 1,
        };
        const rows = guard(() => statements.listWithin.all(values));
        return pageOf(rows, limit, writeKeyCursor);
      }
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(cursor, dismissed);
      const page = dismissed ? statements.listDismissed : statements.list;
      const rows = guard(() => page.all(before, limit + 1));
      return pageOf(rows, limit, writeCursor);
    },
    async count(reason) {
      return Number(guard(() => (reason === undefined ? statements.count.get() : statements.countOf.get(reason)))!.n);
    },
    async close() {
      if (db.isOpen) db.close();
    },
  };
}

function prepare(db: DatabaseSync) {
  return {
    record: db.prepare(RECORD),
    get: db.prepare('SELECT * FROM failures WHERE id = ?'),
    resolve: db.prepare('DELETE FROM failures WHERE id = ?'),
    dismiss: db.prepare('UPDATE failures SET place = (SELECT min(min(place), 0) - 1 FROM failures) WHERE id = ?'),
    list: db.prepare('SELECT * FROM failures WHERE place > 0 AND place < ? ORDER BY place DESC LIMIT ?'),
    listDismissed: db.prepare('SELECT * FROM failures WHERE place < 0 AND place < ? ORDER BY place DESC LIMIT ?'),
    listWithin: db.prepare(LIST_WITHIN),
    count: db.prepare('SELECT count(*) AS n FROM failures WHERE place > 0'),
    countOf: db.prepare('SELECT count(*) AS n FROM failures WHERE reason = ?'),
  };
}

type Row = Record<string, SQLOutputValue>;

/** Takes one row more than requested, which tells whether there is a next page. */
function pageOf(rows: readonly Row[], limit: number, cursorOf: (last: Row) => string): Page<Failure> {
  const items = rows.slice(0, limit).map(failureOf);
  return rows.length <= limit ? { items } : { items, next: cursorOf(rows[limit - 1]!) };
}

function writeKeyCursor({ key, id }: Row): string {
  return `k${JSON.stringify([key, id])}`;
}

function readKeyCursor(cursor: string): [key: string, id: string] {
  try {
    if (cursor.startsWith('k')) return KEY_CURSOR.parse(JSON.parse(cursor.slice(1)));
  } catch {
    // Not JSON, or something else.
  }
  throw invalidCursor();
}

const KEY_CURSOR = z.tuple([z.string(), z.string()]);

function writeCursor({ place }: Row): string {
  return `${Number(place) < 0 ? 'd' : 'f'}${Math.abs(Number(place))}`;
}

function readCursor(cursor: string, dismissed: boolean): number {
  const place = (dismissed ? /^d([1-9][0-9]{0,15})$/ : /^f([1-9][0-9]{0,15})$/).exec(cursor)?.[1];
  if (place === undefined || !Number.isSafeInteger(Number(place))) {
    throw invalidCursor();
  }
  return dismissed ? -Number(place) : Number(place);
}

function invalidCursor(): SightlineError {
  return new SightlineError('invalid-cursor', 'expected a cursor from the previous page of the failures');
}

function failureOf(row: Row): Failure {
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
