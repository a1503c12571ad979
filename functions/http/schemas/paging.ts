import { z } from '@hono/zod-openapi';
import { integerWithDefault } from './common.ts';

/** Maximum items on one page of a search or a list. */
export const MAX_PAGE = 200;
export const DEFAULT_PAGE = 20;
const MAX_CURSOR_LENGTH = 2000;

export const cursor = z
  .string()
  .min(1)
  .max(MAX_CURSOR_LENGTH)
  .regex(/^[\w-]+$/, 'expected the `next` of a previous page')
  .describe('The `next` of the previous page of the same query.');

export const limitParameter = integerWithDefault({ min: 1, max: MAX_PAGE, default: DEFAULT_PAGE }).describe(
  'Items per page.',
);

export const next = z
  .string()
  .optional()
  .describe('Pass it as `cursor` to get the following page; absent on the last one.');

/** One page of a list. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.strictObject({ items: z.array(item).max(MAX_PAGE), next });
}
