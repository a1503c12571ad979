import { createHash } from 'node:crypto';
import { basename } from 'node:path/posix';
import { v5 as uuidv5 } from 'uuid';
import { FIELDS, fieldValues } from '../picture-fields.ts';
import { imageId } from '../point-ids.ts';
import type { ObjectStore, StoredPicture, Vanished, VanishedLog, VectorStore } from '../ports.ts';
import type { ImagePayload } from '../types.ts';

/**
 * To the index, a renamed or moved file is one that is gone and one that is new. The second takes over what only the
 * index knows about the first: it has the same bytes, and the old path is empty or holds other bytes, as when two files
 * swap names or a whole folder is renumbered.
 */

interface Deps {
  readonly vectors: VectorStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  readonly vanished?: VanishedLog;
  readonly justRenamed?: JustRenamed;
}

/** Renamed pictures that this process stored a moment ago: not mere copies although their bytes were known. */
export class JustRenamed {
  /** When it was stored, milliseconds, by id; the latest last. */
  readonly #stored = new Map<string, number>();

  add(id: string): void {
    const now = performance.now();
    for (const [old, at] of this.#stored) {
      if (now - at < JUST_NOW_MS) break;
      this.#stored.delete(old);
    }
    this.#stored.delete(id);
    this.#stored.set(id, now);
  }

  has(id: string): boolean {
    return this.#stored.has(id);
  }
}

const USER_FIELDS = FIELDS.filter(({ from }) => from === 'user');
const KEPT_FIELDS = FIELDS.filter(({ from, name }) => from === 'user' || name === 'indexedAt');

/** What is taken over with the bytes: tags, and when they were first indexed. */
export type Kept = Pick<ImagePayload, 'tags' | 'indexedAt'>;

/** Maximum stored copies of a picture whose files are checked. */
const LOOKS = 10;
/** Maximum stored copies considered at all; with more, nobody cares which is which. */
const COPIES = 1000;
/** A copy with another name counts as part of a move if it is not older than this. Milliseconds. */
const JUST_NOW_MS = 120_000;

/** Other pictures with the same bytes: those with the same name first, then the last indexed first. */
async function copiesOf(
  vectors: VectorStore,
  { id, key, sha256 }: Pick<NewObject, 'id' | 'key' | 'sha256'>,
): Promise<StoredPicture[]> {
  const found = (await vectors.copies([sha256], COPIES)).get(sha256) ?? [];
  return found
    .filter((copy) => copy.id !== id)
    .sort((a, b) => Number(isNamesakeOf(key, b)) - Number(isNamesakeOf(key, a)));
}

/** A new object, and what is known about its origin. */
export interface NewObject {
  readonly id: string;
  readonly key: string;
  readonly sha256: string;
  /** Whether its bytes were already indexed; otherwise there is no copy to look for. */
  readonly isKnown: boolean;
  /** Whether an object with the same key was indexed before. */
  readonly isBack: boolean;
  /** Vanished pictures with these bytes, if looked up. */
  readonly gone?: readonly Vanished[];
  /** The picture that had its key until now. */
  readonly before?: ImagePayload;
}

/** The picture that a new object was before, or null; call `settle` after the new one is stored. */
export async function findOrigin(
  deps: Deps,
  { id: own, key, sha256, isKnown, isBack, gone, before }: NewObject,
  deletedAt: string,
): Promise<Origin | null> {
  const { vectors, buckets, vanished } = deps;
  const refused = isBack ? await vanished?.findRefused(own) : null;
  if (refused) return originIn(deps, refused);
  // Live ones first: one removed meanwhile is kept before its removal, and found below.
  const copies = isKnown ? await copiesOf(vectors, { id: own, key, sha256 }) : [];
  const live = async (isNamesake: boolean): Promise<Origin | null> => {
    const wanted = copies.filter((copy) => isNamesakeOf(key, copy) === isNamesake);
    for (const { id, payload } of wanted.slice(0, LOOKS)) {
      const there = await whatIsAt(buckets.get(payload.bucket), payload);
      if (there === 'unknown' || there === 'the same') continue;
      // The event for the other bytes there decides about them.
      if (there === 'other bytes') return { kept: keptOf(payload), settle: async () => {} };
      const { sequencer } = payload;
      return { kept: keptOf(payload), settle: () => vectors.remove([{ id, sequencer, deletedAt }], 'not-older') };
    }
    return null;
  };
  // Other names last: each may be the origin of another new object.
  const namesake = await live(true);
  if (namesake !== null) return namesake;
  const vanishedOnes = gone?.length === 0 ? [] : ((await vanished?.find(sha256)) ?? []);
  // Bytes that return to their own key did not move in from elsewhere.
  const found = before === undefined ? vanishedOnes : vanishedOnes.filter((one) => !isSameObject(one.payload, before));
  const best = found.find(({ payload }) => payload.key === key) ?? found.find((one) => isNamesakeOf(key, one));
  if (best !== undefined) return originIn(deps, best);
  return (await live(false)) ?? anyOf(deps, found);
}

/** What is at a picture's key now. Another etag may only mean that the file was touched, or got another link. */
export async function whatIsAt(
  objects: ObjectStore | undefined,
  { key, etag, bytes, sha256 }: ImagePayload,
): Promise<'unknown' | 'nothing' | 'the same' | 'other bytes'> {
  if (objects === undefined) return 'unknown';
  const info = await objects.head(key);
  if (info === null) return 'nothing';
  if (info.etag === etag) return 'the same';
  if (info.bytes !== bytes) return 'other bytes';
  const object = await objects.get(key);
  if (object === null) return 'nothing';
  const hash = createHash('sha256');
  for await (const chunk of object.body) hash.update(chunk);
  return hash.digest('hex') === sha256 ? 'the same' : 'other bytes';
}

/** A vanished picture with these bytes and any name; those with tags come first. */
function anyOf(deps: Pick<Deps, 'vectors' | 'vanished'>, found: readonly Vanished[]): Origin | null {
  const best = found.find(({ payload }) => !isUntouched(payload)) ?? found[0];
  return best === undefined ? null : originIn(deps, best);
}

function isNamesakeOf(key: string, { payload }: { readonly payload: ImagePayload }): boolean {
  return basename(payload.key) === basename(key);
}

interface Origin {
  readonly kept: Kept;
  readonly settle: () => Promise<unknown>;
}

function originIn({ vectors, vanished }: Pick<Deps, 'vectors' | 'vanished'>, picture: Vanished): Origin {
  const { id, payload } = picture;
  return {
    kept: keptOf(payload),
    async settle() {
      await vanished?.forget(picture);
      const original = imageId(payload.bucket, payload.key);
      if (id !== displacedId(original, payload.sha256, 'lent')) return;
      const there = (await vectors.get([original])).get(original);
      if (there?.deleted === false && isEqual(there.payload.tags, payload.tags)) await vectors.setTags(original, []);
    },
  };
}

/**
 * Decides what happens to the tags of a picture whose file now has other bytes. If the picture was edited, they stay.
 * If another picture was moved over this one, they follow the old bytes; but they stay visible here until those bytes
 * appear elsewhere, because programs also save by moving a new file into place.
 *
 * @returns what the new bytes bring along, or null when the tags stay; call `settle` after they are stored
 */
export async function replacePicture(
  deps: Deps,
  found: NewObject & { readonly before: ImagePayload },
  deletedAt: string,
): Promise<{ readonly kept: Kept | null; settle(): Promise<unknown> }> {
  const { id, isKnown, before } = found;
  const origin = isKnown ? await findOrigin(deps, found, deletedAt) : null;
  const copies = isUntouched(before) ? [] : await copiesOf(deps.vectors, { ...before, id });
  const livesOn = copies.some(({ payload }) => isEqual(payload.tags, before.tags));
  const leaves = origin !== null && (origin.kept.tags.length > 0 || isUntouched(before) || livesOn);
  if (!livesOn) {
    await keep(deps, id, before, 'gone', displacedId(id, before.sha256, origin === null || leaves ? 'left' : 'lent'));
    if (leaves) await giveToHeir(deps, displacedId(id, before.sha256, 'left'), before);
  }
  return { kept: leaves ? origin.kept : null, settle: async () => origin?.settle() };
}

/** @param how `lent` while they are still shown at the old key, until the old bytes appear elsewhere */
function displacedId(id: string, sha256: string, how: 'left' | 'lent'): string {
  return uuidv5(`${sha256} ${how}`, id);
}

function isSameObject(a: ImagePayload, b: ImagePayload): boolean {
  return a.bucket === b.bucket && a.key === b.key;
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag) => b.includes(tag));
}

/** Looks again after a copy was stored: its original may have been removed while neither could see the other. */
export async function inheritLate(
  deps: Deps,
  { id, key, sha256 }: Pick<NewObject, 'id' | 'key' | 'sha256'>,
): Promise<void> {
  const found = (await deps.vanished?.find(sha256)) ?? [];
  const best = found.find((one) => isNamesakeOf(key, one)) ?? found.find(({ payload }) => !isUntouched(payload));
  if (best === undefined || isUntouched(best.payload)) return;
  await deps.vectors.setTags(id, best.payload.tags);
  await deps.vanished?.forget(best);
}

/**
 * Keeps the data of a picture that is about to be removed, unless it was removed meanwhile. A copy that is part of a
 * move takes its tags over at once: its file exists, it has no tags, and it has the same name or is brand new. Other
 * copies are separate pictures.
 */
export async function keepVanished(deps: Deps, id: string, payload: ImagePayload): Promise<void> {
  // Before looking for copies: a copy that another process stores meanwhile finds it here.
  if (await keep(deps, id, payload, 'gone')) await giveToHeir(deps, id, payload);
}

/** @param id id under which it was kept */
async function giveToHeir(deps: Deps, id: string, payload: ImagePayload): Promise<void> {
  if (isUntouched(payload)) return;
  const { vectors, buckets, vanished, justRenamed } = deps;
  const copies = await copiesOf(vectors, { id, key: payload.key, sha256: payload.sha256 });
  const isMadeToMove = ({ id, payload }: StoredPicture) =>
    Date.now() - Date.parse(payload.indexedAt) < JUST_NOW_MS && !justRenamed?.has(id);
  const isHeir = (copy: StoredPicture) =>
    isUntouched(copy.payload) && (isNamesakeOf(payload.key, copy) || isMadeToMove(copy));
  for (const heir of copies.filter(isHeir).slice(0, LOOKS)) {
    if (((await buckets.get(heir.payload.bucket)?.head(heir.payload.key)) ?? null) === null) continue;
    await vectors.setTags(heir.id, payload.tags);
    await vanished?.forget({ id, payload });
    return;
  }
}

/** Keeps the data of a picture whose file is about to be refused, until it is repaired. */
export async function keepRefused(
  deps: Pick<Deps, 'vectors' | 'vanished'>,
  id: string,
  payload: ImagePayload,
): Promise<void> {
  await keep(deps, id, payload, 'refused');
}

/** A refused file is gone: its data is kept from now on as if it had been a picture until now. */
export async function releaseRefused({ vanished }: Pick<Deps, 'vanished'>, id: string): Promise<void> {
  const refused = await vanished?.findRefused(id);
  if (!refused) return;
  await vanished?.forget(refused);
  await vanished?.keep(refused, 'gone');
}

/** False when its point was removed meanwhile: then another picture has taken its data over. */
async function keep(
  { vectors, vanished }: Pick<Deps, 'vectors' | 'vanished'>,
  id: string,
  payload: ImagePayload,
  why: 'gone' | 'refused',
  as = id,
): Promise<boolean> {
  const vector = (await vectors.vectors([id])).get(id);
  if (vector !== undefined) await vanished?.keep({ id: as, payload, space: vectors.space, vector }, why);
  return vector !== undefined;
}

function keptOf(payload: ImagePayload): Kept {
  return fieldValues(payload, KEPT_FIELDS) as unknown as Kept;
}

/** Whether it has no tags. */
function isUntouched(payload: ImagePayload): boolean {
  return Object.values(fieldValues(payload, USER_FIELDS)).every(
    (value) => value === null || (Array.isArray(value) && value.length === 0),
  );
}
