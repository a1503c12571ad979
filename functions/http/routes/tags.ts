import { createRoute } from '@hono/zod-openapi';
import type { AppDeps } from '../deps.ts';
import { revalidated } from '../headers.ts';
import { type App, json, problems } from '../openapi.ts';
import { toFilter } from '../schemas/filter.ts';
import { tagCounts, tagQuery } from '../schemas/system.ts';

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

/** Registers GET /tags. */
export function registerTags(app: App, deps: AppDeps): void {
  app.openapi(route, async (c) => {
    const { limit, kind, ...values } = c.req.valid('query');
    return c.json({ items: await deps.vectors.facetTags(toFilter(values, kind), limit) }, 200);
  });
}
