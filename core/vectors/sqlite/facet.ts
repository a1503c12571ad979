import type { FacetName } from '../../picture-fields.ts';
import type { Filter } from '../../ports.ts';
import { fingerprint } from '../store-cursor.ts';
import { checkFilter, checkLimit } from '../validate.ts';
import type { Collection } from './collection.ts';
import { filterCondition } from './filter.ts';
import { columnOf } from './rows.ts';
import { stateCache } from './state-cache.ts';

interface Counted {
  readonly value: string;
  readonly count: number;
}

/** Counting all months takes longer than the rest of a page. Up to twenty answers of at most a thousand values each. */
const countedNow = stateCache<Counted[]>(20);

/** See `VectorStore.facet`. */
export async function facet(
  collection: Collection,
  field: FacetName,
  filter: Filter,
  limit: number,
): Promise<{ value: string; count: number }[]> {
  checkLimit(limit);
  checkFilter(filter);
  return collection.read(() => {
    const answers = countedNow(collection);
    const asked = fingerprint(['facet', field, filter, limit]);
    const known = answers.get(asked);
    if (known !== undefined) return [...known];
    const { sql, values } = filterCondition(filter);
    const [from, value] =
      field === 'tags'
        ? ['tags t JOIN points p ON p.row = t.point', 't.tag']
        : ['points p', `p.${columnOf(field).name}`];
    const rows = collection
      .sql(`SELECT ${value} AS value, count(*) AS points FROM ${from}
        WHERE +p.collection = ? AND ${value} IS NOT NULL AND ${sql} GROUP BY 1 ORDER BY points DESC, 1 LIMIT ?`)
      .all(collection.id, ...values, limit);
    const counts = rows.map((row) => ({ value: row.value as string, count: row.points as number }));
    answers.set(asked, counts);
    return [...counts];
  });
}
