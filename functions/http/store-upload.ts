import { createHash } from 'node:crypto';
import { isSightlineError } from '../../core/errors.ts';
import { imageId } from '../../core/point-ids.ts';
import type { ObjectInfo, ObjectStore } from '../../core/ports.ts';
import type { AppDeps } from './deps.ts';
import { findBucket, getImage } from './lookup.ts';
import { HttpProblem, rejectedImage } from './problem.ts';
import { keysLike } from './upload-key.ts';

/** One picture as received. */
export interface Upload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly key: string;
  /**
   * Which other keys are acceptable. `none`: the caller chose the key. `number`: the same name with a number. `folder`:
   * the same name in any folder, because the folder is just today's date.
   */
  readonly otherKeys: 'none' | 'number' | 'folder';
  readonly tags: readonly string[] | undefined;
  readonly overwrite: boolean;
  readonly contentType: string | undefined;
}

export interface StoredUpload {
  readonly id: string;
  readonly status: 'created' | 'replaced' | 'known';
  /** A picture that already had the same bytes. */
  readonly duplicateOf: string | undefined;
}

/**
 * Stores a picture and waits until it is indexed. Without a given key, does nothing if the same bytes are already
 * stored under its name.
 */
export async function storeUpload(deps: AppDeps, upload: Upload, signal: AbortSignal): Promise<StoredUpload> {
  const copies = await findCopies(deps, upload.bytes);
  for (const { id, key } of copies) if (isSameUpload(upload, key)) return { id, status: 'known', duplicateOf: id };
  const { id, replaced } = await storeAndIndex(deps, upload, signal);
  const duplicateOf = copies.find((copy) => copy.id !== id)?.id;
  return { id, status: replaced ? 'replaced' : 'created', duplicateOf };
}

/** Whether a picture with the same bytes came from an earlier upload of the same file. */
function isSameUpload({ key, otherKeys }: Upload, stored: string): boolean {
  if (otherKeys === 'none') return false;
  const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  return otherKeys === 'number' ? stored === key : nameOf(stored) === nameOf(key);
}

/** Pictures with the same bytes in the bucket for uploads, whose files still exist. */
async function findCopies(deps: AppDeps, bytes: Uint8Array): Promise<{ id: string; key: string }[]> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const bucket = deps.uploadBucket();
  const objects = findBucket(deps.buckets, bucket);
  const filter = { kind: 'image', bucket, sha256 } as const;
  const { items } = await deps.vectors.list({ filter, limit: 100, order: 'id' });
  const copies: { id: string; key: string }[] = [];
  for (const { id, payload } of items) {
    if (payload.kind !== 'image') continue;
    const info = await objects.head(payload.key);
    if (info?.etag === payload.etag) copies.push({ id, key: payload.key });
  }
  return copies;
}

/**
 * A refused picture is removed from the bucket again. One that would replace another is checked first, so that a bad
 * upload never costs the good picture.
 */
async function storeAndIndex(
  deps: AppDeps,
  upload: Upload,
  signal: AbortSignal,
): Promise<{ id: string; replaced: boolean }> {
  const bucket = deps.uploadBucket();
  const objects = findBucket(deps.buckets, bucket);
  const before = upload.overwrite ? await objects.head(upload.key) : null;
  if (before !== null) await deps.embedder.embedImage(upload.bytes);
  const { info, isNew } = await put(deps, objects, upload, before, signal);
  const { key } = info;
  // An object that existed before must not be deleted.
  const takeBack = async () => isNew && deleteVersion(objects, key, info);
  const outcome = await deps.index({ type: 'created', bucket, key, sequencer: null });
  if (outcome.status === 'rejected') {
    await takeBack();
    throw rejectedImage(outcome.reason, outcome.message);
  }
  if (outcome.status === 'skipped' && outcome.reason === 'left-out') {
    await takeBack();
    throw new HttpProblem('invalid-input', `key: expected the name of a picture, got ${key}, which is left out`);
  }
  if (outcome.status === 'skipped' && outcome.reason === 'gone') throw deletedMeanwhile();
  await deps.failures.resolve(outcome.id);
  return { id: outcome.id, replaced: before !== null };
}

export function deletedMeanwhile(): HttpProblem {
  return new HttpProblem(
    'conflict',
    'expected the picture to exist until it was indexed, but it was deleted meanwhile',
  );
}

/** The object that holds the picture, and whether it is new: an interrupted earlier attempt may have stored it. */
interface Placed {
  readonly info: ObjectInfo;
  readonly isNew: boolean;
}

async function put(
  deps: AppDeps,
  objects: ObjectStore,
  upload: Upload,
  before: ObjectInfo | null,
  signal: AbortSignal,
): Promise<Placed> {
  const { bytes, contentType, otherKeys } = upload;
  const options = { contentType, maxBytes: deps.options.maxImageBytes, signal };
  for (const key of otherKeys === 'none' ? [upload.key] : keysLike(upload.key)) {
    const isFirst = key === upload.key;
    // The first key is nearly always free. For the others a head request costs less than a wasted upload.
    let there = isFirst ? null : await objects.head(key);
    if (there === null) {
      const condition = isFirst && before !== null ? { ifMatch: before.etag } : { ifNoneMatch: '*' as const };
      try {
        return { info: await objects.put(key, bytes, { ...options, ...condition }), isNew: true };
      } catch (error) {
        if (!isSightlineError(error, 'precondition-failed')) throw error;
        there = await objects.head(key);
      }
    }
    if (there === null || !(await holdsBytes(objects, there, bytes))) continue;
    if (otherKeys !== 'none' || !(await isIndexed(deps, objects.bucket, there))) return { info: there, isNew: false };
  }
  const extra = { id: imageId(objects.bucket, upload.key) };
  if (before !== null || upload.overwrite) {
    throw new HttpProblem('conflict', 'another upload changed this key at the same time', { extra });
  }
  const detail = 'expected a free key, or overwrite=true; this one is taken';
  throw new HttpProblem('already-exists', detail, { extra });
}

async function holdsBytes(objects: ObjectStore, info: ObjectInfo, bytes: Uint8Array): Promise<boolean> {
  if (info.bytes !== bytes.length || info.archived) return false;
  try {
    const found = await objects.get(info.key, { ifMatch: info.etag });
    return found !== null && Buffer.from(await new Response(found.body).bytes()).equals(bytes);
  } catch (error) {
    if (isSightlineError(error, 'precondition-failed')) return false;
    throw error;
  }
}

async function isIndexed({ vectors }: AppDeps, bucket: string, { key, etag }: ObjectInfo): Promise<boolean> {
  return (await getImage(vectors, imageId(bucket, key)))?.etag === etag;
}

/** Deletes the stored version, unless it has been replaced since. */
async function deleteVersion(objects: ObjectStore, key: string, info: ObjectInfo): Promise<void> {
  try {
    await objects.delete(key, { ifMatch: info.etag });
  } catch (error) {
    if (!isSightlineError(error, 'precondition-failed')) throw error;
  }
}
