import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { search } from '../../../core/search/search.ts';
import { openCursor, sealCursor } from '../api-cursor.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { findImage } from '../lookup.ts';
import { type App, json, problems } from '../openapi.ts';
import { idParams } from '../schemas/common.ts';
import { toFilter } from '../schemas/filter.ts';
import { neighbourQuery } from '../schemas/images.ts';
import { searchPage } from '../schemas/search.ts';
import { serialise } from '../serialise.ts';

const request = { params: idParams, query: neighbourQuery };
const responses = { 200: json(searchPage, 'One page of hits, best first.'), ...problems(404, 409) };

const similarRoute = createRoute({
  method: 'get',
  path: '/images/{id}/similar',
  tags: ['search'],
  summary: 'Pictures like this one',
  description: 'Without the picture itself.',
  request,
  responses,
});

const captionsRoute = createRoute({
  method: 'get',
  path: '/images/{id}/captions',
  tags: ['search'],
  summary: 'Captions that fit this picture',
  request,
  responses,
});

interface Asked {
  readonly id: string;
  readonly query: typeof neighbourQuery._output;
}

/** Registers the searches that start from a stored picture. */
export function registerNeighbours(app: App, deps: AppDeps): void {
  const { space } = deps.embedder;

  async function neighbours(c: Context<AppEnv>, kind: 'image' | 'caption', asked: Asked) {
    const { id, query } = asked;
    await findImage(deps.vectors, id);
    const { limit, cursor, minScore, ...values } = query;
    const filter = toFilter(values, kind);
    const terms = [{ imageId: id, weight: 1 }];
    const inner = openCursor(space, cursor);
    const page = await search(deps, { terms, filter, limit, cursor: inner, minScore });
    return { items: serialise(c, deps).hits(page.items), next: sealCursor(space, page.next), space };
  }

  app.openapi(similarRoute, async (c) =>
    c.json(await neighbours(c, 'image', { ...c.req.valid('param'), query: c.req.valid('query') }), 200),
  );
  app.openapi(captionsRoute, async (c) =>
    c.json(await neighbours(c, 'caption', { ...c.req.valid('param'), query: c.req.valid('query') }), 200),
  );
}
