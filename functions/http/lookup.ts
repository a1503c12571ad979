import { SightlineError } from '../../core/errors.ts';
import type { ObjectStore, VectorStore } from '../../core/ports.ts';
import type { CaptionPayload, ImagePayload } from '../../core/types.ts';
import { HttpProblem } from './problem.ts';

/** The live picture with this id, or null. */
export async function getImage(vectors: VectorStore, id: string): Promise<ImagePayload | null> {
  const point = (await vectors.get([id])).get(id);
  return point === undefined || point.deleted || point.payload.kind !== 'image' ? null : point.payload;
}

/**
 * The live picture with this id.
 * @throws {not-found}
 */
export async function findImage(vectors: VectorStore, id: string): Promise<ImagePayload> {
  const payload = await getImage(vectors, id);
  if (payload === null) throw new HttpProblem('not-found', `no stored picture has the id ${id}`);
  return payload;
}

/**
 * The live caption with this id.
 * @throws {not-found}
 */
export async function findCaption(vectors: VectorStore, id: string): Promise<CaptionPayload> {
  const point = (await vectors.get([id])).get(id);
  if (point === undefined || point.deleted || point.payload.kind !== 'caption') {
    throw new HttpProblem('not-found', `no stored caption has the id ${id}`);
  }
  return point.payload;
}

/**
 * The folder or bucket with this name.
 * @throws {unavailable} (503) when it is missing at the moment
 */
export function findBucket(buckets: ReadonlyMap<string, ObjectStore>, bucket: string): ObjectStore {
  const objects = buckets.get(bucket);
  if (objects === undefined) {
    throw new SightlineError('unavailable', `the folder or bucket ${bucket} is not available now`);
  }
  return objects;
}
