import type { DatabaseFormat, DatabaseSync } from '../../files/sqlite-file.ts';
import { COLUMN_TYPES, COLUMNS, fieldColumns, INSERT_WORDS, PAYLOAD_COLUMNS, payloadOf, wordsColumn } from './rows.ts';

/** To be raised with every change of the schema, also of an index: files of a lower version are migrated. */
const VERSION = 22;

/**
 * One for each order except that of the first version. Few points have the same time, so ties are sorted on the fly.
 */
const ORDER_INDEXES = COLUMNS.filter(({ field, ms }) => field.orders !== undefined && ms !== 'indexed_ms')
  .map(({ name, ms }) => `CREATE INDEX IF NOT EXISTS points_by_${name} ON points (${ms ?? name});`)
  .join('\n    ');

/** Indexes of the first version have different names. */
const FIELD_INDEXES = COLUMNS.filter(({ field }) => field.selective)
  .map(({ name }) => {
    const index = name === 'sha256' ? 'points_by_content' : `points_by_${name}`;
    return `CREATE INDEX IF NOT EXISTS ${index} ON points (${name}) WHERE ${name} IS NOT NULL;`;
  })
  .join('\n    ');

/** Rows migrated per batch. */
const MIGRATED_AT_ONCE = 1000;

/**
 * The words of points, by row: a contentless index, whose words are split and folded by `lexical-terms.ts`. It cannot
 * have foreign keys, so a trigger deletes its rows.
 */
const NAMES = `
    CREATE VIRTUAL TABLE names USING fts5(words, content='', contentless_delete=1, detail=none, tokenize='ascii');
    CREATE TRIGGER names_of_deleted AFTER DELETE ON points BEGIN DELETE FROM names WHERE rowid = old.row; END;`;

/** Adds columns and tables that an older file lacks, and fills them from the rest. Vectors and slots stay. */
function migrate(db: DatabaseSync, tell: (done: number, of: number) => void): void {
  const missing = missingColumns(db);
  const hasNames = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'names'").get() !== undefined;
  const points = Number(db.prepare('SELECT count(*) AS n FROM points').get()?.n);
  const of = points * (Number(missing.length > 0) + Number(!hasNames));
  let done = 0;
  const count = () => {
    if (++done % MIGRATED_AT_ONCE === 0) tell(done, of);
  };
  if (missing.length > 0) addColumns(db, missing, count);
  db.exec(FIELD_INDEXES);
  db.exec(ORDER_INDEXES);
  if (hasNames) return;
  db.exec(NAMES);
  const insert = db.prepare(INSERT_WORDS);
  for (const row of everyRow(db)) {
    insert.run(row.row as number, wordsColumn(payloadOf(row)));
    count();
  }
}

/** The rows of all points, with the columns of their payloads. */
function* everyRow(db: DatabaseSync): Generator<Record<string, unknown>> {
  const some = db.prepare(`SELECT p.row, ${PAYLOAD_COLUMNS} FROM points p
    WHERE p.row > ? ORDER BY p.row LIMIT ${MIGRATED_AT_ONCE}`);
  for (let last = 0; ; ) {
    const rows = some.all(last);
    yield* rows;
    if (rows.length < MIGRATED_AT_ONCE) return;
    last = rows.at(-1)!.row as number;
  }
}

function missingColumns(db: DatabaseSync): typeof COLUMN_TYPES {
  const there = new Set(
    db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all('points')
      .map(({ name }) => name),
  );
  return COLUMN_TYPES.filter(({ name }) => !there.has(name));
}

function addColumns(db: DatabaseSync, missing: typeof COLUMN_TYPES, count: () => void): void {
  for (const { name, type } of missing) db.exec(`ALTER TABLE points ADD COLUMN ${name} ${type}`);
  const update = db.prepare(
    `UPDATE points SET ${missing.map(({ name }) => `${name} = :${name}`).join(', ')} WHERE row = :row`,
  );
  for (const row of everyRow(db)) {
    count();
    if (row.kind !== 'image') continue;
    const values = fieldColumns(payloadOf(row));
    const added = Object.fromEntries(missing.map(({ name }) => [name, values[name]!]));
    update.run({ ...added, row: row.row as number });
  }
}

/**
 * The tables of the embedded store. A collection holds the vectors of one space; the alias `live` names the one in use,
 * so that a second collection can be filled in the same file and take over with one update of `aliases`.
 *
 * `slots` are the rows of the searched matrix. A slot is never deleted, only freed (kind 0, no vector) and reused, and
 * each change of it carries the collection's `change` of its transaction: a process that knows the matrix as of change
 * n catches up by reading the slots with a higher one, whatever happened to points and tombstones.
 *
 * `change` also counts writes that leave the slots alone (tags), so that it names one state of the collection. The
 * indexes for filters omit the collection, and queries write `+p.collection` to keep SQLite from using it: it cannot
 * know that nearly all rows have the same one, and would prefer any index that begins with it.
 *
 * The columns of `points` after `caption` are those of `picture-fields.ts`. `*_ms` hold the values that the times next
 * to them are compared by, `seq` is the sequencer in its sortable form.
 */
export const VECTOR_INDEX: DatabaseFormat = {
  what: 'vector index',
  applicationId: 0x53_4c_76_31,
  version: VERSION,
  migrate,
  schema: `
    CREATE TABLE collections (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      space TEXT NOT NULL,
      dimension INTEGER NOT NULL,
      created_at TEXT NOT NULL,
      change INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE aliases (
      name TEXT PRIMARY KEY,
      collection INTEGER NOT NULL REFERENCES collections (id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE slots (
      collection INTEGER NOT NULL REFERENCES collections (id),
      slot INTEGER NOT NULL,
      change INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      vector BLOB
    ) STRICT;
    CREATE UNIQUE INDEX slots_by_number ON slots (collection, slot);
    CREATE INDEX slots_by_change ON slots (collection, change);
    CREATE TABLE points (
      row INTEGER PRIMARY KEY,
      collection INTEGER NOT NULL REFERENCES collections (id),
      id TEXT NOT NULL,
      slot INTEGER NOT NULL,
      seq TEXT NOT NULL,
      kind TEXT NOT NULL,
      caption TEXT,
      ${COLUMN_TYPES.map(({ name, type }) => `${name} ${type}`).join(',\n      ')}
    ) STRICT;
    CREATE UNIQUE INDEX points_by_id ON points (collection, id);
    CREATE UNIQUE INDEX points_by_slot ON points (collection, slot);
    CREATE INDEX points_by_age ON points (indexed_ms DESC, id);
    ${FIELD_INDEXES}
    ${ORDER_INDEXES}
    CREATE TABLE tags (
      point INTEGER NOT NULL REFERENCES points (row) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      tag TEXT NOT NULL,
      PRIMARY KEY (point, position)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX tags_by_name ON tags (tag, point);
    ${NAMES}
    CREATE TABLE tombstones (
      collection INTEGER NOT NULL REFERENCES collections (id),
      id TEXT NOT NULL,
      seq TEXT NOT NULL,
      sequencer TEXT NOT NULL,
      deleted_at TEXT NOT NULL,
      deleted_ms INTEGER NOT NULL,
      PRIMARY KEY (collection, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tombstones_by_age ON tombstones (collection, deleted_ms);
  `,
};
