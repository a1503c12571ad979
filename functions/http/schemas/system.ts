import { z } from '@hono/zod-openapi';
import { base64Image, id, lang, searchText, spaceId, timestamp } from './common.ts';
import { image } from './images.ts';
import { cursor, limitParameter, pageOf } from './paging.ts';

/** Texts and pictures of one POST /embed. */
export const MAX_EMBED_TEXTS = 64;
export const MAX_EMBED_IMAGES = 16;

export const failure = z
  .strictObject({
    id,
    bucket: z.string(),
    key: z.string(),
    etag: z.string(),
    reason: z.string().openapi({ description: 'For programs.', example: 'truncated' }),
    message: z.string().openapi({ description: 'For people.' }),
    retryable: z.boolean().openapi({ description: 'False when the same bytes can never succeed.' }),
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

const vector = z.array(z.number()).openapi({ description: 'Unit length.' });

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
  texts: z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(searchText()).min(1).max(MAX_EMBED_TEXTS).optional(),
  ),
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
      .openapi({ description: 'How each text was read: its language, null when nothing says, and the text encoder.' }),
  })
  .openapi('Vectors');

export const health = z
  .strictObject({ status: z.literal('ok'), version: z.string(), uptimeSeconds: z.number() })
  .openapi('Health');

export const ready = z.strictObject({ status: z.literal('ready'), space: spaceId }).openapi('Ready');

const encoder = {
  name: z.string(),
  dimension: z.int(),
  licence: z.string(),
  source: z.string().openapi({ format: 'uri' }),
};

/** Figures of each epoch; additional ones of other trainers are left out. */
export const trainingCurves = z.array(
  z.object({ epoch: z.int(), trainLoss: z.number(), validationLoss: z.number(), recallSum: z.number() }),
);

/** The models that answer: what a client must know to compare vectors, and where they come from. */
export const modelInfo = z
  .strictObject({
    space: spaceId,
    dimension: z.int().openapi({ description: 'Components of a vector in the joint space.' }),
    profile: z.string(),
    text: z.strictObject({ ...encoder, maxTokens: z.int() }),
    texts: z
      .array(z.strictObject({ encoder: z.string(), languages: z.array(z.string()), sha256: z.string().nullable() }))
      .openapi({
        description:
          'What reads texts, by languages (ISO 639-1; none when nobody says). The first is loaded from the start, ' +
          'others with the first text that needs them. `sha256` is of the graph that brings them into the space.',
      }),
    image: z.strictObject({ ...encoder, cropPixels: z.int() }),
    head: z.strictObject({
      name: z.string().openapi({ description: 'Begins with "none" when the encoders share a space without a head.' }),
      trained: z
        .record(z.string(), z.union([z.string(), z.number(), z.null()]))
        .openapi({ description: 'Figures of its training.' }),
      curves: trainingCurves.openapi({
        description:
          'Losses and the sum of recalls (R@1, R@5 and R@10, both ways, in percent) on the validation split.',
      }),
    }),
  })
  .openapi('Model');

export type ModelInfo = z.infer<typeof modelInfo>;

export const problem = z
  .looseObject({
    type: z.string().openapi({ format: 'uri-reference', example: '/problems/invalid-input' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What was expected and what came.' }),
    instance: z.string().openapi({ description: 'The path that was asked.' }),
    requestId: z.string().nullable().openapi({ description: 'The same as X-Request-Id; the log has it, too.' }),
    errors: z
      .array(
        z.strictObject({
          pointer: z
            .string()
            .optional()
            .openapi({ description: 'JSON pointer into the body.', example: '#/filter/minBytes' }),
          parameter: z.string().optional().openapi({ description: 'Name of a parameter or form field.' }),
          detail: z.string(),
        }),
      )
      .optional(),
    reason: z
      .string()
      .optional()
      .openapi({ description: 'Why a picture was refused, for programs.', example: 'truncated' }),
  })
  .openapi('Problem', { description: 'RFC 9457; `type` can be opened.' });
