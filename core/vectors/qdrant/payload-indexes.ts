import type { Schemas } from '@qdrant/js-client-rest';
import { FILTERS } from '../../picture-fields.ts';

/** The payload indexes of a collection. */

const INDEX_TYPES = {
  text: 'keyword',
  texts: 'keyword',
  integer: 'integer',
  number: 'float',
  instant: 'datetime',
  'local-time': 'datetime',
  sequencer: 'keyword',
} as const;

/** Payload indexes, one for every field with a filter, an order or a facet. Prefixes have their own. */
export const INDEXES: Readonly<Record<string, Schemas['PayloadFieldSchema']>> = {
  kind: 'keyword',
  ...Object.fromEntries(
    FILTERS.filter(({ comparison }) => comparison !== 'prefix').map(({ field }) => [
      field.name,
      INDEX_TYPES[field.type],
    ]),
  ),
  deletedAt: 'datetime',
  seqHi: 'integer',
  seqLo: 'integer',
  seq3: 'integer',
  seq4: 'integer',
  seq5: 'integer',
  tagsMark: { type: 'integer', lookup: true, range: false },
};

/**
 * How prefixes of a key are searched: natively (Qdrant 1.19 and newer), or by a stored hash number for each prefix. A
 * collection keeps the way it was created with; its index shows which.
 */
export type PrefixSearch = 'match' | 'hashed';

/**
 * Fields with the words of a point's names; words of tags have their own field, because tags change on their own.
 * Collections with hashed prefixes also hold every prefix, followed by `*`.
 */
export const WORD_FIELDS = ['words', 'tagWords'] as const;

/** The index of both. */
export const WORD_INDEXES: Readonly<Record<PrefixSearch, Schemas['PayloadFieldSchema']>> = {
  match: { type: 'keyword', prefix: true },
  hashed: 'keyword',
};

/** The indexed field of each kind of prefix search, and its index. */
export const PREFIX_INDEXES: Readonly<Record<PrefixSearch, { field: string; schema: Schemas['PayloadFieldSchema'] }>> =
  {
    match: { field: 'key', schema: { type: 'keyword', prefix: true } },
    hashed: { field: 'keyPrefixes', schema: { type: 'integer', lookup: true, range: false } },
  };
