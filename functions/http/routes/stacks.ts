import { createRoute } from '@hono/zod-openapi';
import { createStacks } from '../../../core/find-stacks.ts';
import { openCursor, sealCursor } from '../api-cursor.ts';
import type { AppDeps } from '../deps.ts';
import { type App, json, problems } from '../openapi.ts';
import { MAX_COPIES, stackPage, stacksQuery } from '../schemas/stacks.ts';
import { serialise } from '../serialise.ts';

const route = createRoute({
  method: 'get',
  path: '/stacks',
  tags: ['images'],
  summary: 'Pictures that are copies of each other',
  description:
    'Copies have the same bytes, or are resized, recompressed or slightly edited, judged by their perceptual ' +
    'hashes and vectors. Stacks with the most bytes to spare come first. The list is up to a minute old. ' +
    'Collections of more than 500,000 pictures are refused.',
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
      // Copies may have been removed since the stack was found.
      return pictures.length < 2 ? [] : [{ pictures, count: ids.length - gone, spareBytes }];
    });
    const { total, spare } = page;
    return c.json({ items, total, spare, next: sealCursor(vectors.space, page.next) }, 200);
  });
}
