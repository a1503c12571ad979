import {
  type FieldName,
  fieldValue,
  HELD_FIELDS,
  type NamedField,
  SHARED_FIELDS,
  STORED_FIELDS,
} from '../../picture-fields.ts';
import type { StoredPoint, Tombstone } from '../../ports.ts';
import { ownWords, tagWords } from '../../search/lexical-terms.ts';
import { sortableSequencer } from '../../sequencer-order.ts';
import type { CaptionPayload, ImagePayload, Payload } from '../../types.ts';
import { isTime, timeOf } from '../validate.ts';

/** A column of `points` that holds a field. */
export interface Column {
  readonly field: NamedField;
  readonly name: string;
  readonly type: 'TEXT' | 'INTEGER' | 'REAL';
  /** Column with the milliseconds that a time is compared by; null for other fields. */
  readonly ms: string | null;
}

/** A row of SQLite. */
type Row = Record<string, string | number | null>;

/** The columns of fields. Tags have their own table, so that they can be looked up. */
export const COLUMNS: readonly Column[] = HELD_FIELDS.filter(({ name }) => name !== 'tags').map((field) => {
  const name = columnName(field.name);
  const type = field.type === 'integer' ? 'INTEGER' : field.type === 'number' ? 'REAL' : 'TEXT';
  return { field, name, type, ms: isTime(field.type) ? `${name.replace(/_at$/, '')}_ms` : null };
});

const BY_FIELD = new Map(COLUMNS.map((column) => [column.field.name, column]));

/** The column of a field. */
export function columnOf(field: FieldName): Column {
  return BY_FIELD.get(field)!;
}

function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `name type` of every column that follows from the declaration. */
export const COLUMN_TYPES: readonly { readonly name: string; readonly type: string }[] = COLUMNS.flatMap(
  ({ name, type, ms }) => [{ name, type }, ...(ms === null ? [] : [{ name: ms, type: 'INTEGER' }])],
);

const STORED_COLUMNS = COLUMNS.filter(({ field }) => STORED_FIELDS.includes(field));

/** Everything of a point except its vector, slot, tags, and derived columns. */
export const OWN_COLUMNS: readonly string[] = ['kind', 'caption', ...STORED_COLUMNS.map(({ name }) => name)];

/** The own columns that are the same in every space. */
export const SHARED_COLUMNS: readonly string[] = [
  'kind',
  'caption',
  ...STORED_COLUMNS.filter(({ field }) => SHARED_FIELDS.includes(field)).map(({ name }) => name),
];

/** The columns that {@link payloadOf} needs, with the tags as JSON, in order. */
export const PAYLOAD_COLUMNS = `p.id, p.slot, ${OWN_COLUMNS.map((name) => `p.${name}`).join(', ')},
  (SELECT json_group_array(tag ORDER BY position) FROM tags WHERE point = p.row) AS tags`;

/** The milliseconds that times are compared by, in addition to {@link PAYLOAD_COLUMNS}. */
export const TIME_COLUMNS = COLUMNS.flatMap(({ ms }) => (ms === null ? [] : [`p.${ms}`])).join(', ');

const WRITTEN = ['slot', 'seq', 'kind', 'caption', ...COLUMN_TYPES.map(({ name }) => name)];

export const INSERT_POINT = `INSERT INTO points (collection, id, ${WRITTEN.join(', ')})
  VALUES (:collection, :id, ${WRITTEN.map((name) => `:${name}`).join(', ')})`;
export const UPDATE_POINT = `UPDATE points SET ${WRITTEN.map((name) => `${name} = :${name}`).join(', ')}
  WHERE collection = :collection AND id = :id`;

/** The values of {@link INSERT_POINT} and {@link UPDATE_POINT} for a validated payload. */
export function rowOf(payload: Payload): Row {
  const caption = payload.kind === 'caption' ? payload.caption : null;
  return { seq: sortableSequencer(payload.sequencer), kind: payload.kind, caption, ...fieldColumns(payload) };
}

/** The values of the field columns; null for those that a caption does not have. */
export function fieldColumns(payload: Payload): Row {
  const row: Row = {};
  for (const { field, name, ms } of COLUMNS) {
    const value = payload.kind === 'image' || field.ofCaptions ? fieldValue(payload, field) : null;
    row[name] = Array.isArray(value) ? JSON.stringify(value) : (value as string | number | null);
    if (ms !== null && isTime(field.type)) row[ms] = value === null ? null : timeOf(field.type, value as string, name);
  }
  return row;
}

/** Stores the words of a row of `points`. */
export const INSERT_WORDS = 'INSERT INTO names (rowid, words) VALUES (?, ?)';

/** The words for {@link INSERT_WORDS}. */
export function wordsColumn(payload: Payload): string {
  return [...new Set([...ownWords(payload), ...tagWords(payload.tags)])].join(' ');
}

/** The payload of a row of {@link PAYLOAD_COLUMNS}; the inverse of {@link rowOf}. */
export function payloadOf(row: Record<string, unknown>): Payload {
  const payload: Record<string, unknown> = { kind: row.kind, tags: JSON.parse(row.tags as string) };
  for (const { field, name } of STORED_COLUMNS) {
    if (row.kind === 'caption' && !field.ofCaptions) continue;
    const value = row[name] ?? null;
    payload[field.name] =
      value === null ? (field.absent ?? null) : field.type === 'texts' ? JSON.parse(value as string) : value;
  }
  if (row.kind === 'caption') payload.caption = row.caption;
  return payload as unknown as ImagePayload | CaptionPayload;
}

export function storedPointOf(row: Record<string, unknown>): StoredPoint {
  return { id: row.id as string, deleted: false, payload: payloadOf(row) };
}

export function tombstoneOf(row: Record<string, unknown>): Tombstone {
  return {
    id: row.id as string,
    deleted: true,
    sequencer: row.sequencer as string,
    deletedAt: row.deleted_at as string,
  };
}
