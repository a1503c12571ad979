import { createRoute } from '@hono/zod-openapi';
import type { AppDeps } from '../deps.ts';
import { type App, json, problems } from '../openapi.ts';
import { revalidated } from '../response-headers.ts';
import { facetCounts, facetParams, facetQuery, tagCounts, tagQuery } from '../schemas/facets.ts';
import { toFilter } from '../schemas/filter.ts';

const route = createRoute({
  method: 'get',
  path: '/tags',
  tags: ['images'],
  summary: 'The most frequent tags',
  description: 'Most frequent first, then by name.',
  middleware: revalidated,
  request: { query: tagQuery },
  responses: { 200: json(tagCounts, 'Tags with the number of pictures that have them.'), ...problems() },
});

const facetRoute = createRoute({
  method: 'get',
  path: '/facets/{field}',
  tags: ['images'],
  summary: 'The most frequent values of a field',
  description:
    'Most frequent first, then by value. Each can be used as a filter on the field. `month` with `limit=1000` ' +
    'counts the pictures of every month, `dayOfYear` those of a day in all years.',
  middleware: revalidated,
  request: { params: facetParams, query: facetQuery },
  responses: { 200: json(facetCounts, 'Values with the number of pictures that have them.'), ...problems() },
});

/** Registers GET /tags and GET /facets/{field}. */
export function registerFacets(app: App, deps: AppDeps): void {
  app.openapi(facetRoute, async (c) => {
    const { limit, kind, ...values } = c.req.valid('query');
    const { field } = c.req.valid('param');
    return c.json({ items: await deps.vectors.facet(field, toFilter(values, kind), limit) }, 200);
  });

  app.openapi(route, async (c) => {
    const { limit, kind, ...values } = c.req.valid('query');
    const found = await deps.vectors.facet('tags', toFilter(values, kind), limit);
    return c.json({ items: found.map(({ value, count }) => ({ tag: value, count })) }, 200);
  });
}
