import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isSightlineError } from '../../../core/errors.ts';
import { type WriteRoute, writeRoute } from '../auth.ts';
import { isThisMachine } from '../caller.ts';
import type { AppDeps, AppEnv, FolderChanges } from '../deps.ts';
import { type App, created, json, jsonBody, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { MAX_JSON_BYTES, readJson } from '../request-body.ts';
import { noQuery } from '../schemas/common.ts';
import { addBody, folder, folderList, moveBody, nameParams } from '../schemas/folders.ts';
import { serialise } from '../serialise.ts';

const tags = ['folders'];

const listRoute = createRoute({
  method: 'get',
  path: '/folders',
  tags,
  summary: 'The folders of the index',
  request: { query: noQuery },
  responses: { 200: json(folderList, 'All folders; empty when pictures are in a bucket.'), ...problems() },
});

/**
 * Registers the folders of an index: list, add, move and remove. Adding a folder exposes files of this machine, so it
 * requires a write key, or a request from the machine itself.
 */
export function registerFolders(app: App, deps: AppDeps): void {
  const write = { tags, ...writeRoute(deps.options) };

  app.openapi(listRoute, async (c) => {
    return c.json({ items: ((await deps.folders?.()) ?? []).map(serialise(c, deps).folder) }, 200);
  });

  registerAdd(app, deps, write);
  const moveRoute = createRoute({
    ...write,
    method: 'patch',
    path: '/folders/{name}',
    summary: 'Set the new path of a folder',
    description: 'Its pictures keep their tags and index data.',
    request: { params: nameParams, query: noQuery, body: jsonBody(app, 'FolderLocation', moveBody) },
    responses: { 200: json(folder, 'The folder.'), ...problems(401, 403, 404, 409, 413, 415) },
  });
  app.openapi(moveRoute, async (c) => {
    const changes = changesFor(c, deps);
    const { path } = await readJson(c, moveBody, MAX_JSON_BYTES);
    return c.json(await find(c, deps, await refusing(changes.move(c.req.valid('param').name, path))), 200);
  });

  const removeRoute = createRoute({
    ...write,
    method: 'delete',
    path: '/folders/{name}',
    summary: 'Take a folder out of the index',
    description: 'Its files stay where they are. Tags of its pictures are kept for a while in case they return.',
    request: { params: nameParams, query: noQuery },
    responses: { 204: { description: 'It is out.' }, ...problems(401, 403, 404) },
  });
  app.openapi(removeRoute, async (c) => {
    const changes = changesFor(c, deps);
    await changes.remove(c.req.valid('param').name);
    return c.body(null, 204);
  });
}

function registerAdd(app: App, deps: AppDeps, write: WriteRoute & { tags: string[] }): void {
  const addRoute = createRoute({
    ...write,
    method: 'post',
    path: '/folders',
    summary: 'Add a folder of this machine',
    description:
      'It is indexed and watched from then on. A moved folder is recognised by its pictures; when that is uncertain, ' +
      'the answer is 409 `perhaps-moved`; repeat the request with `moved`.',
    request: { query: noQuery, body: jsonBody(app, 'NewFolder', addBody) },
    responses: { 201: created(folder, 'The folder.'), ...problems(401, 403, 404, 409, 413, 415) },
  });
  app.openapi(addRoute, async (c) => {
    const changes = changesFor(c, deps);
    const { path, moved } = await readJson(c, addBody, MAX_JSON_BYTES);
    const added = await find(c, deps, await refusing(changes.add(path, moved)));
    const location = `${c.get('caller').basePath}/folders/${encodeURIComponent(added.name)}`;
    return c.json(added, 201, { Location: location });
  });
}

/** Refuses when there are no folders, and callers who are neither on this machine nor have a key. */
function changesFor(c: Context<AppEnv>, { folderChanges }: AppDeps): FolderChanges {
  if (folderChanges === undefined) {
    const detail = 'expected a server of folders, but this one serves a bucket, which has none';
    throw new HttpProblem('no-folders', detail);
  }
  if (c.get('apiKey') === null && !isThisMachine(c.get('caller'))) {
    const detail = 'expected an API key that may write, or a call from the machine itself and not through a proxy';
    throw new HttpProblem('forbidden', detail);
  }
  // A folder that may have been moved is compared with the index, which can take minutes on a slow drive.
  c.get('disableTimeLimit')();
  return folderChanges;
}

async function find(c: Context<AppEnv>, deps: AppDeps, bucket: string) {
  const found = (await deps.folders?.())?.find((one) => one.bucket === bucket);
  if (found === undefined) throw new HttpProblem('not-found', 'the folder was taken out of the index meanwhile');
  return serialise(c, deps).folder(found);
}

/** Here an unsuitable path is the client's mistake, not a fault of the installation. */
async function refusing<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if (isSightlineError(error, 'invalid-config')) {
      throw new HttpProblem('folder-overlaps', error.message, { cause: error });
    }
    if (isSightlineError(error, 'unavailable')) throw new HttpProblem('invalid-input', error.message, { cause: error });
    throw error;
  }
}
