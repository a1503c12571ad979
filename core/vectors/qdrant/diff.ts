import { fieldValues, SHARED_FIELDS } from '../../picture-fields.ts';
import type { StoredPoint, Tombstone } from '../../ports.ts';
import { MARKER_ID } from './live-marker.ts';
import { readPoint } from './payload.ts';
import type { QdrantPart } from './points.ts';

/** Points asked for in one request. */
const PAGE = 500;

/** What stands under an id, in a form that is equal when it is the same. */
interface Entry {
  readonly id: string;
  readonly deleted: boolean;
  readonly text: string;
}

/**
 * See `Copy.differences`: both collections are read side by side in the order of their ids. A tombstone that only `to`
 * has is what an older event may still run into, and no difference.
 */
export async function findDifferences(
  from: QdrantPart,
  to: QdrantPart,
  after: string | null,
  limit: number,
): Promise<string[]> {
  const [theirs, ours] = [inIdOrder(from, after), inIdOrder(to, after)];
  const different: string[] = [];
  let [left, right] = await Promise.all([next(theirs), next(ours)]);
  while (different.length < limit && (left !== null || right !== null)) {
    const onlyLeft = right === null || (left !== null && left.id < right.id);
    const onlyRight = left === null || (right !== null && right.id < left.id);
    if (onlyLeft) different.push(left!.id);
    else if (onlyRight ? !right!.deleted : left!.text !== right!.text) different.push(right!.id);
    if (!onlyRight) left = await next(theirs);
    if (!onlyLeft) right = await next(ours);
  }
  return different;
}

/** Fields are in one order, so points that are the same in every space have equal texts. */
function textOf(point: StoredPoint | Tombstone): string {
  if (point.deleted) return JSON.stringify(point);
  const { payload } = point;
  const caption = payload.kind === 'caption' ? payload.caption : null;
  return JSON.stringify([payload.kind, caption, fieldValues(payload, SHARED_FIELDS)]);
}

async function next(entries: AsyncGenerator<Entry>): Promise<Entry | null> {
  const { done, value } = await entries.next();
  return done ? null : value;
}

/** Points and tombstones behind `after`. Qdrant's offset is the first id it answers, which need not exist. */
async function* inIdOrder(part: QdrantPart, after: string | null): AsyncGenerator<Entry> {
  for (let last = after; ; ) {
    const page = await part.scroll({ limit: PAGE, ...(last === null ? {} : { offset: last }) });
    for (const { id, payload } of page) {
      if (id === last || id === MARKER_ID) continue;
      const point = readPoint(id, payload);
      yield { id, deleted: point.deleted, text: textOf(point) };
    }
    if (page.length < PAGE) return;
    last = page.at(-1)!.id;
  }
}
