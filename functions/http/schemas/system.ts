import { z } from '@hono/zod-openapi';
import { spaceId } from './common.ts';

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
