import { z } from '@hono/zod-openapi';
import { COLOURS } from '../../../core/picture/colour-names.ts';
import { ORDERS, type OrderName } from '../../../core/picture-fields.ts';
import { DEFAULT_WEIGHTS } from '../../../core/search/search-term.ts';
import { MAX_JSON_BYTES } from '../request-body.ts';
import { base64Image, booleanParameter, id, lang, searchText, spaceId } from './common.ts';
import { filterBody, filterParameters, kind } from './filter.ts';
import { captionHit, imageHit, minScore } from './images.ts';
import { cursor, DEFAULT_PAGE, limitParameter, MAX_PAGE, pageOf } from './paging.ts';

/** Maximum terms in one query. */
const MAX_TERMS = 8;
/** Largest absolute weight of a term. */
const MAX_WEIGHT = 2;
/** Maximum components of a vector in a query; it must have the dimension of the space. */
const MAX_VECTOR_LENGTH = 4096;

const LITERAL = 'Takes words literally: "without people", "in black and white" and the like are not interpreted.';

const sort = z
  .enum(['relevance', ...(ORDERS.keys() as Iterable<OrderName>)])
  .default('relevance')
  .openapi({
    description:
      '`relevance`: best first. The others are those of GET /images, within each page: which hits are on a page ' +
      'always depends on how well they match.',
  });

export const searchQuery = z.strictObject({
  q: searchText().optional().openapi({ description: 'What to look for, in words.', example: 'a dog on the beach' }),
  minus: searchText().optional().describe('What pictures should not show.'),
  literal: booleanParameter.describe(LITERAL),
  lang,
  imageId: id.optional().describe('Find what is similar to this stored picture (or caption).'),
  kind,
  sort,
  limit: limitParameter,
  cursor: cursor.optional(),
  minScore,
  ...filterParameters,
});

/** Text fields of a multipart search: as in the query string, or `request` with a JSON body. */
export const searchFields = searchQuery.extend({
  request: z
    .string()
    .max(MAX_JSON_BYTES)
    .optional()
    .describe('A SearchRequest without `image`, instead of the other fields.'),
});

const share = (byDefault: number, description: string) =>
  z
    .number()
    .gt(0)
    .max(MAX_WEIGHT)
    .default(byDefault)
    .openapi({ description, exclusiveMinimum: 0, maximum: MAX_WEIGHT });

const weights = z
  .strictObject({
    text: share(DEFAULT_WEIGHTS.text, 'Weight of `text`.'),
    image: share(DEFAULT_WEIGHTS.image, 'Weight of `image`, `imageId` and `vector`.'),
    minus: share(DEFAULT_WEIGHTS.minus, 'Weight of `minus`, subtracted.'),
  })
  .default(DEFAULT_WEIGHTS);

/** Requires `space`: a vector from other models would give meaningless results. */
const vector = z
  .array(z.number().min(-1e6).max(1e6))
  .min(1)
  .max(MAX_VECTOR_LENGTH)
  .describe('As returned by POST /embed, of any length above zero. Only together with `space`.');

const VECTOR_AND_SPACE = 'expected vector and space together, got one without the other';

function isWithSpace(given: { vector?: unknown; space?: unknown }): boolean {
  return (given.vector === undefined) === (given.space === undefined);
}

const rest = {
  lang,
  literal: z.boolean().default(false).describe(LITERAL),
  kind,
  sort,
  filter: filterBody.default({}),
  limit: z.int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  cursor: cursor.optional(),
  minScore: z.number().min(-1).max(1).optional(),
};

export const flatSearch = z
  .strictObject({
    text: searchText().optional(),
    minus: searchText().optional(),
    imageId: id.optional(),
    image: base64Image.optional(),
    vector: vector.optional(),
    space: spaceId.max(64).optional(),
    weights,
    ...rest,
  })
  .refine(isWithSpace, VECTOR_AND_SPACE)
  .openapi('SearchRequest', {
    description: 'Needs at least one of text, minus, imageId, image and vector; vector and space only together.',
    example: {
      text: 'a dog on the beach',
      minus: 'people',
      kind: 'image',
      limit: 20,
      filter: { orientation: 'landscape' },
    },
  });

const term = z
  .strictObject({
    text: searchText().optional(),
    imageId: id.optional(),
    image: base64Image.optional(),
    vector: vector.optional(),
    space: spaceId.max(64).optional(),
    weight: z
      .number()
      .min(-MAX_WEIGHT)
      .max(MAX_WEIGHT)
      .refine((weight) => weight !== 0, 'expected a weight other than 0')
      .default(1)
      .describe('Below zero means "without that"; not 0.'),
  })
  .refine(
    ({ text, imageId, image, vector }) =>
      [text, imageId, image, vector].filter((part) => part !== undefined).length === 1,
    'expected exactly one of text, imageId, image and vector',
  )
  .refine(isWithSpace, VECTOR_AND_SPACE)
  .openapi('SearchTerm', {
    oneOf: [
      { required: ['text'] },
      { required: ['imageId'] },
      { required: ['image'] },
      { required: ['vector', 'space'] },
    ],
  });

export const generalSearch = z
  .strictObject({
    terms: z.array(term).min(1).max(MAX_TERMS),
    ...rest,
  })
  .openapi('GeneralSearchRequest', {
    example: {
      terms: [
        { text: 'a mountain lake', weight: 1 },
        { text: 'snow', weight: -0.4 },
      ],
      limit: 10,
    },
  });

const searchHit = z.union([imageHit, captionHit]).openapi('Hit');

const warning = z
  .strictObject({
    code: z.enum(['unknown-words', 'other-language']).describe('For programs.'),
    text: z.string().describe('The part of the query that this is about.'),
    message: z.string().describe('For people.'),
  })
  .openapi('SearchWarning');

const understood = z
  .strictObject({
    without: z
      .array(
        z.strictObject({
          text: z.string().openapi({ description: 'What pictures should not show.', example: 'people' }),
          words: z.string().openapi({
            description: 'The words in the query that say so. In quotes they are taken literally.',
            example: 'without people',
          }),
        }),
      )
      .describe('Subtracted as by `minus`.'),
    colours: z
      .array(z.strictObject({ colour: z.enum(COLOURS), words: z.string() }))
      .describe('Colours of the whole picture: a filter, like `colours`.'),
  })
  .openapi('Understood');

export const searchPage = pageOf(searchHit)
  .extend({
    space: spaceId,
    fit: z
      .enum(['good', 'fair', 'poor'])
      .optional()
      .describe(
        'How well the best hit of the first page fits; `poor`: nothing fits well. Absent on later pages and ' +
          'when unknown: for queries of several texts or of pictures, and for models without a calibration.',
      ),
    language: z
      .string()
      .nullable()
      .optional()
      .describe('ISO 639-1 code of the language that the words were read in; null when unknown.'),
    side: z
      .string()
      .optional()
      .describe('The text encoder that read them; one of `texts` of GET /model. Absent without words.'),
    understood: understood
      .optional()
      .describe(
        'Conditions found in the words, such as "without people"; absent when there are none, and with `literal`.',
      ),
    didYouMean: z
      .string()
      .optional()
      .openapi({
        description:
          'A corrected query, when nothing fits well and some words occur neither in names of pictures nor in the ' +
          'vocabulary of the models.',
        example: 'a sunset',
      }),
    warnings: z
      .array(warning)
      .optional()
      .describe('Why the results may not be what was meant; absent when there is nothing to report.'),
  })
  .openapi('SearchPage');
