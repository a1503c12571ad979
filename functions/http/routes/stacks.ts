import { createRoute } from '@hono/zod-openapi';
import { createStacks } from '../../../core/near-duplicates.ts';
import type { AppDeps } from '../deps.ts';
import { type App, json, problems } from '../openapi.ts';
import { MAX_COPIES, stackPage, stacksQuery } from '../schemas/stacks.ts';
import { serialise } from '../serialise.ts';
import { openCursor, sealCursor } from '../space-cursor.ts';

const route = createRoute({
  method: 'get',
  path: '/stacks',
  tags: ['images'],
  summary: 'Pictures that are copies of each other',
  description:
    'Copies are of the same bytes, or made smaller, compressed again or a little changed: by their perceptual ' +
    'hashes, and by their vectors. Those with the most bytes to spare come first. The list is up to a minute old, ' +
    'and is not made of more than 500,000 pictures.',
  request: { query: stacksQuery },
  responses: { 200: json(stackPage, 'One page of stacks.'), ...problems(409, 413) },
});

/** Registers the list of copies. */
export function registerStacks(app: App, deps: AppDeps): void {
  const { vectors } = deps;
  const stacks = createStacks(vectors);
  app.openapi(route, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const page = await stacks.list({ limit, cursor: openCursor(vectors.space, cursor) });
    const found = await vectors.get(page.items.flatMap(({ ids }) => ids.slice(0, MAX_COPIES)));
    const items = page.items.flatMap(({ ids, spareBytes }) => {
      const points = ids.flatMap((id) => {
        const point = found.get(id);
        return point === undefined || point.deleted ? [] : [point];
      });
      const gone = Math.min(ids.length, MAX_COPIES) - points.length;
      const pictures = serialise(c, deps).images(points);
      // The others of some may have gone since it was found.
      return pictures.length < 2 ? [] : [{ pictures, count: ids.length - gone, spareBytes }];
    });
    const { total, spare } = page;
    return c.json({ items, total, spare, next: sealCursor(vectors.space, page.next) }, 200);
  });
}
