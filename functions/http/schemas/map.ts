import { z } from '@hono/zod-openapi';
import { id, integerWithDefault, spaceId } from './common.ts';
import { filterParameters, kind } from './filter.ts';
import { cursor, next } from './paging.ts';

/** Larger pages than elsewhere: items are small, and a map needs all of them. */
const MAX_POINTS = 1000;

export const mapQuery = z.strictObject({
  ...filterParameters,
  kind,
  limit: integerWithDefault({ min: 1, max: MAX_POINTS, default: MAX_POINTS }),
  cursor: cursor.optional(),
});

export const mapPage = z
  .strictObject({
    space: spaceId,
    dimension: z.int().describe('Components a vector.'),
    items: z
      .array(
        z.strictObject({
          id,
          kind: z.enum(['image', 'caption']),
          label: z.string().describe('The key of a picture, the text of a caption.'),
          width: z.int().nullable().describe('Pixels; null for captions.'),
          height: z.int().nullable(),
        }),
      )
      .max(MAX_POINTS),
    vectors: z.string().describe('Base64 of all vectors in order: components times 127, rounded, as signed bytes.'),
    next,
  })
  .openapi('MapPage');
