import { fieldValues, SHARED_FIELDS } from '../../picture-fields.ts';
import type { StoredPoint, Tombstone } from '../../ports.ts';
import { readPoint } from './payload.ts';
import type { QdrantPart } from './points.ts';
import { MARKER_ID } from './switch-marker-point.ts';

/** Points per request. */
const PAGE = 500;

/** The content of an id as comparable text. */
interface Entry {
  readonly id: string;
  readonly deleted: boolean;
  readonly text: string;
}

/**
 * See `Copy.differences`: reads both collections side by side in order of ids. A tombstone that only `to` has is not a
 * difference: it may still stop an older event.
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

/** Fields have a fixed order, so equal points have equal texts. */
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

/** Points and tombstones after `after`. Qdrant's offset is the first id it may return, which need not exist. */
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
