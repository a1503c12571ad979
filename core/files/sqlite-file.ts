import { existsSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { SightlineError } from '../errors.ts';

export type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Identifies our database files. */
export interface DatabaseFormat {
  /** For messages, such as "vector index". */
  readonly what: string;
  /** `PRAGMA application_id`: tells our files from those of other programs. Never changes. */
  readonly applicationId: number;
  /** `PRAGMA user_version`: the version of `schema`. */
  readonly version: number;
  /** SQL that creates the tables of a new file. */
  readonly schema: string;
  /**
   * Migrates the tables of any older version, in a transaction, and reports its progress. Without it older files are
   * refused.
   */
  readonly migrate?: (db: DatabaseSync, tell: (done: number, of: number) => void) => void;
}

/** Progress of a migration. */
export interface Migration {
  readonly file: string;
  /** The file with the copy made before. */
  readonly copy: string;
  readonly done: number;
  readonly of: number;
}

/**
 * How long SQLite itself waits for a lock, milliseconds. Short, because that wait blocks the event loop; longer waits
 * happen between attempts, see {@link retryWhileLocked}.
 */
const BUSY_TIMEOUT_MS = 200;

/** Page cache, filled as needed. With SQLite's default of 2 MB, inserts with random ids run at less than half speed. */
const CACHE_KIB = 32_768;
/**
 * 16 MB of log between checkpoints, so that pages that change often are written to the database less often.
 */
const CHECKPOINT_PAGES = 4000;

/**
 * Opens or creates a database in WAL mode: readers never wait for the writer, and commits survive a crash of the
 * process (`synchronous = NORMAL`; a power cut may lose the last commits, but nothing else). A file of an older version
 * is migrated in place if the format can, after a copy was made beside it, named with `.version-N` at the end.
 * @param onMigration called with the progress; the event loop is blocked meanwhile
 * @throws {schema-mismatch} for a file that is not a database, belongs to another program or has another version; it is
 * left unchanged
 * @throws {unavailable} when the file cannot be opened
 */
export function openDatabase(
  file: string,
  format: DatabaseFormat,
  onMigration: (migration: Migration) => void = () => {},
): DatabaseSync {
  return translated(file, () => {
    const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    try {
      // Before anything is written: this fails on a file that is not a database.
      if (isEmpty(db)) create(db, format);
      if (isOlder(db, format)) migrate(db, file, format, onMigration);
      checkFormat(db, file, format);
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
        PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function isEmpty(db: DatabaseSync): boolean {
  return pragma(db, 'application_id') === 0 && db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n === 0;
}

function create(db: DatabaseSync, format: DatabaseFormat): void {
  db.exec('PRAGMA journal_mode = WAL');
  inTransaction(db, () => {
    // Another process may have been faster.
    if (!isEmpty(db)) return;
    db.exec(format.schema);
    db.exec(`PRAGMA application_id = ${format.applicationId}; PRAGMA user_version = ${format.version}`);
  });
}

function isOlder(db: DatabaseSync, format: DatabaseFormat): boolean {
  return (
    format.migrate !== undefined &&
    pragma(db, 'application_id') === format.applicationId &&
    pragma(db, 'user_version') < format.version
  );
}

function migrate(
  db: DatabaseSync,
  file: string,
  format: DatabaseFormat,
  onMigration: (migration: Migration) => void,
): void {
  const version = pragma(db, 'user_version');
  const copy = `${file}.version-${version}`;
  onMigration({ file, copy, done: 0, of: 1 });
  if (!existsSync(copy)) {
    // Rename at the end, so that a killed process never leaves half a copy.
    const unfinished = `${copy}.${process.pid}`;
    try {
      rmSync(unfinished, { force: true });
      db.prepare('VACUUM INTO ?').run(unfinished);
      renameSync(unfinished, copy);
    } finally {
      rmSync(unfinished, { force: true });
    }
  }
  inTransaction(db, () => {
    // Another process may have been faster.
    if (!isOlder(db, format)) return;
    format.migrate?.(db, (done, of) => onMigration({ file, copy, done: Math.min(done, of - 1), of }));
    db.exec(`PRAGMA user_version = ${format.version}`);
  });
  onMigration({ file, copy, done: 1, of: 1 });
}

function checkFormat(db: DatabaseSync, file: string, format: DatabaseFormat): void {
  if (pragma(db, 'application_id') !== format.applicationId) {
    throw new SightlineError(
      'schema-mismatch',
      `expected ${file} to be a Sightline ${format.what}, but it belongs to another program; name ` +
        'another file or move it away',
    );
  }
  const version = pragma(db, 'user_version');
  if (version !== format.version) {
    throw new SightlineError(
      'schema-mismatch',
      `expected the ${format.what} ${file} to have schema version ${format.version}, but it has version ${version}; ` +
        'run the release of Sightline that wrote it or a newer one, or move the file away and index again',
      { details: { expected: format.version, found: version } },
    );
  }
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** Runs `work` in a transaction: commits all its writes, or none when it throws. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    rollback(db);
    throw error;
  }
}

/** Rolls an open transaction back. SQLite has already done so after some faults. */
export function rollback(db: DatabaseSync): void {
  if (db.isTransaction) db.exec('ROLLBACK');
}

/** Primary result codes, https://sqlite.org/rescode.html; the rest of an extended code is above the low byte. */
const NAMES: Readonly<Record<number, string>> = {
  3: 'permission denied',
  5: 'another process holds the lock',
  6: 'another connection holds the lock',
  7: 'out of memory',
  8: 'it may not be written: give the user of this program access to it',
  10: 'the disk reported an error: check the drive',
  13: 'the disk is full: free some space and try again',
  14: 'it cannot be opened: does its folder exist, and may this user write there?',
};
const BUSY = 5;
const IO_FAILED = 10;
const FULL = 13;
/** With less free space than this, SQLite cannot open a database and write one page. Bytes. */
const NOTHING_FREE = 64 * 1024;
const DAMAGED: readonly number[] = [11, 26];

function resultCode(error: unknown): number | null {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : null;
  return typeof code === 'number' ? code & 0xff : null;
}

/** Whether this failed only because another process was writing. */
export function isBusy(error: unknown): boolean {
  const cause = error instanceof SightlineError ? error.cause : error;
  return resultCode(cause) === BUSY;
}

/** How long to wait for other processes to release the lock, milliseconds. */
const PATIENCE_MS = 10_000;

/** Tries again, without blocking, while another process holds the lock. */
export async function retryWhileLocked<T>(work: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw error;
      // Random, so that two processes do not keep colliding.
      await sleep(5 + Math.random() * 20);
    }
  }
}

/** Whether the database is unusable and a retry will not help, as on a full disk. */
export function isUnusable(error: unknown): boolean {
  return error instanceof SightlineError && error.details.database !== undefined && !isBusy(error);
}

/** Translates an error of node:sqlite into a fault; returns other errors unchanged. */
export function sqliteFault(file: string, error: unknown): unknown {
  const code = resultCode(error);
  if (code === null || !(error instanceof Error)) return error;
  if (DAMAGED.includes(code)) {
    return new SightlineError(
      'schema-mismatch',
      `expected ${file} to be an intact SQLite database, but SQLite says "${error.message}"; ` +
        'restore it from a copy, or move it away and index again',
      { cause: error },
    );
  }
  // When there is no room for its shared memory SQLite reports only an I/O error.
  const name = NAMES[code === IO_FAILED && isFull(file) ? FULL : code];
  if (name === undefined) return error;
  return new SightlineError('unavailable', `cannot use the database ${file}: ${name} (SQLite: ${error.message})`, {
    cause: error,
    details: { database: file },
  });
}

function isFull(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize < NOTHING_FREE;
  } catch {
    return false;
  }
}

/** Runs `work` with the errors of node:sqlite translated. */
export function translated<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFault(file, error);
  }
}

const LAST_CODE_POINT = 0x10ffff;

/**
 * The smallest text above every text with this prefix, null when there is none. UTF-8 bytes sort like code points, so
 * it is the prefix with its last code point raised by one, after dropping trailing ones without a successor.
 */
export function endOfPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return null;
  // UTF-8 has no surrogates: the successor of U+D7FF is U+E000.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
