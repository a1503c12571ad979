import { z } from '@hono/zod-openapi';
import { base64Image, lang, repeated, searchText, spaceId } from './common.ts';

/** Maximum texts and pictures in one POST /embed. */
export const MAX_EMBED_TEXTS = 64;
export const MAX_EMBED_IMAGES = 16;

const vector = z.array(z.number()).describe('Unit length.');

export const embedBody = z
  .strictObject({
    texts: z.array(searchText()).min(1).max(MAX_EMBED_TEXTS).optional(),
    images: z.array(base64Image).min(1).max(MAX_EMBED_IMAGES).optional(),
    lang,
  })
  .refine((body) => body.texts !== undefined || body.images !== undefined, 'expected texts or images, got neither')
  .openapi('EmbedRequest', {
    anyOf: [{ required: ['texts'] }, { required: ['images'] }],
    example: { texts: ['a dog on the beach', 'a red car'] },
  });

export const embedFields = z.strictObject({
  texts: repeated(searchText(), MAX_EMBED_TEXTS),
  lang,
});

export const embedResult = z
  .strictObject({
    space: spaceId,
    dimension: z.int(),
    texts: z.array(vector),
    images: z.array(vector),
    read: z
      .array(z.strictObject({ language: z.string().nullable(), side: z.string() }))
      .describe('How each text was read: its language, null when unknown, and the text encoder.'),
  })
  .openapi('Vectors');
