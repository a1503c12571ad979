import { ORDERS } from '../../picture-fields.ts';
import type { Filter, ListQuery, LookUp, StoredPoint, Tombstone } from '../../ports.ts';
import type { JointEmbedding, Page } from '../../types.ts';
import { decodeCursor, encodeCursor, fingerprint, type Position } from '../store-cursor.ts';
import { checkFilter, checkIds, checkLimit } from '../validate.ts';
import type { Collection } from './collection.ts';
import { filterCondition } from './filter.ts';
import { columnOf, PAYLOAD_COLUMNS, storedPointOf, TIME_COLUMNS, tombstoneOf } from './rows.ts';
import { stateCache } from './state-cache.ts';

/** The store's reads that need no scan. Each takes one turn of the collection. */

const AMONG = 'IN (SELECT value FROM json_each(?))';

/** See `VectorStore.get`. */
export async function getPoints(
  collection: Collection,
  ids: readonly string[],
): Promise<Map<string, StoredPoint | Tombstone>> {
  checkIds(ids);
  return collection.read(() => readPoints(collection, collection.id, ids));
}

/** The points of any collection of the file (`of`) with these ids, within a turn of this one. */
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

/** The same within a turn, excluding that turn's own writes. */
export function readVectors(collection: Collection, ids: readonly string[]): Map<string, JointEmbedding> {
  const rows = collection
    .sql(`SELECT id, slot FROM points WHERE collection = ? AND id ${AMONG}`)
    .all(collection.id, JSON.stringify(ids));
  return new Map(
    rows.map((row) => [row.id as string, collection.matrix.row(row.slot as number).slice() as JointEmbedding]),
  );
}

/** The copies of `VectorStore.lookUp`. */
export async function findCopies(collection: Collection, sha256s: readonly string[]): Promise<LookUp['copies']> {
  return collection.read(() => {
    const { name } = columnOf('classes');
    const one = collection.sql(
      `SELECT slot, ${name} AS classes FROM points WHERE collection = ? AND sha256 = ? LIMIT 1`,
    );
    return new Map(
      sha256s.flatMap((sha256) => {
        const row = one.get(collection.id, sha256);
        if (row === undefined) return [];
        const vector = collection.matrix.row(row.slot as number).slice() as JointEmbedding;
        return [[sha256, { vector, classes: row.classes as string | null }]];
      }),
    );
  });
}

type Row = Record<string, unknown>;

/** A run of a list: the points of one condition, in one order. */
interface Run {
  readonly where: string;
  /** Condition for what follows a position. */
  readonly after: string;
  readonly by: string;
  readonly position: (row: Row) => Position;
  readonly types: readonly ('number' | 'string')[];
}

const BY_ID: Run = {
  where: 'TRUE',
  after: 'p.id > ?1',
  by: 'p.id',
  position: (row) => [row.id as string],
  types: ['string'],
};

/** The runs of an order, one after another: points with a value, then those without. */
function runsOf(order: ListQuery['order']): readonly Run[] {
  const by = ORDERS.get(order);
  if (by === undefined) return [BY_ID];
  const { name, ms } = columnOf(by.field.name);
  const column = ms ?? name;
  const [beyond, direction] = by.direction === 'ascending' ? ['>', 'ASC'] : ['<', 'DESC'];
  const present: Run = {
    where: `p.${column} IS NOT NULL`,
    // The first condition is implied by the second and lets SQLite seek in the index.
    after: `p.${column} ${beyond}= ?1 AND (p.${column} ${beyond} ?1 OR p.id > ?2)`,
    by: `p.${column} ${direction}, p.id`,
    position: (row) => [row[column] as number | string, row.id as string],
    types: [ms === null && by.field.type === 'text' ? 'string' : 'number', 'string'],
  };
  if (by.field.absent === undefined) return [present];
  return [present, { ...BY_ID, where: `p.${column} IS NULL` }];
}

/** See `VectorStore.list`. */
export async function listPoints(collection: Collection, query: ListQuery): Promise<Page<StoredPoint>> {
  checkLimit(query.limit);
  checkFilter(query.filter);
  const runs = runsOf(query.order);
  const of = fingerprint(['list', query.order, query.filter]);
  const position =
    query.cursor === undefined ? null : decodeCursor(of, query.cursor, ...runs.map(({ types }) => types));
  return collection.read(() => {
    const found: { row: Row; run: Run }[] = [];
    for (const run of runs) {
      // The number of values tells which run a position belongs to.
      const isIn = position?.length === run.types.length;
      if (position !== null && !isIn && found.length === 0 && run !== runs.at(-1)) continue;
      const wanted = query.limit + 1 - found.length;
      if (wanted > 0)
        found.push(...rowsOf(collection, query, run, isIn ? position : null, wanted).map((row) => ({ row, run })));
    }
    const items = found.slice(0, query.limit);
    const last = items.at(-1);
    const page = items.map(({ row }) => storedPointOf(row));
    if (found.length <= query.limit || last === undefined) return { items: page };
    return { items: page, next: encodeCursor(of, last.run.position(last.row)) };
  });
}

function rowsOf(collection: Collection, query: ListQuery, run: Run, after: Position | null, limit: number): Row[] {
  const { sql, values, selective } = filterCondition(query.filter);
  // Either walk the index of the order until the page is full, or sort the few points that another index finds.
  const own = query.order === 'id' && !selective ? 'p.collection = ?' : '+p.collection = ?';
  return collection
    .sql(`SELECT ${PAYLOAD_COLUMNS}, ${TIME_COLUMNS} FROM points p
      WHERE ${after === null ? '' : `${run.after} AND`} ${run.where} AND ${own} AND ${sql} ORDER BY ${run.by} LIMIT ?`)
    .all(...(after ?? []), collection.id, ...values, limit);
}

/** Each search asks how many pictures its filter leaves; counting 100,000 takes longer than the rest of the search. */
const countsNow = stateCache<number>(100);

/** See `VectorStore.count`. */
export async function countPoints(collection: Collection, filter: Filter): Promise<number> {
  checkFilter(filter);
  return collection.read(() => {
    const { kind, ...others } = filter;
    if (Object.values(others).every((value) => value === undefined)) return collection.matrix.count(kind);
    const counts = countsNow(collection);
    const asked = fingerprint([filter]);
    const known = counts.get(asked);
    if (known !== undefined) return known;
    const { sql, values } = filterCondition(filter);
    const row = collection
      .sql(`SELECT count(*) AS points FROM points p WHERE +p.collection = ? AND ${sql}`)
      .get(collection.id, ...values);
    const count = row?.points as number;
    counts.set(asked, count);
    return count;
  });
}
