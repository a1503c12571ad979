import { z } from '@hono/zod-openapi';
import type { Filter } from '../../../core/ports.ts';
import { LIMITS } from '../api-limits.ts';
import { integerParameter, plainText, repeated, tagParameters, tags } from './common.ts';

/** Dates as stores compare them: UTC with milliseconds. A day without time means its start or its end. */
function moment(dayEdge: 'start' | 'end') {
  return z
    .union([z.iso.datetime({ offset: true }), z.iso.date()], {
      error: 'expected an ISO 8601 date such as 2026-11-23 or 2026-11-23T20:36:00Z',
    })
    .transform((text) =>
      text.includes('T') ? text : `${text}T${dayEdge === 'start' ? '00:00:00.000' : '23:59:59.999'}Z`,
    )
    .transform((text) => new Date(text).toISOString())
    .openapi({ type: 'string', format: 'date-time', example: '2026-11-23T00:00:00Z' });
}

/** RFC 6838, 4.2, for type and subtype. */
const mimeType = z
  .string()
  .max(127)
  .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/, 'expected a MIME type in lower case')
  .openapi({ example: 'image/jpeg' });

const bucket = plainText(255).openapi({ type: 'string', minLength: 1, maxLength: 255 });
const keyPrefix = plainText(LIMITS.keyBytes).openapi({ type: 'string', minLength: 1, maxLength: LIMITS.keyBytes });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');
const orientation = z.enum(['landscape', 'portrait', 'square']);

const single = {
  bucket: bucket.optional(),
  keyPrefix: keyPrefix.optional(),
  sha256: sha256.optional(),
  orientation: orientation.optional(),
  takenAfter: moment('start').optional(),
  takenBefore: moment('end').optional(),
  indexedAfter: moment('start').optional(),
  indexedBefore: moment('end').optional(),
};

const bytes = () => z.int().min(0).optional().openapi({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const bytesParameter = () => integerParameter({ min: 0, max: 999_999_999_999_999 });

/** Filters in a query string; all of them must hold, ranges include both ends. */
export const filterParameters = {
  ...single,
  tagsAll: tagParameters.openapi({ description: 'Every one of these tags; repeat the parameter for several.' }),
  tagsAny: tagParameters.openapi({ description: 'At least one of these tags.' }),
  contentTypes: repeated(mimeType, LIMITS.contentTypes),
  minBytes: bytesParameter(),
  maxBytes: bytesParameter(),
};

/** The same in a JSON body. */
export const filterBody = z
  .strictObject({
    ...single,
    tagsAll: tags.optional(),
    tagsAny: tags.optional(),
    contentTypes: z.array(mimeType).min(1).max(LIMITS.contentTypes).optional(),
    minBytes: bytes(),
    maxBytes: bytes(),
  })
  .openapi('Filter', { description: 'All given conditions must hold; ranges include both ends.' });

export const kind = z
  .enum(['image', 'caption', 'any'])
  .default('image')
  .openapi({
    description:
      'What to rank: pictures, captions, or both in one list by cosine. Two texts are nearer to each other than a text and ' +
      'a picture that fits it as well, and so are two pictures: `any` puts what is like the query in kind first. To see the ' +
      'best of both, ask once for each.',
  });

type FilterValues = z.output<typeof filterBody>;

/** The port's filter: only what was given, so that the same question always has the same fingerprint. */
export function toFilter(values: FilterValues & Record<string, unknown>, of: z.output<typeof kind>): Filter {
  const names = Object.keys(filterParameters) as (keyof FilterValues)[];
  const given = Object.fromEntries(
    names.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]),
  );
  return { ...(given as Omit<Filter, 'kind'>), ...(of !== 'any' && { kind: of }) };
}
