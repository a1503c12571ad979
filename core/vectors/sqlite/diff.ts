import type { Collection } from './collection.ts';
import { SHARED_COLUMNS } from './rows.ts';

const columnsOf = (table: string) => SHARED_COLUMNS.map((name) => `${table}.${name}`).join(', ');
const tagsOf = (table: string) =>
  `(SELECT json_group_array(tag ORDER BY position) FROM tags WHERE point = ${table}.row)`;

/**
 * Points and tombstones of `from` that are absent or different in `to`, and points of `to` unknown in `from`. A
 * tombstone that only `to` has is not a difference: it may still stop an older event.
 */
const DIFFERENCES = `
  SELECT p.id FROM points p LEFT JOIN points q ON q.collection = :to AND q.id = p.id
    WHERE p.collection = :from AND p.id > :after
      AND ((${columnsOf('p')}) IS NOT (${columnsOf('q')}) OR ${tagsOf('p')} IS NOT ${tagsOf('q')})
  UNION ALL
  SELECT t.id FROM tombstones t LEFT JOIN tombstones u ON u.collection = :to AND u.id = t.id
    WHERE t.collection = :from AND t.id > :after AND (t.sequencer, t.deleted_at) IS NOT (u.sequencer, u.deleted_at)
  UNION ALL
  SELECT q.id FROM points q WHERE q.collection = :to AND q.id > :after
    AND NOT EXISTS (SELECT 1 FROM points p WHERE p.collection = :from AND p.id = q.id)
    AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.collection = :from AND t.id = q.id)
  ORDER BY 1 LIMIT :limit`;

/** See `Copy.differences`; to be called within a turn of the collection `to`. */
export function findDifferences(to: Collection, from: number, after: string | null, limit: number): string[] {
  // '' sorts before every id.
  const rows = to.sql(DIFFERENCES).all({ to: to.id, from, after: after ?? '', limit });
  return rows.map(({ id }) => id as string);
}
