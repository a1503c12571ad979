import type { Schemas } from '@qdrant/js-client-rest';
import { SightlineError } from '../../errors.ts';
import type { Filter, WriteCondition } from '../../ports.ts';
import {
  canonicalDate,
  type KeyPrefixes,
  LONG_SEQUENCER_FIELD,
  PREFIX_FIELDS,
  prefixNumber,
  type StoredPayload,
  sequencerParts,
  TAGS_MARK,
} from './payload.ts';

type Condition = Schemas['Condition'];
export type QdrantFilter = Schemas['Filter'];

const equals = (key: string, value: string | number): Condition => ({ key, match: { value } });
const oneOf = (key: string, values: readonly string[]): Condition => ({ key, match: { any: [...values] } });
const range = (key: string, bounds: Record<'gte' | 'lte' | 'lt', number | string | undefined>): Condition[] => {
  const given = Object.entries(bounds).filter(([, bound]) => bound !== undefined);
  return given.length === 0 ? [] : [{ key, range: Object.fromEntries(given) } as Condition];
};

/**
 * Live points that match a checked filter; null when none can. Fields that a point does not have match no condition.
 * Throws `invalid-input` for a key prefix that this collection has not indexed.
 */
export function liveFilter(filter: Filter, keyPrefixes: KeyPrefixes): QdrantFilter | null {
  const { tagsAny, contentTypes, keyPrefix } = filter;
  if (tagsAny?.length === 0 || contentTypes?.length === 0) return null;
  const date = (name: 'takenAfter' | 'takenBefore' | 'indexedAfter' | 'indexedBefore') => {
    const value = filter[name];
    return value === undefined ? undefined : canonicalDate(value, name);
  };
  const must: Condition[] = [
    // Leaves out tombstones, too. Only pictures have a key, so the empty prefix asks for pictures.
    filter.kind === undefined ? oneOf('kind', ['image', 'caption']) : equals('kind', filter.kind),
    ...(keyPrefix === '' ? [equals('kind', 'image')] : []),
    ...(filter.bucket === undefined ? [] : [equals('bucket', filter.bucket)]),
    ...(filter.sha256 === undefined ? [] : [equals('sha256', filter.sha256)]),
    ...(filter.tagsAll ?? []).map((tag) => equals('tags', tag)),
    ...(tagsAny === undefined ? [] : [oneOf('tags', tagsAny)]),
    ...(contentTypes === undefined ? [] : [oneOf('contentType', contentTypes)]),
    ...(filter.orientation === undefined ? [] : [equals('orientation', filter.orientation)]),
    // Whole: before Qdrant 1.18.1 an index of integers cut the fraction off, so that 1 was found at least 1.5.
    ...range('bytes', {
      gte: filter.minBytes === undefined ? undefined : Math.ceil(filter.minBytes),
      lte: filter.maxBytes === undefined ? undefined : Math.floor(filter.maxBytes),
      lt: undefined,
    }),
    ...range('takenAt', { gte: date('takenAfter'), lte: date('takenBefore'), lt: undefined }),
    ...range('indexedAt', { gte: date('indexedAfter'), lte: date('indexedBefore'), lt: undefined }),
  ];
  if (keyPrefix !== undefined && keyPrefix !== '') {
    if (keyPrefixes === 'folders' && !keyPrefix.endsWith('/')) {
      const message = `expected a key prefix that ends with "/" (this collection is indexed by folder), got ${keyPrefix}`;
      throw new SightlineError('invalid-input', message);
    }
    must.push(equals(PREFIX_FIELDS[keyPrefixes], prefixNumber(keyPrefix)));
  }
  return { must };
}

/** A filter with further conditions that must or must not hold. */
export function narrowed(
  filter: QdrantFilter,
  must: readonly Condition[],
  mustNot: readonly Condition[],
): QdrantFilter {
  const narrow: QdrantFilter = { must: [...(filter.must as Condition[]), ...must] };
  return mustNot.length === 0 ? narrow : { ...narrow, must_not: [...mustNot] };
}

export const indexedAt = (iso: string): Condition[] => range('indexedAt', { gte: iso, lte: iso, lt: undefined });
export const indexedBefore = (iso: string): Condition[] =>
  range('indexedAt', { gte: undefined, lte: undefined, lt: iso });

/** Tombstones older than a date. */
export function tombstonesBefore(iso: string): QdrantFilter {
  return { must: [equals('kind', 'tombstone'), ...range('deletedAt', { gte: undefined, lte: undefined, lt: iso })] };
}

/**
 * The stored points that an incoming one may replace, for `update_filter`: the sequencers' parts compared from the most
 * significant. A point that no one of ours wrote has no sequencer and may be replaced.
 */
export function replaceable(sequencer: string, when: WriteCondition): QdrantFilter {
  const parts = sequencerParts(sequencer);
  const older: Condition[] = parts.map(({ field, value }, i) => {
    const below: Condition = { key: field, range: { lt: value } };
    return i === 0 ? below : { must: [...parts.slice(0, i).map((part) => equals(part.field, part.value)), below] };
  });
  const [hi, lo] = [equals(parts[0]!.field, parts[0]!.value), equals(parts[1]!.field, parts[1]!.value)];
  // The same beginning and nothing behind it: older than a long sequencer, the same as a short one.
  const short: Condition = { must: [hi, lo, { is_empty: { key: LONG_SEQUENCER_FIELD } }] };
  const same: Condition = { must: parts.map(({ field, value }) => equals(field, value)) };
  const isLong = parts.length > 2;
  return {
    should: [
      ...older,
      ...(isLong || when === 'not-older' ? [short] : []),
      ...(isLong && when === 'not-older' ? [same] : []),
      { is_empty: { key: 'seqHi' } },
    ],
  };
}

/**
 * Points that have still the kind and the tags they were read with; nothing when none was there, for what is not there is
 * inserted without a look at conditions, and what has come meanwhile must be read first.
 */
export function unchangedTags(read: StoredPayload | undefined): Condition[] {
  if (read === undefined) return [equals('kind', 'not there')];
  const mark = read[TAGS_MARK];
  return [
    equals('kind', String(read.kind)),
    typeof mark === 'number' ? equals(TAGS_MARK, mark) : { is_empty: { key: TAGS_MARK } },
  ];
}
