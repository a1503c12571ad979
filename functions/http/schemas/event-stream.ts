import { z } from '@hono/zod-openapi';
import { id, timestamp } from './common.ts';

const known = {
  type: z.enum(['indexed', 'removed', 'failed', 'resolved']).describe('failed, resolved: of /failures.'),
  id,
  key: z.string(),
  at: timestamp,
};

export const knownChange = z.strictObject(known).openapi('KnownChange');

export const change = z
  .union([
    knownChange,
    z
      .strictObject({ type: z.literal('changed'), id: z.null(), key: z.null(), at: timestamp })
      .describe('Something was indexed or removed by another process, or more than this caller read.'),
  ])
  .openapi('Change');
