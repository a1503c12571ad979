import type { Filter, ListQuery, StoredPoint, Tombstone } from '../../ports.ts';
import type { JointEmbedding, Page } from '../../types.ts';
import { decodeCursor, encodeCursor, fingerprint, type Position } from '../page-position.ts';
import { checkFilter, checkIds, checkLimit } from '../validate.ts';
import type { Collection } from './collection.ts';
import { filterCondition } from './filter.ts';
import { PAYLOAD_COLUMNS, storedPointOf, tombstoneOf } from './rows.ts';

/** The reading parts of the store that need no scan. Each takes one turn of the collection. */

const AMONG = 'IN (SELECT value FROM json_each(?))';

/** See `VectorStore.get`. */
export async function getPoints(
  collection: Collection,
  ids: readonly string[],
): Promise<Map<string, StoredPoint | Tombstone>> {
  checkIds(ids);
  return collection.read(() => readPoints(collection, collection.id, ids));
}

/** What any collection of the file (`of`) holds under these ids, within a turn of this one. */
export function readPoints(
  collection: Collection,
  of: number,
  ids: readonly string[],
): Map<string, StoredPoint | Tombstone> {
  const among = JSON.stringify(ids);
  const live = collection
    .sql(`SELECT ${PAYLOAD_COLUMNS} FROM points p WHERE p.collection = ? AND p.id ${AMONG}`)
    .all(of, among);
  const dead = collection
    .sql(`SELECT id, sequencer, deleted_at FROM tombstones WHERE collection = ? AND id ${AMONG}`)
    .all(of, among);
  const found = [...live.map(storedPointOf), ...dead.map(tombstoneOf)];
  return new Map(found.map((point) => [point.id, point]));
}

/** See `VectorStore.vectors`. */
export async function getVectors(collection: Collection, ids: readonly string[]): Promise<Map<string, JointEmbedding>> {
  checkIds(ids);
  return collection.read(() => readVectors(collection, ids));
}

/** The same within a turn, without what that turn has written. */
export function readVectors(collection: Collection, ids: readonly string[]): Map<string, JointEmbedding> {
  const rows = collection
    .sql(`SELECT id, slot FROM points WHERE collection = ? AND id ${AMONG}`)
    .all(collection.id, JSON.stringify(ids));
  return new Map(
    rows.map((row) => [row.id as string, collection.matrix.row(row.slot as number).slice() as JointEmbedding]),
  );
}

/** For each order: what follows a cursor, how to sort, and what a cursor points after. */
const ORDERS = {
  id: {
    after: 'p.id > ?',
    by: 'p.id',
    types: ['string'],
    position: (row: Record<string, unknown>): Position => [row.id as string],
  },
  newest: {
    // The first condition is implied by the second and lets SQLite seek in the index.
    after: 'p.indexed_ms <= ?1 AND (p.indexed_ms < ?1 OR p.id > ?2)',
    by: 'p.indexed_ms DESC, p.id',
    types: ['number', 'string'],
    position: (row: Record<string, unknown>): Position => [row.indexed_ms as number, row.id as string],
  },
} as const;

/** See `VectorStore.list`. */
export async function listPoints(collection: Collection, query: ListQuery): Promise<Page<StoredPoint>> {
  checkLimit(query.limit);
  checkFilter(query.filter);
  const order = ORDERS[query.order];
  const of = fingerprint(['list', query.order, query.filter]);
  const position = query.cursor === undefined ? null : decodeCursor(of, query.cursor, order.types);
  return collection.read(() => {
    const { sql, values, selective } = filterCondition(query.filter);
    // Either along the index of the order until the page is full, or from the few that an index finds.
    const own = query.order === 'id' && !selective ? 'p.collection = ?' : '+p.collection = ?';
    const rows = collection
      .sql(`SELECT ${PAYLOAD_COLUMNS}, p.indexed_ms FROM points p
        WHERE ${position === null ? '' : `${order.after} AND`} ${own} AND ${sql} ORDER BY ${order.by} LIMIT ?`)
      .all(...(position ?? []), collection.id, ...values, query.limit + 1);
    const items = rows.slice(0, query.limit);
    const last = items.at(-1);
    const page = items.map(storedPointOf);
    if (rows.length <= query.limit || last === undefined) return { items: page };
    return { items: page, next: encodeCursor(of, order.position(last)) };
  });
}

/** See `VectorStore.count`. */
export async function countPoints(collection: Collection, filter: Filter): Promise<number> {
  checkFilter(filter);
  return collection.read(() => {
    const { kind, ...others } = filter;
    if (Object.values(others).every((value) => value === undefined)) return collection.matrix.count(kind);
    const { sql, values } = filterCondition(filter);
    const row = collection
      .sql(`SELECT count(*) AS points FROM points p WHERE +p.collection = ? AND ${sql}`)
      .get(collection.id, ...values);
    return row?.points as number;
  });
}

/** See `VectorStore.facetTags`. */
export async function facetTags(
  collection: Collection,
  filter: Filter,
  limit: number,
): Promise<{ tag: string; count: number }[]> {
  checkLimit(limit);
  checkFilter(filter);
  return collection.read(() => {
    const { sql, values } = filterCondition(filter);
    const rows = collection
      .sql(`SELECT t.tag, count(*) AS points FROM tags t JOIN points p ON p.row = t.point
        WHERE +p.collection = ? AND ${sql} GROUP BY t.tag ORDER BY points DESC, t.tag LIMIT ?`)
      .all(collection.id, ...values, limit);
    return rows.map((row) => ({ tag: row.tag as string, count: row.points as number }));
  });
}
