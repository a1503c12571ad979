import { createHash } from 'node:crypto';
import { isSightlineError } from '../errors.ts';
import type { Embedder, ObjectBody, ObjectStore, VectorStore, WriteCondition } from '../ports.ts';
import type { ImagePayload, JointEmbedding } from '../types.ts';
import { everyItem } from '../util/paginate.ts';
import { describeFile } from './describe-file.ts';
import { METADATA_VERSION } from './embedded.ts';
import { type FoundSidecars, findSidecars, listSidecars, sidecarMark } from './sidecar.ts';

/**
 * Reads the metadata of indexed pictures again: after their sidecars changed, or because a newer version reads more.
 */

export interface RefreshDeps {
  readonly embedder: Pick<Embedder, 'describeImage' | 'embedImage'>;
  readonly vectors: VectorStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Size of the largest object, in bytes. */
  readonly maxBytes: number;
}

/** `left`: its file is gone or has changed since it was indexed; another event will handle that. */
export type Refreshed = 'refreshed' | 'left';

/**
 * Reads a stored picture's file again. Its vector stays, unless the file shows something other than what was embedded
 * (a raw file whose thumbnail was embedded). Tags and `indexedAt` stay.
 * @param as sequencer and condition of the write, if an event requests it; by default as before
 * @throws {unavailable}
 */
export async function refreshPicture(
  deps: RefreshDeps,
  id: string,
  as?: { readonly sequencer: string; readonly when: WriteCondition },
): Promise<Refreshed> {
  const { vectors, buckets, maxBytes } = deps;
  const [stored, vector] = await Promise.all([
    vectors.get([id]).then((found) => found.get(id)),
    vectors.vectors([id]).then((found) => found.get(id)),
  ]);
  const known = stored === undefined || stored.deleted || stored.payload.kind !== 'image' ? null : stored.payload;
  const objects = known === null ? undefined : buckets.get(known.bucket);
  if (known === null || objects === undefined || vector === undefined || known.bytes > maxBytes) return 'left';
  const sidecars = await findSidecars(objects, known.key);
  const object = await objects.get(known.key);
  if (object === null) return 'left';
  const bytes = await sameBytes(object, known);
  if (bytes === null) return 'left';
  const seen = await look(deps, bytes, known, vector);
  const payload: ImagePayload = {
    ...known,
    ...(seen === null ? {} : describeFile(object.info, seen.picture, sidecars.files, known)),
    classes: seen === null ? known.classes : seen.classes,
    sidecars: sidecars.mark,
    metadataVersion: METADATA_VERSION,
    sequencer: as?.sequencer ?? known.sequencer,
  };
  const renewed = { id, vector: seen?.vector ?? vector, payload };
  const [written] = await vectors.upsert([renewed], as?.when ?? 'not-older', { keepTags: true });
  return written === 'written' ? 'refreshed' : 'left';
}

/**
 * Whether reading an unchanged picture again would give the same metadata.
 * @param sidecars those beside it, if known
 */
export async function isReadAsItIs(
  objects: ObjectStore,
  known: ImagePayload,
  sidecars?: Pick<FoundSidecars, 'mark'>,
): Promise<boolean> {
  if (known.metadataVersion < METADATA_VERSION) return false;
  const mark = sidecars === undefined ? sidecarMark(await listSidecars(objects, known.key)) : sidecars.mark;
  return mark === known.sidecars;
}

/** The object's bytes if they are still the indexed ones, or null. */
async function sameBytes({ info, body }: ObjectBody, known: ImagePayload): Promise<Uint8Array | null> {
  if (info.etag !== known.etag || info.bytes !== known.bytes) {
    await body.cancel();
    return null;
  }
  const bytes = await new Response(body).bytes();
  return createHash('sha256').update(bytes).digest('hex') === known.sha256 ? bytes : null;
}

/** The picture's fields and vector; null when the bytes are now refused. */
async function look({ embedder }: RefreshDeps, bytes: Uint8Array, known: ImagePayload, vector: JointEmbedding) {
  try {
    const picture = await embedder.describeImage(bytes);
    const same = (['contentType', 'width', 'height'] as const).every((name) => picture[name] === known[name]);
    return same ? { picture, vector, classes: known.classes } : await embedder.embedImage(bytes);
  } catch (error) {
    if (isSightlineError(error, 'unreadable-image') || isSightlineError(error, 'too-large')) return null;
    throw error;
  }
}

/** Pictures per page of the list. */
const PAGE = 100;

/**
 * Refreshes all pictures that were read by an older version, one after another, in order of ids. It may be stopped at
 * any time: the next call continues.
 * @param options.pause awaited between two pictures, to yield to more important work
 * @param options.onProgress called with the number done
 * @throws {unavailable}
 */
export async function refreshOutdated(
  deps: { readonly vectors: Pick<VectorStore, 'list'>; refresh(id: string): Promise<Refreshed> },
  options: {
    readonly signal?: AbortSignal;
    readonly bucket?: string;
    readonly pause?: () => Promise<unknown>;
    readonly onProgress?: (done: number) => void;
  } = {},
): Promise<{ refreshed: number; left: number }> {
  const { signal, bucket, pause, onProgress } = options;
  const filter = { kind: 'image', metadataBelow: METADATA_VERSION, bucket } as const;
  const counts = { refreshed: 0, left: 0 };
  for await (const { id } of everyItem((cursor) => deps.vectors.list({ filter, limit: PAGE, cursor, order: 'id' }))) {
    if (signal?.aborted) return counts;
    counts[await deps.refresh(id)]++;
    onProgress?.(counts.refreshed + counts.left);
    await pause?.();
  }
  return counts;
}
