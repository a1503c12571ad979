import { z } from '@hono/zod-openapi';
import {
  type NamedField,
  ORDERS,
  type OrderName,
  SHOWN_FIELDS,
  type ShownValues,
} from '../../../core/picture-fields.ts';
import { REASONS } from '../../../core/search/lexical-terms.ts';
import { MAX_KEY_BYTES } from '../upload-key.ts';
import { booleanParameter, id, numberParameter, plainText, timestamp } from './common.ts';
import { filterParameters } from './filter.ts';
import { cursor, limitParameter, pageOf } from './paging.ts';
import { tagParameters, tags } from './tags.ts';

/** Relative to this service. */
const link = z.string().openapi({ format: 'uri-reference' });

type ShownSchemas = { [Name in keyof ShownValues]: z.ZodType<ShownValues[Name]> };

/** The schema of each field that the API shows, as declared in `core/picture-fields.ts`. */
function shownFields(): ShownSchemas {
  return Object.fromEntries(SHOWN_FIELDS.map((field) => [field.name, valueSchema(field)])) as ShownSchemas;
}

function valueSchema({ type, values, absent, doc, example }: NamedField): z.ZodType {
  const named = values === undefined ? null : z.enum(values as [string, ...string[]]);
  const schema = named === null ? VALUES[type]() : type === 'texts' ? z.array(named) : named;
  return (absent === null ? schema.nullable() : schema).openapi({ description: doc, ...(example && { example }) });
}

const VALUES = {
  text: () => z.string(),
  texts: () => z.array(z.string()),
  integer: () => z.int(),
  number: () => z.number(),
  instant: () => timestamp,
  'local-time': () => z.string(),
  sequencer: () => z.string(),
} as const;

const imageFields = {
  id,
  kind: z.literal('image'),
  ...shownFields(),
  seen: z.array(z.string()).openapi({
    description: 'English words for what it may show, most likely first; empty when nothing is likely.',
    example: ['dog'],
  }),
  links: z.strictObject({ self: link, content: link, thumbnail: link }),
};

const score = z.number().min(-1).max(1).openapi({ description: 'Cosine similarity to the query.', example: 0.31 });

const why = z
  .array(z.enum(REASONS))
  .min(1)
  .openapi({
    description:
      'Why it was found: the place where all words of the query occur, such as its file name or tags, or `meaning`. ' +
      'Matches by words come first, so scores need not decrease.',
    example: ['folder', 'tag'],
  });

const fit = z
  .enum(['good', 'fair', 'poor'])
  .optional()
  .describe('How well it fits the query text; absent when unknown.');

export const image = z.strictObject(imageFields).openapi('Image');
export type ImageResource = z.output<typeof image>;
export const imageHit = z.strictObject({ score, why, fit, ...imageFields }).openapi('ImageHit');

const captionFields = {
  id,
  kind: z.literal('caption'),
  caption: z.string(),
  tags: z.array(z.string()),
  indexedAt: timestamp,
  links: z.strictObject({ self: link }),
};

export const caption = z.strictObject(captionFields).openapi('Caption');
export type CaptionResource = z.output<typeof caption>;
export const captionHit = z.strictObject({ score, why, ...captionFields }).openapi('CaptionHit');
export type HitResource = z.output<typeof imageHit> | z.output<typeof captionHit>;

export const imagePage = pageOf(image)
  .extend({ total: z.int().describe('Pictures that match the filters, on all pages.') })
  .openapi('ImagePage');

const sort = z
  .enum([...ORDERS.keys()] as [OrderName, ...OrderName[]])
  .default('newest')
  .describe(
    '`newest`: last indexed first. `taken` and `-taken`: by local time where they were taken, earliest or latest ' +
      'first; pictures without a date come last.',
  );

export const listQuery = z.strictObject({
  ...filterParameters,
  sort,
  limit: limitParameter,
  cursor: cursor.optional(),
});

export const minScore = numberParameter({ min: -1, max: 1 }).describe('Leaves out less similar results.');

export const neighbourQuery = z.strictObject({
  ...filterParameters,
  limit: limitParameter,
  cursor: cursor.optional(),
  minScore,
});

export const tagsBody = z.strictObject({ tags }).openapi('Tags', { example: { tags: ['beach', 'dog'] } });

/** S3 limits the length in bytes; each store decides which keys it can hold safely. */
export const objectKey = plainText(MAX_KEY_BYTES)
  .refine((key) => Buffer.byteLength(key) <= MAX_KEY_BYTES, `expected at most ${MAX_KEY_BYTES} bytes of UTF-8`)
  .openapi({ type: 'string', minLength: 1, maxLength: MAX_KEY_BYTES, example: 'holidays/beach.jpg' });

export const uploadQuery = z.strictObject({
  key: objectKey.optional().describe('Where to store it; made from the folder and name of the file when absent.'),
  tags: tagParameters,
  overwrite: booleanParameter.describe('Replace what is stored under the key.'),
});

/** Folders and name of an uploaded file. */
export const filePath = plainText(4096).openapi({
  type: 'string',
  maxLength: 4096,
  description: 'Original path or name of the file, such as Trip/day2/x.jpg: it is kept in the key.',
});

/** Text fields of the upload form; they win over query parameters of the same name. */
export const uploadFields = z.strictObject({
  key: objectKey.optional(),
  path: filePath.optional(),
  tags: tagParameters,
});

/** The answer to an upload. */
export const uploaded = image
  .extend({
    duplicateOf: id.optional().describe('A picture that already had the same bytes; perhaps this one.'),
  })
  .openapi('UploadedImage');
