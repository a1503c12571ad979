import { SightlineError } from '../../errors.ts';
import type { StatementSync } from '../../files/sqlite-file.ts';
import type { SlotMatrix } from './matrix.ts';

/** The parts of a collection that loading needs. */
interface Slots {
  readonly file: string;
  readonly id: number;
  readonly dimension: number;
  readonly matrix: SlotMatrix;
  sql(text: string): StatementSync;
}

/** Above the number of kinds: slot and kind are read as one number. */
const KINDS = 4;

/** Slots per query when everything is loaded. */
const LOAD_ROWS = 1000;

/**
 * Reads all vectors into the matrix, many at a time: SQLite concatenates them, because one row each would cost six
 * times as much. (In a UTF-8 database it treats a BLOB as text without checking it, and leaves out NULLs, which are
 * free slots.) The unary plus makes it scan the table instead of using an index.
 * @throws {schema-mismatch} when the file is damaged
 */
export function loadSlots(collection: Slots): void {
  const { matrix, dimension } = collection;
  const last = collection.sql('SELECT max(rowid) AS last FROM slots').get()?.last as number | null;
  const block = collection.sql(`SELECT json_group_array(${KINDS} * slot + kind) AS slots,
      CAST(group_concat(vector, '') AS BLOB) AS vectors
    FROM slots WHERE rowid > ? AND rowid <= ? AND +collection = ? AND vector IS NOT NULL`);
  for (let first = 0; first < (last ?? 0); first += LOAD_ROWS) {
    const row = block.get(first, first + LOAD_ROWS, collection.id);
    const slots = JSON.parse(row?.slots as string) as number[];
    if (slots.length === 0) continue;
    const vectors = floats(collection, row?.vectors as Uint8Array, slots.length);
    for (let i = 0; i < slots.length; i++) {
      matrix.put(Math.floor(slots[i]! / KINDS), slots[i]! % KINDS, vectors, i * dimension);
    }
  }
}

/**
 * Reads the slots that were changed after `change`, freed ones included.
 * @throws {schema-mismatch} when the file is damaged
 */
export function applySlotsSince(collection: Slots, change: number): void {
  const changed = collection.sql('SELECT slot, kind, vector FROM slots WHERE collection = ? AND change > ?');
  for (const { slot, kind, vector } of changed.iterate(collection.id, change)) {
    const live = vector === null ? null : { kind: kind as number, vector: floats(collection, vector as Uint8Array, 1) };
    collection.matrix.apply({ slot: slot as number, live });
  }
}

/** `count` stored vectors: float32, little endian, like every platform this runs on. */
function floats({ dimension, file }: Slots, blob: Uint8Array, count: number): Float32Array {
  const expected = count * dimension * 4;
  if (blob.byteLength !== expected) {
    throw new SightlineError(
      'schema-mismatch',
      `expected ${count} vectors of ${dimension} dimensions in ${expected} bytes of ${file}, found ` +
        `${blob.byteLength} bytes; the file is damaged: restore it from a copy, or move it away and index again`,
    );
  }
  const aligned = blob.byteOffset % 4 === 0 ? blob : blob.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, count * dimension);
}
