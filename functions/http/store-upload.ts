import { createHash } from 'node:crypto';
import { isSightlineError } from '../../core/errors.ts';
import { imageId } from '../../core/index-image.ts';
import type { ObjectInfo, ObjectStore } from '../../core/ports.ts';
import type { AppDeps } from './deps.ts';
import { findBucket } from './lookup.ts';
import { HttpProblem, rejectedImage } from './problem.ts';
import { MOST_OF_A_NAME, numbered } from './upload-key.ts';

/** One picture as it came, before anything is known about it. */
export interface Upload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly key: string;
  /**
   * What else may be its key. `none`: the caller asked for this very one. `number`: one with a number behind it.
   * `folder`:
   * any of its name, in whatever folder; that of today was only put in front.
   */
  readonly otherKeys: 'none' | 'number' | 'folder';
  readonly tags: readonly string[] | undefined;
  readonly overwrite: boolean;
  readonly contentType: string | undefined;
}

export interface StoredUpload {
  readonly id: string;
  readonly status: 'created' | 'replaced' | 'known';
  /** The picture that held the same bytes before. */
  readonly duplicateOf: string | undefined;
}

/**
 * Stores a picture and waits until it is indexed, unless its bytes are there under its name and it was given no key.
 */
export async function storeUpload(deps: AppDeps, upload: Upload, signal: AbortSignal): Promise<StoredUpload> {
  const copies = await findCopies(deps, upload.bytes);
  for (const { id, key } of copies) if (isSameUpload(upload, key)) return { id, status: 'known', duplicateOf: id };
  const { id, replaced } = await storeAndIndex(deps, upload, signal);
  const duplicateOf = copies.find((copy) => copy.id !== id)?.id;
  return { id, status: replaced ? 'replaced' : 'created', duplicateOf };
}

/** Whether a picture of the same bytes is what an earlier upload of this one left. */
function isSameUpload({ key, otherKeys }: Upload, stored: string): boolean {
  if (otherKeys === 'none') return false;
  const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  return otherKeys === 'number' ? stored === key : nameOf(stored) === nameOf(key);
}

/** Pictures with the same bytes that are where the index says, in the bucket for uploads. */
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
 * When a picture is refused, it is taken out of the bucket again; one that would replace another is looked at first, so
 * that a bad upload never costs the good one.
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
  const info = await put(objects, upload, deps.options.maxImageBytes, before, signal);
  const { key } = info;
  const outcome = await deps.index({ type: 'created', bucket, key, sequencer: null });
  if (outcome.status === 'rejected') {
    await deleteVersion(objects, key, info);
    throw rejectedImage(outcome.reason, outcome.message);
  }
  if (outcome.status === 'skipped' && outcome.reason === 'left-out') {
    await deleteVersion(objects, key, info);
    throw new HttpProblem('invalid-input', `key: expected the name of a picture, got ${key}, which is left out`);
  }
  if (outcome.status === 'skipped' && outcome.reason === 'gone') throw deletedMeanwhile();
  await deps.failures.resolve(outcome.id);
  return { id: outcome.id, replaced: before !== null };
}

export function deletedMeanwhile(): HttpProblem {
  return new HttpProblem('conflict', 'expected the picture to stay until it was indexed, but it was deleted meanwhile');
}

async function put(
  objects: ObjectStore,
  upload: Upload,
  maxBytes: number,
  before: ObjectInfo | null,
  signal: AbortSignal,
): Promise<ObjectInfo> {
  const { bytes, contentType } = upload;
  const condition = before === null ? { ifNoneMatch: '*' as const } : { ifMatch: before.etag };
  for (let n = 1; ; n++) {
    const key = numbered(upload.key, n);
    try {
      return await objects.put(key, bytes, { contentType, maxBytes, signal, ...condition });
    } catch (error) {
      if (!isSightlineError(error, 'precondition-failed')) throw error;
      if (upload.otherKeys !== 'none' && n < MOST_OF_A_NAME) continue;
      const extra = { id: imageId(objects.bucket, key) };
      const isTaken = before === null && !upload.overwrite;
      throw isTaken
        ? new HttpProblem('already-exists', 'expected a key that is free, or overwrite=true; this one is taken', {
            extra,
            cause: error,
          })
        : new HttpProblem('conflict', 'another upload changed this key at the same time', { extra, cause: error });
    }
  }
}

/** Deletes what we stored, unless somebody has replaced it since. */
async function deleteVersion(objects: ObjectStore, key: string, info: ObjectInfo): Promise<void> {
  try {
    await objects.delete(key, { ifMatch: info.etag });
  } catch (error) {
    if (!isSightlineError(error, 'precondition-failed')) throw error;
  }
}
