import { createRoute } from '@hono/zod-openapi';
import { isSightlineError } from '../../../core/errors.ts';
import type { TrashEntry } from '../../../core/trash.ts';
import { type WriteRoute, writeRoute } from '../auth.ts';
import type { AppDeps } from '../deps.ts';
import { findImage } from '../lookup.ts';
import { type App, BINARY, json, problems } from '../openapi.ts';
import { HttpProblem, rejectedImage } from '../problem.ts';
import { idParams, noQuery } from '../schemas/common.ts';
import { image } from '../schemas/images.ts';
import { thumbnailQuery } from '../schemas/thumbnail.ts';
import { trashItem, trashPage, trashQuery } from '../schemas/trash.ts';
import { serialise } from '../serialise.ts';
import type { Thumbnails } from '../thumbnail-cache.ts';
import { sendThumbnail } from './content.ts';

const tags = ['trash'];

const listRoute = createRoute({
  method: 'get',
  path: '/trash',
  tags,
  summary: 'Deleted pictures, latest first',
  request: { query: trashQuery },
  responses: { 200: json(trashPage, 'One page of the trash.'), ...problems() },
});

const getRoute = createRoute({
  method: 'get',
  path: '/trash/{id}',
  tags,
  summary: 'One deleted picture',
  request: { params: idParams, query: noQuery },
  responses: { 200: json(trashItem, 'The entry.'), ...problems(404) },
});

const thumbnailRoute = createRoute({
  method: 'get',
  path: '/trash/{id}/thumbnail',
  tags,
  summary: 'A small version of a deleted picture',
  request: { params: idParams, query: thumbnailQuery },
  responses: {
    200: { description: 'The thumbnail.', content: { 'image/*': { schema: BINARY } } },
    304: { description: 'The copy of the caller is still good.' },
    ...problems(404, 413, 415, 422),
  },
});

/** Registers the trash: list, restore, delete for good. */
export function registerTrash(app: App, deps: AppDeps, thumbnails: Thumbnails): void {
  registerLooking(app, deps, thumbnails);
  const write = { tags, ...writeRoute(deps.options) };
  registerRestore(app, deps, write);
  registerDeletes(app, deps, write, thumbnails);
}

type Write = WriteRoute & { readonly tags: string[] };

function registerLooking(app: App, deps: AppDeps, thumbnails: Thumbnails): void {
  const { trash } = deps;
  const { keepDays } = trash;

  app.openapi(listRoute, async (c) => {
    const { items, next, total } = await trash.list(c.req.valid('query'));
    return c.json(
      { items: items.map((entry) => serialise(c, deps).trashEntry(entry, keepDays)), next, total, keepDays },
      200,
    );
  });

  app.openapi(getRoute, async (c) =>
    c.json(serialise(c, deps).trashEntry(await trash.get(c.req.valid('param').id), keepDays), 200),
  );

  app.openapi(thumbnailRoute, async (c) => {
    const { size } = c.req.valid('query');
    const entry = await trash.get(c.req.valid('param').id);
    return sendThumbnail(c, `${entry.id}-${size}`, () =>
      thumbnails.make(entry.id, size, () => readEntry(deps, entry), c.get('signal')),
    );
  });
}

function registerRestore(app: App, deps: AppDeps, write: Write): void {
  const restoreRoute = createRoute({
    ...write,
    method: 'post',
    path: '/trash/{id}/restore',
    summary: 'Put a deleted picture back',
    description: 'Restores file, index entry and tags.',
    request: { params: idParams, query: noQuery },
    responses: { 200: json(image, 'The picture.'), ...problems(401, 403, 404, 409, 415, 422) },
  });
  app.openapi(restoreRoute, async (c) => {
    const { entry, outcome } = await deps.trash.restore(c.req.valid('param').id).catch((error: unknown) => {
      if (!isSightlineError(error, 'precondition-failed')) throw error;
      throw new HttpProblem('already-exists', error.message, { cause: error });
    });
    if (outcome.status === 'rejected') throw rejectedImage(outcome.reason, outcome.message);
    const payload = await deps.onLiveSpace(({ vectors }) => findImage(vectors, entry.imageId));
    return c.json(serialise(c, deps).image(entry.imageId, payload), 200);
  });
}

function registerDeletes(app: App, { trash, local }: AppDeps, write: Write, thumbnails: Thumbnails): void {
  const deleteRoute = createRoute({
    ...write,
    method: 'delete',
    path: '/trash/{id}',
    summary: 'Delete a picture for good',
    description:
      'Deletes its file with all older versions in the bucket. If it was removed from the index only, the file stays.',
    request: { params: idParams, query: noQuery },
    responses: { 204: { description: 'It is gone.' }, ...problems(401, 403, 404) },
  });
  app.openapi(deleteRoute, async (c) => {
    const { id, imageId } = await trash.remove(c.req.valid('param').id);
    thumbnails.forget(id);
    thumbnails.forget(imageId);
    return c.body(null, 204);
  });

  const emptyRoute = createRoute({
    ...write,
    method: 'delete',
    path: '/trash',
    summary: 'Empty the trash',
    request: { query: noQuery },
    responses: { 204: { description: 'It is empty.' }, ...problems(401, 403) },
  });
  app.openapi(emptyRoute, async (c) => {
    // Thousands of pictures take longer. A function has its own limit, and the next call goes on.
    if (local) c.get('disableTimeLimit')();
    await trash.empty('all').finally(() => thumbnails.forget());
    return c.body(null, 204);
  });
}

async function readEntry({ trash, options }: AppDeps, entry: TrashEntry): Promise<Uint8Array> {
  const found = await trash.open(entry);
  if (found === null) throw new HttpProblem('not-found', 'the file of this picture is gone');
  if (found.info.bytes > options.maxImageBytes) {
    await found.body.cancel();
    const detail = `expected a picture of at most ${options.maxImageBytes} bytes, got ${found.info.bytes}`;
    throw new HttpProblem('too-large', detail);
  }
  return new Response(found.body).bytes();
}
