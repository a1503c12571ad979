import { z } from '@hono/zod-openapi';
import { integerWithDefault } from './common.ts';
import { image } from './images.ts';
import { cursor, next } from './paging.ts';

const MAX_STACKS = 50;
/** Maximum pictures shown of one stack; some have more, such as blank scans. */
export const MAX_COPIES = 100;

export const stacksQuery = z.strictObject({
  limit: integerWithDefault({ min: 1, max: MAX_STACKS, default: 20 }).describe('Stacks per page.'),
  cursor: cursor.optional(),
});

const stack = z
  .strictObject({
    pictures: z.array(image).min(1).max(MAX_COPIES).describe('Most pixels first, then most bytes.'),
    count: z.int().describe('Number of pictures in the stack, including those not shown.'),
    spareBytes: z.int().describe('Bytes of all pictures but the first.'),
  })
  .openapi('Stack');

export const stackPage = z
  .strictObject({
    items: z.array(stack).max(MAX_STACKS),
    total: z.int().describe('Stacks on all pages.'),
    spare: z
      .strictObject({ pictures: z.int(), bytes: z.int() })
      .describe('All pictures but the first of each stack, on all pages, and their bytes.'),
    next,
  })
  .openapi('StackPage');
