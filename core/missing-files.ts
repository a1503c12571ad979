import { FIELDS, fieldValues } from './picture-fields.ts';
import type { ObjectStore, StoredPoint, VectorStore } from './ports.ts';
import type { ImagePayload, JointEmbedding, SpaceId } from './types.ts';

/**
 * A file that is renamed or moved is, to the index, one that is gone and one that is new. What only the index knows of
 * the first goes over to the second: its bytes are the same, and its old place is empty.
 */

/** A picture whose object is gone. */
export interface Vanished {
  /** Id of its point. */
  readonly id: string;
  readonly payload: ImagePayload;
  readonly space: SpaceId;
  readonly vector: JointEmbedding;
}

/**
 * Keeps pictures that are gone for a while, in case their bytes come back under any name; and those whose file is there
 * and is no picture any more until it is one again, whatever it shows then. Survives restarts.
 */
export interface VanishedLog {
  /** Adds or replaces by id. */
  keep(picture: Vanished, why: 'gone' | 'refused'): Promise<void>;
  /** Those with these bytes, the latest first; none that were kept for too long. */
  find(sha256: string): Promise<Vanished[]>;
  findRefused(id: string): Promise<Vanished | null>;
  forget(picture: Pick<Vanished, 'id' | 'payload'>): Promise<void>;
  close(): Promise<void>;
}

interface Deps {
  readonly vectors: VectorStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  readonly vanished?: VanishedLog;
}

const USER_FIELDS = FIELDS.filter(({ from }) => from === 'user');
const KEPT_FIELDS = FIELDS.filter(({ from, name }) => from === 'user' || name === 'indexedAt');

/** What goes over with the bytes: what people said, and when they were first indexed. */
export type Kept = Pick<ImagePayload, 'tags' | 'indexedAt'>;

/** Stored copies of one picture that are looked at. */
const COPIES = 10;

async function copiesOf(vectors: VectorStore, sha256: string): Promise<(StoredPoint & { payload: ImagePayload })[]> {
  const { items } = await vectors.list({ filter: { kind: 'image', sha256 }, limit: COPIES, order: 'id' });
  return items.filter((item): item is StoredPoint & { payload: ImagePayload } => item.payload.kind === 'image');
}

/** A new object, and what is known of what it may have been. */
export interface NewObject {
  readonly id: string;
  readonly key: string;
  readonly sha256: string;
  /** Whether its bytes were in the index before: what was not there has no copy to look for. */
  readonly isKnown: boolean;
  /** Whether something of the same name was in the index before. */
  readonly isBack: boolean;
  /** What is known to have vanished with these bytes, where that was looked up. */
  readonly gone?: readonly Vanished[];
}

/** Which picture a new object was before, or null; `settle` is called when the new one is stored. */
export async function findOrigin(
  { vectors, buckets, vanished }: Deps,
  { id: own, key, sha256, isKnown, isBack, gone }: NewObject,
  deletedAt: string,
): Promise<{ kept: Kept; settle: () => Promise<unknown> } | null> {
  const settleBy = (kept: Vanished) => ({ kept: keptOf(kept.payload), settle: async () => vanished?.forget(kept) });
  const refused = isBack ? await vanished?.findRefused(own) : null;
  if (refused) return settleBy(refused);
  // Live ones first: one that is removed meanwhile is kept before it goes, and found below.
  for (const { id, payload } of isKnown ? await copiesOf(vectors, sha256) : []) {
    if ((await buckets.get(payload.bucket)?.head(payload.key)) !== null) continue;
    const { sequencer } = payload;
    return { kept: keptOf(payload), settle: () => vectors.remove([{ id, sequencer, deletedAt }], 'not-older') };
  }
  const found = gone ?? (await vanished?.find(sha256)) ?? [];
  const name = nameOf(key);
  const best =
    found.find(({ payload }) => payload.key === key) ??
    found.find(({ payload }) => nameOf(payload.key) === name) ??
    found[0];
  return best === undefined ? null : settleBy(best);
}

/**
 * Keeps what is known of a picture that is about to be removed: a copy of it of which people said nothing, such as the
 * one that was made to move it to another disk, takes it over at once.
 */
export async function keepVanished({ vectors, vanished }: Deps, id: string, payload: ImagePayload): Promise<void> {
  const copies = (await copiesOf(vectors, payload.sha256)).filter((copy) => copy.id !== id);
  const heir = copies.find((copy) => isUntouched(copy.payload));
  if (heir !== undefined) {
    if (!isUntouched(payload)) await vectors.setTags(heir.id, payload.tags);
    return;
  }
  await keep({ vectors, vanished }, id, payload, 'gone');
}

/** Keeps what is known of a picture whose file is about to be refused, for when it is mended. */
export async function keepRefused(deps: Deps, id: string, payload: ImagePayload): Promise<void> {
  await keep(deps, id, payload, 'refused');
}

/** A file that was refused is gone: what was known of it waits from now on as if it had been a picture until now. */
export async function releaseRefused({ vanished }: Pick<Deps, 'vanished'>, id: string): Promise<void> {
  const refused = await vanished?.findRefused(id);
  if (!refused) return;
  await vanished?.forget(refused);
  await vanished?.keep(refused, 'gone');
}

async function keep(
  { vectors, vanished }: Pick<Deps, 'vectors' | 'vanished'>,
  id: string,
  payload: ImagePayload,
  why: 'gone' | 'refused',
): Promise<void> {
  const vector = vanished === undefined ? undefined : (await vectors.vectors([id])).get(id);
  if (vector !== undefined) await vanished?.keep({ id, payload, space: vectors.space, vector }, why);
}

function keptOf(payload: ImagePayload): Kept {
  return fieldValues(payload, KEPT_FIELDS) as unknown as Kept;
}

/** Whether nobody has said anything about it. */
function isUntouched(payload: ImagePayload): boolean {
  return Object.values(fieldValues(payload, USER_FIELDS)).every(
    (value) => value === null || (Array.isArray(value) && value.length === 0),
  );
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
