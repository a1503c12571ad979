import { z } from '@hono/zod-openapi';
import { LANGUAGE_TAG, languageOfTag } from '../../../core/encode/detect-language.ts';

/** Building blocks of all schemas. The OpenAPI document is generated from what is checked. */

/**
 * Maximum characters (UTF-16 units) of a text; the text encoder reads 256 tokens, about 1,000 characters of English.
 */
const MAX_TEXT_LENGTH = 2000;
/** Maximum bytes of a picture in JSON, before base64; larger ones are sent as multipart. */
const MAX_INLINE_IMAGE_BYTES = 10 * 1024 ** 2;

/** Control characters, except tab and line ends: nobody searches for them. */
const CONTROL = /(?![\t\n\r])\p{Cc}/u;

/** Text without control characters or halves of surrogate pairs, trimmed, not empty. */
export function plainText(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine((text) => text.isWellFormed(), 'expected well-formed Unicode, got half of a surrogate pair')
    .refine((text) => !CONTROL.test(text), 'expected text without control characters, got one')
    .transform((text) => text.trim())
    .pipe(z.string().min(1).max(maxLength));
}

export const searchText = () =>
  plainText(MAX_TEXT_LENGTH).openapi({ type: 'string', minLength: 1, maxLength: MAX_TEXT_LENGTH });

/** The longest language tag that BCP 47 requires everybody to accept. */
const MAX_LANGUAGE_LENGTH = 35;

/** `auto`, or an ISO 639-1 code; the rest of a tag such as pt-BR is ignored. */
export const lang = z
  .string()
  .max(MAX_LANGUAGE_LENGTH)
  .regex(LANGUAGE_TAG, 'expected auto or a language such as de')
  .transform(languageOfTag)
  .default('auto')
  .openapi({
    type: 'string',
    maxLength: MAX_LANGUAGE_LENGTH,
    default: 'auto',
    description:
      'Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by ' +
      '`Accept-Language`.',
    example: 'auto',
  });

/** Without an example: no id is valid everywhere. */
export const id = z
  .uuid('expected a UUID')
  .transform((value) => value.toLowerCase())
  .openapi({ type: 'string', format: 'uuid' });

export const idParams = z.strictObject({ id });

/** For routes without parameters: a misspelt parameter is never ignored. */
export const noQuery = z.strictObject({});

/** A parameter that may be repeated. */
export function repeated<S extends z.ZodType>(item: S, maxItems: number) {
  return z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).min(1).max(maxItems).optional(),
  );
}

/** Only digits: no sign, fraction, exponent, blank or hexadecimal. */
function digits(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

/** A whole number in a query string. */
export function integerParameter({ min, max }: { min: number; max: number }) {
  return digits(min, max).optional().openapi({ type: 'integer', minimum: min, maximum: max });
}

/** The same with a default. */
export function integerWithDefault({ min, max, default: byDefault }: { min: number; max: number; default: number }) {
  return digits(min, max)
    .default(byDefault)
    .openapi({ type: 'integer', minimum: min, maximum: max, default: byDefault });
}

/** A decimal number in a query string. */
export function numberParameter(bounds: { min: number; max: number }) {
  return z
    .string()
    .regex(/^-?\d{1,15}(\.\d{1,15})?$/, 'expected a number')
    .transform(Number)
    .pipe(z.number().min(bounds.min).max(bounds.max))
    .optional()
    .openapi({ type: 'number', minimum: bounds.min, maximum: bounds.max });
}

export const booleanParameter = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .default(false)
  .openapi({ type: 'boolean', default: false });

/** JSON Schema 2020-12, 8.3, adopted by OpenAPI 3.1. */
const base64Document = {
  type: 'string' as const,
  contentEncoding: 'base64',
  minLength: 1,
  maxLength: Math.ceil(MAX_INLINE_IMAGE_BYTES / 3) * 4,
  description: `The bytes of a picture, at most ${MAX_INLINE_IMAGE_BYTES}; send larger ones as multipart/form-data.`,
};

/** A picture as base64, decoded. Checked without a regular expression, whose cost on a long text has no bound. */
export const base64Image = z
  .string()
  .min(base64Document.minLength)
  .max(base64Document.maxLength)
  .transform((text, ctx) => {
    const bytes = Buffer.from(text, 'base64');
    if (text.length % 4 !== 0 || bytes.byteLength !== decodedLength(text) || /[^A-Za-z0-9+/=]/.test(text)) {
      ctx.addIssue({
        code: 'custom',
        message: 'expected a picture in base64 (RFC 4648, 4, with padding), got something else',
      });
      return z.NEVER;
    }
    return new Uint8Array(bytes);
  })
  .openapi(base64Document);

function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

export const spaceId = z.string().openapi({
  description: 'Identifies the models and the head; scores and vectors are comparable only within one space.',
  example: '3f0c2a9d1b7e4c55',
});

export const timestamp = z.string().openapi({ format: 'date-time', example: '2026-11-23T20:36:00.000Z' });
