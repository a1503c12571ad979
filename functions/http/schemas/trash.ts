import { z } from '@hono/zod-openapi';
import { id, timestamp } from './common.ts';
import { image } from './images.ts';
import { cursor, limitParameter, pageOf } from './paging.ts';

export const trashItem = image
  .omit({ id: true, links: true })
  .extend({
    id: id.describe('Id of the entry in the trash.'),
    imageId: id.describe('Id of the picture, before deletion and after restoring.'),
    deletedAt: timestamp,
    expiresAt: timestamp.describe('Earliest time at which it is deleted for good.'),
    moved: z.boolean().describe('False when it was only removed from the index: its file is still in place.'),
    links: z.strictObject({ self: z.string(), restore: z.string(), thumbnail: z.string() }),
  })
  .openapi('TrashItem');
export type TrashResource = z.output<typeof trashItem>;

export const trashPage = pageOf(trashItem)
  .extend({ total: z.int(), keepDays: z.int().describe('Days that an entry is kept.') })
  .openapi('TrashPage');

export const trashQuery = z.strictObject({ limit: limitParameter, cursor: cursor.optional() });

export const deleteQuery = z.strictObject({
  from: z
    .enum(['disk', 'index'])
    .optional()
    .describe(
      'disk: the file goes to the trash. index: the file stays and is not indexed again. Default: disk for ' +
        'watched folders and the bucket for uploads, index for others, whose pictures were only indexed.',
    ),
});
