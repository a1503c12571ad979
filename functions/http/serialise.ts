import type { Context } from 'hono';
import { fieldValue, SHOWN_FIELDS, type ShownValues } from '../../core/picture-fields.ts';
import type { Failure, Hit, StoredPoint } from '../../core/ports.ts';
import type { SearchHit } from '../../core/search/search.ts';
import type { TrashEntry } from '../../core/trash.ts';
import type { CaptionPayload, ImagePayload } from '../../core/types.ts';
import { isToldPaths, textFor } from './caller.ts';
import type { AppDeps, AppEnv, FolderSummary } from './deps.ts';
import type { FailureResource } from './schemas/failures.ts';
import type { FolderResource } from './schemas/folders.ts';
import type { CaptionResource, HitResource, ImageResource } from './schemas/images.ts';
import type { TrashResource } from './schemas/trash.ts';

const DAY_MS = 24 * 3600 * 1000;

/**
 * Stored data as API resources for this caller: internals such as sequencers are hidden, and links begin with the path
 * at which the caller sees this service.
 */
export function serialise(c: Context<AppEnv>, deps: Pick<AppDeps, 'embedder' | 'places'>) {
  const base = c.get('caller').basePath;

  function image(id: string, payload: ImagePayload): ImageResource {
    const self = `${base}/images/${id}`;
    const links = { self, content: `${self}/content`, thumbnail: `${self}/thumbnail` };
    return { id, kind: payload.kind, ...shownValues(payload), seen: deps.embedder.seenWords(payload.classes), links };
  }

  function caption(id: string, payload: CaptionPayload): CaptionResource {
    const { kind, caption, tags, indexedAt } = payload;
    return { id, kind, caption, tags: [...tags], indexedAt, links: { self: `${base}/captions/${id}` } };
  }

  return {
    image,
    caption,

    /** Resources of points that are all pictures. */
    images: (points: readonly StoredPoint[]): ImageResource[] =>
      points.flatMap(({ id, payload }) => (payload.kind === 'image' ? [image(id, payload)] : [])),

    /** Resources of points that are all captions. */
    captions: (points: readonly StoredPoint[]): CaptionResource[] =>
      points.flatMap(({ id, payload }) => (payload.kind === 'caption' ? [caption(id, payload)] : [])),

    hits: (hits: readonly (Hit & Partial<SearchHit>)[]): HitResource[] =>
      hits.map(({ id, score, payload, why = ['meaning'], fit }) => ({
        // Rounding can push a dot product of unit vectors out of the range of a cosine.
        score: Math.min(1, Math.max(-1, score)),
        why: [...why],
        ...(payload.kind === 'image' ? { ...(fit && { fit }), ...image(id, payload) } : caption(id, payload)),
      })),

    failure(stored: Failure): FailureResource {
      const { id, bucket, key, etag, reason, retryable, attempts, firstAt, lastAt } = stored;
      const message = textFor(c, deps, stored.message);
      const links = { retry: `${base}/failures/${id}/retry` };
      return { id, bucket, key, etag, reason, message, retryable, attempts, firstAt, lastAt, links };
    },

    folder({ name, bucket, path, pictures, watched, isThere }: FolderSummary): FolderResource {
      return { name, bucket, ...(isToldPaths(c) && { path }), pictures, watched, there: isThere };
    },

    trashEntry({ id, imageId, deletedAt, picture, object }: TrashEntry, keepDays: number): TrashResource {
      const self = `${base}/trash/${id}`;
      const { id: _id, links: _links, ...shown } = image(imageId, picture);
      return {
        ...shown,
        id,
        imageId,
        deletedAt,
        expiresAt: new Date(Date.parse(deletedAt) + keepDays * DAY_MS).toISOString(),
        moved: object !== null,
        links: { self, restore: `${self}/restore`, thumbnail: `${self}/thumbnail` },
      };
    },
  };
}

function shownValues(payload: ImagePayload): ShownValues {
  const shown = SHOWN_FIELDS.map((field) => {
    const value = fieldValue(payload, field);
    // Local times stored by the first version end in a Z in place of a lost offset: see `timeOf`.
    return [field.name, field.type === 'local-time' && typeof value === 'string' ? value.replace(/Z$/, '') : value];
  });
  return Object.fromEntries(shown) as ShownValues;
}
