import { z } from '@hono/zod-openapi';
import { integerWithDefault } from './common.ts';
import { image } from './images.ts';
import { cursor, next } from './paging.ts';

const MAX_STACKS = 50;
/** Pictures of a stack that an answer shows; there may be more of some, such as of empty scans. */
export const MAX_COPIES = 100;

export const stacksQuery = z.strictObject({
  limit: integerWithDefault({ min: 1, max: MAX_STACKS, default: 20 }).openapi({ description: 'Stacks of a page.' }),
  cursor: cursor.optional(),
});

const stack = z
  .strictObject({
    pictures: z
      .array(image)
      .min(1)
      .max(MAX_COPIES)
      .openapi({ description: 'The one with the most pixels first, of those the one with the most bytes.' }),
    count: z.int().openapi({ description: 'Pictures of it, also beyond those that are shown.' }),
    spareBytes: z.int().openapi({ description: 'Bytes of all but the first.' }),
  })
  .openapi('Stack');

export const stackPage = z
  .strictObject({
    items: z.array(stack).max(MAX_STACKS),
    total: z.int().openapi({ description: 'Stacks on all pages.' }),
    spare: z
      .strictObject({ pictures: z.int(), bytes: z.int() })
      .openapi({ description: 'Pictures beside the first of each stack, on all pages, and their bytes.' }),
    next,
  })
  .openapi('StackPage');
