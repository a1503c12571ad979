import { z } from '@hono/zod-openapi';
import { trainingCurves } from '../../../core/encode/head-file.ts';
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

/** The models in use: where they come from, and what a client must know to compare vectors. */
export const modelInfo = z
  .strictObject({
    space: spaceId,
    dimension: z.int().describe('Components of a vector in the joint space.'),
    profile: z.string(),
    text: z.strictObject({ ...encoder, maxTokens: z.int() }),
    texts: z
      .array(z.strictObject({ encoder: z.string(), languages: z.array(z.string()), sha256: z.string().nullable() }))
      .describe(
        'Text encoders with their languages (ISO 639-1; empty when unspecified). The first is loaded at startup, ' +
          'others with the first text that needs them. `sha256` is of the graph that maps them into the space.',
      ),
    image: z.strictObject({ ...encoder, cropPixels: z.int() }),
    head: z.strictObject({
      name: z.string().describe('Begins with "none" when the encoders share a space without a head.'),
      trained: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).describe('Training figures.'),
      curves: trainingCurves.describe(
        'Losses and the sum of recalls (R@1, R@5 and R@10, both ways, in percent) on the validation split.',
      ),
    }),
  })
  .openapi('Model');

export type ModelInfo = z.infer<typeof modelInfo>;

export const problem = z
  .looseObject({
    type: z.string().openapi({ format: 'uri-reference', example: '/problems/invalid-input' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What was expected and what was received.'),
    instance: z.string().describe('The path of the request.'),
    requestId: z.string().nullable().describe('Same as X-Request-Id; also in the log.'),
    errors: z
      .array(
        z.strictObject({
          pointer: z
            .string()
            .optional()
            .openapi({ description: 'JSON pointer into the body.', example: '#/filter/minBytes' }),
          parameter: z.string().optional().describe('Name of a parameter or form field.'),
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
