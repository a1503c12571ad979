import { z } from '@hono/zod-openapi';
import {
  type Comparison,
  FILTERS,
  type FilterName,
  type NamedField,
  type PictureFilter,
} from '../../../core/picture-fields.ts';
import type { Filter } from '../../../core/ports.ts';
import { integerParameter, numberParameter, plainText, repeated } from './common.ts';
import { tagParameters, tags } from './tags.ts';

/** Maximum values of one filter, such as MIME types. */
const MAX_VALUES = 16;

/** A date in the form that stores compare, in UTC with milliseconds. A day without time means its start or end. */
function moment(dayEdge: 'start' | 'end') {
  return z
    .union([z.iso.datetime({ offset: true }), z.iso.date()], {
      error: 'expected an ISO 8601 date such as 2026-11-23 or 2026-11-23T20:36:00Z',
    })
    .transform((text) => (text.includes('T') ? text : `${text}T${EDGES[dayEdge]}Z`))
    .transform((text) => new Date(text).toISOString())
    .openapi({ type: 'string', format: 'date-time', description: 'Such as 2026-11-23 or 2026-11-23T20:36:00Z.' });
}

/** The same as local time: an offset is ignored. */
function localMoment(dayEdge: 'start' | 'end') {
  return z
    .string()
    .max(40)
    .pipe(
      z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()], {
        error: 'expected an ISO 8601 date such as 2026-11-23 or 2026-11-23T20:36:00',
      }),
    )
    .transform((text) => {
      const clock = text.includes('T') ? text.replace(/(Z|[+-]\d{2}:?\d{2})$/, '') : `${text}T${EDGES[dayEdge]}`;
      return new Date(`${clock}Z`).toISOString().slice(0, -1);
    })
    .openapi({
      type: 'string',
      maxLength: 40,
      description: 'Such as 2026-11-23: local time at the place where it was taken; an offset is ignored.',
    });
}

const EDGES = { start: '00:00:00.000', end: '23:59:59.999' } as const;

/** The schema of each text format. */
const FORMATS = {
  sha256: () => z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
  /** RFC 6838, 4.2, for type and subtype. */
  'mime-type': () =>
    z
      .string()
      .max(127)
      .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/, 'expected a MIME type in lower case')
      .openapi({ example: 'image/jpeg' }),
};

function textSchema({ values, format, mayBeEmpty, maxLength = 255 }: NamedField): z.ZodType<string> {
  if (values !== undefined) return z.enum(values as [string, ...string[]]);
  if (format !== undefined) return FORMATS[format]();
  const text = plainText(maxLength).openapi({ type: 'string', minLength: 1, maxLength });
  return mayBeEmpty ? z.union([z.literal(''), text]).openapi({ type: 'string', minLength: 0, maxLength }) : text;
}

/** A filter in a query string, where everything is text, or in a JSON body. */
function filterSchema(comparison: Comparison, field: NamedField, where: 'query' | 'body'): z.ZodType {
  const edge = comparison === 'atLeast' ? 'start' : 'end';
  if (field.type === 'instant') return moment(edge).optional();
  if (field.type === 'local-time') return localMoment(edge).optional();
  if (field.type === 'integer') return where === 'query' ? integerParameter(WHOLE) : wholeNumber();
  if (field.type === 'number') return where === 'query' ? numberParameter(ANY) : z.number().optional();
  if (comparison === 'all' || comparison === 'any') {
    const named = field.values && textSchema(field);
    if (where === 'body') return named === undefined ? tags.optional() : listOf(named).optional();
    const description =
      comparison === 'all'
        ? 'All of these; repeat the parameter for several.'
        : 'At least one of these; repeat the parameter for several.';
    return (named === undefined ? tagParameters : repeated(named, MAX_VALUES)).openapi({ description });
  }
  if (comparison === 'oneOf' || comparison === 'noneOf') {
    const item = textSchema(field);
    return where === 'query' ? repeated(item, MAX_VALUES) : listOf(item).optional();
  }
  return textSchema(field).optional();
}

const listOf = (item: z.ZodType<string>) => z.array(item).min(1).max(MAX_VALUES);

const WHOLE = { min: 0, max: 999_999_999_999_999 };
const ANY = { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
const wholeNumber = () => z.int().min(0).optional().openapi({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const SHOWN = FILTERS.filter(({ field }) => !field.internal);

type FilterSchemas = { [Name in FilterName]: z.ZodOptional<z.ZodType<NonNullable<PictureFilter[Name]>>> };

function filterSchemas(where: 'query' | 'body'): FilterSchemas {
  const schemas = SHOWN.map(({ name, comparison, field }) => [name, filterSchema(comparison, field, where)]);
  return Object.fromEntries(schemas) as FilterSchemas;
}

/**
 * Filters in a query string, as declared in `core/picture-fields.ts`; all must hold, ranges include both ends.
 */
export const filterParameters = filterSchemas('query');

/** The same in a JSON body. */
export const filterBody = z
  .strictObject(filterSchemas('body'))
  .openapi('Filter', { description: 'All given conditions must hold; ranges include both ends.' });

export const kind = z
  .enum(['image', 'caption', 'any'])
  .default('image')
  .describe(
    'What to rank: pictures, captions, or both in one list by cosine. Two texts are closer to each other than a ' +
      'text and an equally good picture, and so are two pictures, so `any` ranks results of the same kind as the ' +
      'query first. To see the best of both, ask once for each.',
  );

/** The port's filter, without undefined values, so that equal queries have equal fingerprints. */
export function toFilter(values: PictureFilter, of: z.output<typeof kind>): Filter {
  const given = SHOWN.flatMap(({ name }) => (values[name] === undefined ? [] : [[name, values[name]]]));
  return { ...Object.fromEntries(given), ...(of !== 'any' && { kind: of }) };
}
