import type { Schemas } from '@qdrant/js-client-rest';
import { type FieldName, ORDERS, type Order } from '../../picture-fields.ts';
import type { EmbeddedPicture, Filter, ListQuery, LookUp, StoredPicture, StoredPoint } from '../../ports.ts';
import type { Page } from '../../types.ts';
import { copiesByHash } from '../copies-by-sha256.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../store-cursor.ts';
import { checkFilter, checkLimit } from '../validate.ts';
import { liveFilter, narrowed, type QdrantFilter, range } from './filter.ts';
import { READ_FIELDS, readPoint } from './payload.ts';
import type { FetchedPoint, QdrantPart } from './points.ts';
import { float32Vector } from './query.ts';

/** See `VectorStore.list`. */
export async function listPoints(part: QdrantPart, query: ListQuery): Promise<Page<StoredPoint>> {
  const { limit, cursor } = query;
  checkLimit(limit);
  checkFilter(query.filter);
  const of = fingerprint(['list', query.order, query.filter]);
  const order = ORDERS.get(query.order);
  const forms = [
    ...(order === undefined ? [] : [['string', 'string'] as const]),
    ...(order === undefined || order.field.absent !== undefined ? [['string'] as const] : []),
  ];
  const position = cursor === undefined ? null : (decodeCursor(of, cursor, ...forms) as readonly string[]);
  const filter = liveFilter(query.filter, part);
  if (filter === null) return { items: [] };
  const found =
    order === undefined
      ? await inIdOrder(part, filter, limit + 1, position?.[0])
      : await inOrder(part, filter, order, limit + 1, position);
  const items = found.slice(0, limit);
  const page = items.map(({ id, payload }) => readPoint(id, payload) as StoredPoint);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items: page };
  const value = order && valueIn(last, order);
  return { items: page, next: encodeCursor(of, value === undefined ? [last.id] : [value, last.id]) };
}

/** From the position on: points with a value in the order's field, then those without. */
async function inOrder(
  part: QdrantPart,
  filter: QdrantFilter,
  order: Order,
  wanted: number,
  position: readonly string[] | null,
): Promise<FetchedPoint[]> {
  const isPresent = position === null || position.length === 2;
  const after = isPresent && position !== null ? { value: position[0]!, id: position[1]! } : null;
  const found = isPresent ? await byValue(part, filter, order, wanted, after) : [];
  if (order.field.absent === undefined || found.length >= wanted) return found;
  const absent = narrowed(filter, [{ is_empty: { key: order.field.name } }], []);
  return [...found, ...(await inIdOrder(part, absent, wanted - found.length, isPresent ? undefined : position[0]))];
}

/** The first `wanted` points with a larger id. Qdrant's offset is the first id it may return, which need not exist. */
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
 * By value, then by id. Qdrant's ordered scroll sorts only by value and has no cursor, so the points with the last
 * value are read completely by another scroll in order of ids.
 */
async function byValue(
  part: QdrantPart,
  filter: QdrantFilter,
  order: Order,
  wanted: number,
  after: { value: string; id: string } | null,
): Promise<FetchedPoint[]> {
  const { field, direction } = order;
  const key = field.name;
  const ofValue = (value: string, count: number, id?: string) =>
    inIdOrder(part, narrowed(filter, [range(key, { gte: value, lte: value })], []), count, id);
  const beyond = (value: string) => range(key, direction === 'descending' ? { lt: value } : { gt: value });
  const found = after === null ? [] : await ofValue(after.value, wanted, after.id);
  let end = after?.value;
  while (found.length < wanted) {
    const limit = wanted - found.length;
    const next = await part.scroll({
      filter: end === undefined ? filter : narrowed(filter, [beyond(end)], []),
      limit,
      order_by: { key, direction: direction === 'descending' ? 'desc' : 'asc' },
    });
    const last = next.at(-1);
    if (last === undefined) break;
    const ended = next.length < limit;
    const lastValue = valueIn(last, order)!;
    found.push(...next.filter((point) => ended || valueIn(point, order) !== lastValue).sort(inTurn(order)));
    if (ended) break;
    found.push(...(await ofValue(lastValue, wanted - found.length)));
    end = lastValue;
  }
  return found;
}

/** A time in canonical form, which sorts as text in order of time. */
function valueIn(point: FetchedPoint, order: Order): string | undefined {
  return point.payload[order.field.name] as string | undefined;
}

function inTurn(order: Order) {
  const sign = order.direction === 'descending' ? -1 : 1;
  return (a: FetchedPoint, b: FetchedPoint): number => {
    const [x, y] = [valueIn(a, order)!, valueIn(b, order)!];
    if (x === y) return a.id < b.id ? -1 : 1;
    return x < y ? -sign : sign;
  };
}

/** See `VectorStore.lookUp`. A query without a vector returns points in order of ids. */
export async function lookUp(part: QdrantPart, ids: readonly string[], sha256s: readonly string[]): Promise<LookUp> {
  const stored = { filter: { must: [{ has_id: [...ids] }] }, limit: ids.length, with_payload: READ_FIELDS };
  const copies = sha256s.map((sha256) => ({
    filter: liveFilter({ kind: 'image', sha256 }, part)!,
    limit: 1,
    with_payload: ['classes' satisfies FieldName],
    with_vector: true,
  }));
  const searches = [...(ids.length === 0 ? [] : [stored]), ...copies];
  if (searches.length === 0) return { points: new Map(), copies: new Map() };
  const answers = await part.call('looking for copies in', (client) =>
    client.queryBatch(part.collection, { searches, ...part.reading }),
  );
  const points = ids.length === 0 ? [] : answers[0]!.points;
  const found = answers.slice(answers.length - sha256s.length);
  return {
    points: new Map(points.map(({ id, payload }) => [String(id), readPoint(String(id), payload ?? {})])),
    copies: new Map(
      found.flatMap(({ points: [copy] }, i) => (copy === undefined ? [] : [[sha256s[i]!, madeOf(copy)] as const])),
    ),
  };
}

/** See `VectorStore.copies`. */
export async function findCopies(
  part: QdrantPart,
  sha256s: readonly string[],
  limit: number,
): Promise<Map<string, StoredPicture[]>> {
  if (sha256s.length === 0) return new Map();
  const searches = sha256s.map((sha256) => ({
    filter: liveFilter({ kind: 'image', sha256 }, part)!,
    limit,
    with_payload: READ_FIELDS,
  }));
  const answers = await part.call('reading the copies in', (client) =>
    client.queryBatch(part.collection, { searches, ...part.reading }),
  );
  const found = answers.map(({ points }) => points.map(({ id, payload }) => readPoint(String(id), payload ?? {})));
  return copiesByHash(sha256s, found);
}

function madeOf({ vector, payload }: Schemas['ScoredPoint']): Pick<EmbeddedPicture, 'vector' | 'classes'> {
  return { vector: float32Vector(vector), classes: (payload?.classes as string | undefined) ?? null };
}

/** See `VectorStore.count`. */
export async function countPoints(part: QdrantPart, filter: Filter): Promise<number> {
  checkFilter(filter);
  const live = liveFilter(filter, part);
  return live === null ? 0 : countExactly(part, live);
}

export async function countExactly(part: QdrantPart, filter: QdrantFilter): Promise<number> {
  return (await part.call('counting', (client) => client.count(part.collection, { filter, exact: true }))).count;
}
