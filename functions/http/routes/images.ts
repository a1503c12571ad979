import { createRoute } from '@hono/zod-openapi';
import type { TrashEntry } from '../../../core/trash.ts';
import { openCursor, sealCursor } from '../api-cursor.ts';
import { type WriteRoute, writeRoute } from '../auth.ts';
import { matches, quoteEtag } from '../conditional-and-range.ts';
import type { AppDeps } from '../deps.ts';
import { findBucket, findImage } from '../lookup.ts';
import { type App, json, jsonBody, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { MAX_JSON_BYTES, readJson } from '../request-body.ts';
import { revalidated } from '../response-headers.ts';
import { idParams, noQuery } from '../schemas/common.ts';
import { toFilter } from '../schemas/filter.ts';
import { image, imagePage, listQuery, tagsBody } from '../schemas/images.ts';
import { deleteQuery } from '../schemas/trash.ts';
import { serialise } from '../serialise.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/images',
  tags: ['images'],
  summary: 'List pictures, newest first',
  middleware: revalidated,
  request: { query: listQuery },
  responses: { 200: json(imagePage, 'One page of pictures.'), ...problems() },
});

const getRoute = createRoute({
  method: 'get',
  path: '/images/{id}',
  tags: ['images'],
  summary: 'One picture',
  middleware: revalidated,
  request: { params: idParams, query: noQuery },
  responses: { 200: json(image, 'The picture.'), ...problems(404) },
});

/** Registers the management of stored pictures: list, get, tag, delete. */
export function registerImages(app: App, deps: AppDeps): void {
  const { vectors } = deps;
  const write = writeRoute(deps.options);

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, sort, ...values } = c.req.valid('query');
    const filter = toFilter(values, 'image');
    const inner = openCursor(vectors.space, cursor);
    const [page, total] = await Promise.all([
      vectors.list({ filter, limit, cursor: inner, order: sort }),
      vectors.count(filter),
    ]);
    return c.json(
      { items: serialise(c, deps).images(page.items), next: sealCursor(vectors.space, page.next), total },
      200,
    );
  });

  app.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(serialise(c, deps).image(id, await findImage(vectors, id)), 200);
  });

  const patchRoute = createRoute({
    ...write,
    method: 'patch',
    path: '/images/{id}',
    tags: ['images'],
    summary: 'Replace the tags of a picture',
    request: { params: idParams, query: noQuery, body: jsonBody(app, 'Tags', tagsBody) },
    responses: { 200: json(image, 'The picture with its new tags.'), ...problems(401, 404, 413, 415) },
  });
  app.openapi(patchRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { tags } = await readJson(c, tagsBody, MAX_JSON_BYTES);
    const payload = await deps.onLiveSpace(async (live) => {
      await findImage(live.vectors, id);
      await live.vectors.setTags(id, tags);
      return findImage(live.vectors, id);
    });
    return c.json(serialise(c, deps).image(id, payload), 200);
  });

  app.openapi(deleteRoute(write), async (c) => {
    const entry = await deleteImage(deps, c.req.valid('param').id, c.req.valid('query').from, c.req.header('if-match'));
    return c.body(null, 204, entry === null ? {} : { 'Sightline-Trash': entry.id });
  });
}

function deleteRoute(write: WriteRoute) {
  return createRoute({
    ...write,
    method: 'delete',
    path: '/images/{id}',
    tags: ['images'],
    summary: 'Move a picture to the trash',
    description:
      'Removes it from the index, and its file from the folder or bucket, until it is restored or expires in the ' +
      'trash. With If-Match (the entity tag of its content) only if it is still that version.',
    request: { params: idParams, query: deleteQuery },
    responses: {
      204: {
        description: 'It is in the trash, unless its file was already gone.',
        headers: {
          'Sightline-Trash': { schema: { type: 'string' }, description: 'The id of its entry in the trash.' },
        },
      },
      ...problems(401, 403, 404, 412),
    },
  });
}

/** A file that was only indexed stays on disk unless the caller says otherwise. */
async function deleteImage(
  deps: AppDeps,
  id: string,
  from: 'disk' | 'index' | undefined,
  ifMatch: string | undefined,
): Promise<TrashEntry | null> {
  const { bucket, key } = await findImage(deps.vectors, id);
  const etag = await versionToDelete(findBucket(deps.buckets, bucket), key, ifMatch);
  return deps.trash.put(id, { from: from ?? (isServed(deps, bucket) ? 'disk' : 'index'), ifMatch: etag });
}

/** If-Match as a condition of the object store, so that nothing can happen between check and delete. */
async function versionToDelete(
  objects: { head(key: string): Promise<{ etag: string } | null> },
  key: string,
  ifMatch: string | undefined,
): Promise<string | undefined> {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const info = await objects.head(key);
  if (info === null || !matches(ifMatch, quoteEtag(info.etag))) {
    throw new HttpProblem('precondition-failed', 'expected the version in If-Match, got another one');
  }
  return info.etag;
}

/** Whether a bucket or folder is watched, and not only indexed once. */
function isServed({ isWatched, uploadBucket }: AppDeps, bucket: string): boolean {
  return isWatched?.(bucket) === true || bucket === uploadBucket();
}
