import type { FacetName } from '../../picture-fields.ts';
import type { Filter } from '../../ports.ts';
import { checkFilter, checkLimit } from '../validate.ts';
import { liveFilter } from './filter.ts';
import type { QdrantPart } from './points.ts';

/**
 * See `VectorStore.facet`. Qdrant's order of values with equal counts is undefined, so more are fetched until the count
 * drops below that of the last one wanted, and sorted here.
 */
export async function facet(
  part: QdrantPart,
  key: FacetName,
  filter: Filter,
  limit: number,
): Promise<{ value: string; count: number }[]> {
  checkLimit(limit);
  checkFilter(filter);
  const live = liveFilter(filter, part);
  if (live === null) return [];
  for (let size = limit + 1; ; size *= 4) {
    const request = { key, limit: size, filter: live, exact: true };
    const { hits } = await part.call('counting values of', (client) => client.facet(part.collection, request));
    const values = hits
      .map(({ value, count }) => ({ value: String(value), count }))
      .sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)));
    if (hits.length < size || values.at(-1)!.count < values[limit - 1]!.count) return values.slice(0, limit);
  }
}
