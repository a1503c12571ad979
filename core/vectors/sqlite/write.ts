import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Point, Tombstone, WriteCondition } from '../../ports.ts';
import { sortableSequencer } from '../../sequencer-order.ts';
import type { JointEmbedding, Payload } from '../../types.ts';
import { instantOf } from '../validate.ts';
import type { Collection, WriteTransaction } from './collection.ts';
import { FREE, KIND_NUMBERS } from './matrix.ts';
import { INSERT_POINT, INSERT_WORDS, PAYLOAD_COLUMNS, payloadOf, rowOf, UPDATE_POINT, wordsColumn } from './rows.ts';

/** Points written before yielding to other work of the process: about 10 ms. */
const BATCH = 250;

/** The stored content of an id: `slot` and `row` are null for a tombstone. */
interface Occupant {
  readonly seq: string;
  readonly slot: number | null;
  readonly row: number | null;
}

/** Writes validated points; `vectors` are their unit vectors. */
export async function upsertPoints(
  collection: Collection,
  transaction: WriteTransaction,
  points: readonly Point[],
  vectors: readonly JointEmbedding[],
  { when, keepTags }: { readonly when: WriteCondition; readonly keepTags: boolean },
): Promise<('written' | 'stale')[]> {
  const answers: ('written' | 'stale')[] = [];
  for (const [i, point] of points.entries()) {
    if (i > 0 && i % BATCH === 0) await nextTurn();
    const there = occupantOf(collection, point.id);
    if (mayReplace(there, point.payload.sequencer, when)) {
      writePoint(collection, transaction, point, vectors[i]!, there, keepTags);
      answers.push('written');
    } else {
      answers.push('stale');
    }
  }
  return answers;
}

/** Replaces points with validated tombstones. */
export async function removePoints(
  collection: Collection,
  transaction: WriteTransaction,
  tombstones: readonly Omit<Tombstone, 'deleted'>[],
  when: WriteCondition,
): Promise<('removed' | 'stale')[]> {
  const answers: ('removed' | 'stale')[] = [];
  for (const [i, tombstone] of tombstones.entries()) {
    if (i > 0 && i % BATCH === 0) await nextTurn();
    const there = occupantOf(collection, tombstone.id);
    if (mayReplace(there, tombstone.sequencer, when)) {
      writeTombstone(collection, transaction, tombstone, there);
      answers.push('removed');
    } else {
      answers.push('stale');
    }
  }
  return answers;
}

/** Replaces the tags of a live point; false when there is none. */
export function replaceTags(
  collection: Collection,
  transaction: WriteTransaction,
  id: string,
  tags: readonly string[],
): boolean {
  const there = occupantOf(collection, id);
  if (there === undefined || there.row === null) return false;
  setTags(collection, there.row, tags);
  setWords(collection, there.row, pointIn(collection, there.row));
  transaction.touch();
  return true;
}

function occupantOf(collection: Collection, id: string): Occupant | undefined {
  const found =
    collection.sql('SELECT seq, slot, row FROM points WHERE collection = ? AND id = ?').get(collection.id, id) ??
    collection
      .sql('SELECT seq, NULL AS slot, NULL AS row FROM tombstones WHERE collection = ? AND id = ?')
      .get(collection.id, id);
  return found as Occupant | undefined;
}

function mayReplace(there: Occupant | undefined, sequencer: string, when: WriteCondition): boolean {
  if (there === undefined) return true;
  const seq = sortableSequencer(sequencer);
  return seq > there.seq || (when === 'not-older' && seq === there.seq);
}

function writePoint(
  collection: Collection,
  transaction: WriteTransaction,
  { id, payload }: Point,
  vector: JointEmbedding,
  there: Occupant | undefined,
  keepTags: boolean,
): void {
  const slot = there?.slot ?? transaction.takeSlot();
  const values = { collection: collection.id, id, slot, ...rowOf(payload) };
  let row = there?.row ?? null;
  if (row === null) {
    if (there !== undefined) deleteTombstone(collection, id);
    row = Number(collection.sql(INSERT_POINT).run(values).lastInsertRowid);
    insertTags(collection, row, payload.tags);
  } else {
    collection.sql(UPDATE_POINT).run(values);
    if (!keepTags) setTags(collection, row, payload.tags);
  }
  setWords(collection, row, keepTags && there?.row != null ? pointIn(collection, row) : payload);
  setSlot(collection, transaction, slot, { kind: KIND_NUMBERS[payload.kind], vector });
}

function writeTombstone(
  collection: Collection,
  transaction: WriteTransaction,
  { id, sequencer, deletedAt }: Omit<Tombstone, 'deleted'>,
  there: Occupant | undefined,
): void {
  if (there?.row != null && there.slot !== null) {
    collection.sql('DELETE FROM points WHERE row = ?').run(there.row);
    setSlot(collection, transaction, there.slot, null);
  }
  collection
    .sql(`INSERT OR REPLACE INTO tombstones (collection, id, seq, sequencer, deleted_at, deleted_ms)
      VALUES (?, ?, ?, ?, ?, ?)`)
    .run(collection.id, id, sortableSequencer(sequencer), sequencer, deletedAt, instantOf(deletedAt, 'deletedAt'));
  transaction.touch();
}

function setSlot(
  collection: Collection,
  transaction: WriteTransaction,
  slot: number,
  live: { kind: number; vector: Float32Array } | null,
): void {
  const vector = live?.vector;
  // Little endian, like every platform that Node and onnxruntime are built for here.
  const blob = vector === undefined ? null : new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  collection
    .sql(`INSERT INTO slots (collection, slot, change, kind, vector) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (collection, slot) DO UPDATE
      SET change = excluded.change, kind = excluded.kind, vector = excluded.vector`)
    .run(collection.id, slot, transaction.change, live?.kind ?? FREE, blob);
  transaction.slots.push({ slot, live });
  transaction.touch();
}

function setTags(collection: Collection, row: number, tags: readonly string[]): void {
  collection.sql('DELETE FROM tags WHERE point = ?').run(row);
  insertTags(collection, row, tags);
}

function insertTags(collection: Collection, row: number, tags: readonly string[]): void {
  const insert = collection.sql('INSERT INTO tags (point, position, tag) VALUES (?, ?, ?)');
  for (const [position, tag] of [...new Set(tags)].entries()) insert.run(row, position, tag);
}

function pointIn(collection: Collection, row: number): Payload {
  return payloadOf(collection.sql(`SELECT ${PAYLOAD_COLUMNS} FROM points p WHERE p.row = ?`).get(row)!);
}

function setWords(collection: Collection, row: number, payload: Payload): void {
  collection.sql('DELETE FROM names WHERE rowid = ?').run(row);
  collection.sql(INSERT_WORDS).run(row, wordsColumn(payload));
}

function deleteTombstone(collection: Collection, id: string): void {
  collection.sql('DELETE FROM tombstones WHERE collection = ? AND id = ?').run(collection.id, id);
}
