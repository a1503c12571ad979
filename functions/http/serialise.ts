import { fieldValue, SHOWN_FIELDS, type ShownValues } from '../../core/picture-fields.ts';
import type { Failure, Hit, StoredPoint } from '../../core/ports.ts';
import type { CaptionPayload, ImagePayload } from '../../core/types.ts';
import type { CaptionView, HitView, ImageView } from './schemas/images.ts';
import type { FailureView } from './schemas/system.ts';

/** Stored things as the API shows them: sequencers and other inner workings stay inside. */

export function showImage(id: string, payload: ImagePayload): ImageView {
  const self = `/images/${id}`;
  const links = { self, content: `${self}/content`, thumbnail: `${self}/thumbnail` };
  return { id, kind: payload.kind, ...shownValues(payload), links };
}

function shownValues(payload: ImagePayload): ShownValues {
  const shown = SHOWN_FIELDS.map((field) => {
    const value = fieldValue(payload, field);
    // Local times of the first version end in a Z that stood for an offset that was not kept: see `timeOf`.
    return [field.name, field.type === 'local-time' && typeof value === 'string' ? value.replace(/Z$/, '') : value];
  });
  return Object.fromEntries(shown) as ShownValues;
}

export function showCaption(id: string, payload: CaptionPayload): CaptionView {
  const { kind, caption, tags, indexedAt } = payload;
  return { id, kind, caption, tags: [...tags], indexedAt, links: { self: `/captions/${id}` } };
}

export function showHit({ id, score, payload }: Hit): HitView {
  // The rounding of a dot product of unit vectors can leave the range of a cosine.
  const cosine = Math.min(1, Math.max(-1, score));
  return payload.kind === 'image'
    ? { score: cosine, ...showImage(id, payload) }
    : { score: cosine, ...showCaption(id, payload) };
}

/** Points of a list that asked for one kind. */
export function imagesOf(points: readonly StoredPoint[]): ImageView[] {
  return points.flatMap(({ id, payload }) => (payload.kind === 'image' ? [showImage(id, payload)] : []));
}

export function captionsOf(points: readonly StoredPoint[]): CaptionView[] {
  return points.flatMap(({ id, payload }) => (payload.kind === 'caption' ? [showCaption(id, payload)] : []));
}

export function showFailure(stored: Failure): FailureView {
  const { id, bucket, key, etag, reason, message, retryable, attempts, firstAt, lastAt } = stored;
  const links = { retry: `/failures/${id}/retry` };
  return { id, bucket, key, etag, reason, message, retryable, attempts, firstAt, lastAt, links };
}
