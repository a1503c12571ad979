import { z } from '@hono/zod-openapi';
import { id, lang, searchText } from './common.ts';
import { caption } from './images.ts';
import { cursor, limitParameter, pageOf } from './paging.ts';
import { tagParameters, tags } from './tags.ts';

/** Maximum captions in one batch. */
const MAX_CAPTIONS = 100;

export const captionInput = z
  .strictObject({
    text: searchText(),
    lang,
    tags: tags.optional().describe('When absent, an existing caption keeps its tags.'),
  })
  .openapi('CaptionInput', { example: { text: 'a quiet street at night', tags: ['city'] } });

/** A batch, for the document only. Items are checked one by one, so that one bad item does not stop the others. */
export const captionBatchDocument = z
  .strictObject({ items: z.array(captionInput).min(1).max(MAX_CAPTIONS) })
  .openapi('CaptionBatch', { example: { items: [{ text: 'a red boat' }, { text: 'children playing football' }] } });

export const captionBatch = z.strictObject({ items: z.array(z.unknown()).min(1).max(MAX_CAPTIONS) });

export const captionResult = z
  .strictObject({
    status: z.enum(['created', 'updated', 'rejected']),
    id: id.optional(),
    detail: z.string().optional().describe('Why it was rejected.'),
  })
  .openapi('CaptionResult');

export const captionResults = z
  .strictObject({ items: z.array(captionResult).describe('One for each, in order.') })
  .openapi('CaptionResults');

export const captionPage = pageOf(caption).openapi('CaptionPage');

export const captionQuery = z.strictObject({
  tagsAll: tagParameters,
  tagsAny: tagParameters,
  limit: limitParameter,
  cursor: cursor.optional(),
});
