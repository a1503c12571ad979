import { z } from '@hono/zod-openapi';
import { id, timestamp } from './common.ts';
import { image } from './images.ts';
import { cursor, limitParameter, pageOf } from './paging.ts';

export const failure = z
  .strictObject({
    id,
    bucket: z.string(),
    key: z.string(),
    etag: z.string(),
    reason: z.string().openapi({ description: 'For programs.', example: 'truncated' }),
    message: z.string().describe('For people.'),
    retryable: z.boolean().describe('False when the same bytes can never succeed.'),
    attempts: z.int(),
    firstAt: timestamp,
    lastAt: timestamp,
    links: z.strictObject({ retry: z.string().openapi({ format: 'uri-reference' }) }),
  })
  .openapi('Failure');
export type FailureResource = z.output<typeof failure>;

export const failurePage = pageOf(failure).extend({ total: z.int() }).openapi('FailurePage');
export const failureQuery = z.strictObject({ limit: limitParameter, cursor: cursor.optional() });

export const retryResult = z
  .strictObject({
    status: z.enum(['indexed', 'unchanged', 'gone', 'rejected']),
    id,
    image: image.optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
  })
  .openapi('RetryResult');
