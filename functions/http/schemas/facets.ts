import { z } from '@hono/zod-openapi';
import { FACETS, type FacetName } from '../../../core/picture-fields.ts';
import { integerWithDefault } from './common.ts';
import { filterParameters, kind } from './filter.ts';
import { MAX_PAGE } from './paging.ts';

export const tagQuery = z.strictObject({
  ...filterParameters,
  kind,
  limit: integerWithDefault({ min: 1, max: MAX_PAGE, default: 50 }),
});

export const tagCounts = z
  .strictObject({ items: z.array(z.strictObject({ tag: z.string(), count: z.int() })) })
  .openapi('TagCounts');

/** Maximum values of one facet: the months of eighty years, and more folders than anybody browses. */
const MAX_FACET_VALUES = 1000;

export const facetQuery = z.strictObject({
  ...filterParameters,
  kind,
  limit: integerWithDefault({ min: 1, max: MAX_FACET_VALUES, default: 50 }),
});

export const facetParams = z.strictObject({
  field: z.enum(FACETS as [FacetName, ...FacetName[]]).openapi({ example: 'folder' }),
});

export const facetCounts = z
  .strictObject({ items: z.array(z.strictObject({ value: z.string(), count: z.int() })) })
  .openapi('FacetCounts');
