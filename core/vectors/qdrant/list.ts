import type { Filter, ListQuery, StoredPoint } from '../../ports.ts';
import type { Page } from '../../types.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../page-position.ts';
import { checkFilter, checkLimit } from '../validate.ts';
import { indexedAt, indexedBefore, liveFilter, narrowed, type QdrantFilter } from './filter.ts';
import { readPoint } from './payload.ts';
import type { FetchedPoint, QdrantPart } from './points.ts';

/** See `VectorStore.list`. */
export async function listPoints(part: QdrantPart, query: ListQuery): Promise<Page<StoredPoint>> {
  const { limit, order, cursor } = query;
  checkLimit(limit);
  checkFilter(query.filter);
  const of = fingerprint(['list', order, query.filter]);
  const types = order === 'id' ? (['string'] as const) : (['string', 'string'] as const);
  const position = cursor === undefined ? null : (decodeCursor(of, cursor, types) as readonly string[]);
  const filter = liveFilter(query.filter, part.keyPrefixes);
  if (filter === null) return { items: [] };
  const found =
    order === 'id'
      ? await inIdOrder(part, filter, limit + 1, position?.[0])
      : await newestFirst(part, filter, limit + 1, position && { at: position[0]!, id: position[1]! });
  const items = found.slice(0, limit);
  const page = items.map(({ id, payload }) => readPoint(id, payload) as StoredPoint);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items: page };
  return { items: page, next: encodeCursor(of, order === 'id' ? [last.id] : [timeOf(last), last.id]) };
}

/** The first `wanted` points with a larger id. Qdrant's offset is the first id it answers, which need not exist. */
async function inIdOrder(
  part: QdrantPart,
  filter: QdrantFilter,
  wanted: number,
  after: string | undefined,
): Promise<FetchedPoint[]> {
  if (after === undefined) return part.scroll({ filter, limit: wanted });
  const points = await part.scroll({ filter, limit: wanted + 1, offset: after });
  return points.filter(({ id }) => id !== after).slice(0, wanted);
}

/**
 * Latest first, and of the same time by id. Qdrant's ordered scroll knows only the time and has no cursor; so what it
 * answers is completed, time by time, by a scroll in the order of ids over the points of the last time.
 */
async function newestFirst(
  part: QdrantPart,
  filter: QdrantFilter,
  wanted: number,
  after: { at: string; id: string } | null,
): Promise<FetchedPoint[]> {
  const ofTime = (time: string, count: number, id?: string) =>
    inIdOrder(part, narrowed(filter, [indexedAt(time)], []), count, id);
  const found = after === null ? [] : await ofTime(after.at, wanted, after.id);
  let before = after?.at;
  while (found.length < wanted) {
    const limit = wanted - found.length;
    const latest = await part.scroll({
      filter: before === undefined ? filter : narrowed(filter, [indexedBefore(before)], []),
      limit,
      order_by: { key: 'indexedAt', direction: 'desc' },
    });
    const last = latest.at(-1);
    if (last === undefined) break;
    const ended = latest.length < limit;
    const lastTime = timeOf(last);
    found.push(...latest.filter((point) => ended || timeOf(point) > lastTime).sort(byTimeThenId));
    if (ended) break;
    found.push(...(await ofTime(lastTime, wanted - found.length)));
    before = lastTime;
  }
  return found;
}

/** In the canonical form, whose order as text is that of time. */
function timeOf(point: FetchedPoint): string {
  return point.payload.indexedAt as string;
}

function byTimeThenId(a: FetchedPoint, b: FetchedPoint): number {
  return timeOf(a) === timeOf(b) ? (a.id < b.id ? -1 : 1) : timeOf(a) < timeOf(b) ? 1 : -1;
}

/** See `VectorStore.count`. */
export async function countPoints(part: QdrantPart, filter: Filter): Promise<number> {
  checkFilter(filter);
  const live = liveFilter(filter, part.keyPrefixes);
  return live === null ? 0 : countExactly(part, live);
}

export async function countExactly(part: QdrantPart, filter: QdrantFilter): Promise<number> {
  return (await part.call('counting', (client) => client.count(part.collection, { filter, exact: true }))).count;
}

/**
 * See `VectorStore.facetTags`. Qdrant does not say how it orders tags of the same count; so more are asked for until
 * the count falls behind the last one wanted, and they are ordered here.
 */
export async function facetTags(
  part: QdrantPart,
  filter: Filter,
  limit: number,
): Promise<{ tag: string; count: number }[]> {
  checkLimit(limit);
  checkFilter(filter);
  const live = liveFilter(filter, part.keyPrefixes);
  if (live === null) return [];
  for (let size = limit + 1; ; size *= 4) {
    const request = { key: 'tags', limit: size, filter: live, exact: true };
    const { hits } = await part.call('counting tags of', (client) => client.facet(part.collection, request));
    const tags = hits
      .map(({ value, count }) => ({ tag: String(value), count }))
      .sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.tag), Buffer.from(b.tag)));
    if (hits.length < size || tags.at(-1)!.count < tags[limit - 1]!.count) return tags.slice(0, limit);
  }
}
