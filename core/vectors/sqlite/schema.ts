import type { DatabaseFormat } from '../../sqlite.ts';

/**
 * The tables of the embedded store. A collection holds the vectors of one space; `live` is the alias that is served, so
 * that a second collection can be filled in the same file and take over by one update of `aliases`.
 *
 * `slots` are the rows of the matrix that is searched. A slot is never deleted, only freed (kind 0, no vector) and used
 * again, and each change of it carries the collection's `change` of its transaction: whoever knows the matrix as of
 * change n gets up to date by reading the slots with a higher one, whatever happened to points and tombstones.
 *
 * `change` also counts writes that leave the slots alone (tags), so that it names one state of the collection.
 * The indexes for filters leave the collection out, and queries write `+p.collection` to keep SQLite from using it: it
 * cannot know that nearly every row is of the same one, and would take any index that begins with it for a good start.
 *
 * `*_ms` are the instants of the texts beside them, `seq` is the sequencer in its sortable form.
 */
export const VECTOR_INDEX: DatabaseFormat = {
  what: 'vector index',
  applicationId: 0x53_4c_76_31,
  version: 1,
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
      sequencer TEXT NOT NULL,
      kind TEXT NOT NULL,
      indexed_at TEXT NOT NULL,
      indexed_ms INTEGER NOT NULL,
      bucket TEXT,
      key TEXT,
      etag TEXT,
      sha256 TEXT,
      content_type TEXT,
      bytes INTEGER,
      width INTEGER,
      height INTEGER,
      taken_at TEXT,
      taken_ms INTEGER,
      caption TEXT
    ) STRICT;
    CREATE UNIQUE INDEX points_by_id ON points (collection, id);
    CREATE UNIQUE INDEX points_by_slot ON points (collection, slot);
    CREATE INDEX points_by_age ON points (indexed_ms DESC, id);
    CREATE INDEX points_by_content ON points (sha256) WHERE sha256 IS NOT NULL;
    CREATE INDEX points_by_key ON points (key) WHERE key IS NOT NULL;
    CREATE TABLE tags (
      point INTEGER NOT NULL REFERENCES points (row) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      tag TEXT NOT NULL,
      PRIMARY KEY (point, position)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX tags_by_name ON tags (tag, point);
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
