import { createRoute } from '@hono/zod-openapi';
import type { JointEmbedding, Payload } from '../../../core/types.ts';
import { openCursor, sealCursor } from '../api-cursor.ts';
import type { AppDeps } from '../deps.ts';
import { type App, json, problems } from '../openapi.ts';
import { toFilter } from '../schemas/filter.ts';
import { mapPage, mapQuery } from '../schemas/map.ts';

const route = createRoute({
  method: 'get',
  path: '/map',
  tags: ['operations'],
  summary: 'Compact vectors of the collection, to draw a map',
  description:
    'By id, so that pages stay the same while pictures are added. Components are rounded to 1/127: good enough to ' +
    'draw a map, not for search.',
  request: { query: mapQuery },
  responses: { 200: json(mapPage, 'One page.'), ...problems(409) },
});

/** Registers the data for a map of the collection. */
export function registerMap(app: App, deps: AppDeps): void {
  const { vectors } = deps;
  const { space, dimension } = vectors;

  app.openapi(route, async (c) => {
    const { limit, cursor, kind, ...values } = c.req.valid('query');
    const filter = toFilter(values, kind);
    const inner = openCursor(space, cursor);
    const page = await vectors.list({ filter, limit, cursor: inner, order: 'id' });
    const found = await vectors.vectors(page.items.map(({ id }) => id));
    // A point deleted in between has no vector.
    const items = page.items.filter(({ id }) => found.has(id));
    return c.json(
      {
        space,
        dimension,
        items: items.map(({ id, payload }) => ({ id, ...faceOf(payload) })),
        vectors: rounded(
          items.map(({ id }) => found.get(id)!),
          dimension,
        ),
        next: sealCursor(space, page.next),
      },
      200,
    );
  });
}

function faceOf(payload: Payload) {
  return payload.kind === 'image'
    ? { kind: payload.kind, label: payload.key, width: payload.width, height: payload.height }
    : { kind: payload.kind, label: payload.caption, width: null, height: null };
}

/** Components of unit vectors as signed bytes, one vector after another, in base64. */
function rounded(list: readonly JointEmbedding[], dimension: number): string {
  const bytes = new Int8Array(list.length * dimension);
  for (const [i, vector] of list.entries()) {
    for (let j = 0; j < dimension; j++) bytes[i * dimension + j] = Math.round(vector[j]! * 127);
  }
  return Buffer.from(bytes.buffer).toString('base64');
}
