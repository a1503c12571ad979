import type { Schemas } from '@qdrant/js-client-rest';
import { type Comparison, FILTERS, type NamedField } from '../../picture-fields.ts';
import type { Filter, WriteCondition } from '../../ports.ts';
import { BEGINNING } from '../../search/lexical-terms.ts';
import { isTime } from '../validate.ts';
import {
  canonicalTime,
  hashNumber,
  LONG_SEQUENCER_FIELD,
  type StoredPayload,
  sequencerParts,
  TAGS_MARK,
} from './payload.ts';
import { PREFIX_INDEXES, type PrefixSearch, WORD_FIELDS } from './payload-indexes.ts';

type Condition = Schemas['Condition'];
export type QdrantFilter = Schemas['Filter'];

const equals = (key: string, value: string | number): Condition => ({ key, match: { value } });
const oneOf = (key: string, values: readonly string[]): Condition => ({ key, match: { any: [...values] } });
export const range = (key: string, bounds: Partial<Record<'gte' | 'lte' | 'lt' | 'gt', number | string>>): Condition =>
  ({ key, range: bounds }) as Condition;

/** How a collection can be searched. */
export interface SearchWays {
  readonly prefixes: PrefixSearch;
  /** Whether all points have their words: see `backfill-name-words.ts`. */
  hasWords(): boolean;
}

/**
 * Condition for live points that match a validated filter; null when none can match. A missing field matches no
 * condition.
 */
export function liveFilter(filter: Filter, ways: SearchWays): QdrantFilter | null {
  const { prefixes } = ways;
  // Leaves out tombstones, too.
  const must = [filter.kind === undefined ? oneOf('kind', ['image', 'caption']) : equals('kind', filter.kind)];
  if (filter.words !== undefined) {
    if (!ways.hasWords()) return null;
    must.push(...filter.words.map((word) => calledBy(word, prefixes)));
  }
  if (filter.exceptWords !== undefined && ways.hasWords()) {
    must.push({ must_not: [{ must: filter.exceptWords.map((word) => calledBy(word, prefixes)) }] });
  }
  const ranges = new Map<string, Partial<Record<'gte' | 'lte', number | string>>>();
  for (const { name, comparison, field } of FILTERS) {
    const value = filter[name];
    if (value === undefined) continue;
    if ((comparison === 'any' || comparison === 'oneOf') && (value as readonly string[]).length === 0) return null;
    if (comparison === 'atLeast' || comparison === 'atMost') {
      // Both bounds of a field form one condition.
      const bounds = ranges.get(field.name) ?? {};
      if (!ranges.has(field.name)) must.push(range(field.name, bounds));
      ranges.set(field.name, bounds);
      bounds[comparison === 'atLeast' ? 'gte' : 'lte'] = boundOf(field, comparison, value as string | number, name);
    } else must.push(...conditionsOf(field, comparison, value, prefixes));
  }
  return { must };
}

function boundOf(field: NamedField, comparison: 'atLeast' | 'atMost', value: string | number, name: string) {
  if (isTime(field.type)) return canonicalTime(field.type, value as string, name);
  if (field.type === 'number') return value;
  // Round: before Qdrant 1.18.1 an integer index truncated bounds, so that 1 matched "at least 1.5".
  return comparison === 'atLeast' ? Math.ceil(value as number) : Math.floor(value as number);
}

type Other = Exclude<Comparison, 'atLeast' | 'atMost'>;

function conditionsOf(field: NamedField, comparison: Other, value: unknown, prefixes: PrefixSearch): Condition[] {
  const { name } = field;
  switch (comparison) {
    case 'equals':
      return [equals(name, value as string)];
    case 'oneOf':
    case 'any':
      return [oneOf(name, value as readonly string[])];
    case 'noneOf':
      return (value as readonly string[]).length === 0 ? [] : [{ must_not: [oneOf(name, value as readonly string[])] }];
    case 'all':
      return (value as readonly string[]).map((text) => equals(name, text));
    case 'below': {
      const below = { key: name, range: { lt: value as number } };
      // Points from before the field was declared have its absent value.
      const isAbsent = field.absent === 0 && (value as number) > 0;
      return isAbsent ? [equals('kind', 'image'), { should: [below, { is_empty: { key: name } }] }] : [below];
    }
    case 'prefix':
      return [prefixCondition(value as string, prefixes)];
  }
}

/** Whether the word is among a point's words or those of its tags. */
function calledBy(word: string, prefixes: PrefixSearch): Condition {
  const isPrefix = prefixes === 'match' && word.endsWith(BEGINNING);
  const match = isPrefix ? { prefix: word.slice(0, -1) } : { value: word };
  return { should: WORD_FIELDS.map((key) => ({ key, match })) };
}

function prefixCondition(prefix: string, prefixes: PrefixSearch): Condition {
  // Only pictures have a key, so the empty prefix means all pictures.
  if (prefix === '') return equals('kind', 'image');
  if (prefixes === 'match') return { key: PREFIX_INDEXES.match.field, match: { prefix } };
  return equals(PREFIX_INDEXES.hashed.field, hashNumber(prefix));
}

/** A filter with additional conditions that must or must not hold. */
export function narrowed(
  filter: QdrantFilter,
  must: readonly Condition[],
  mustNot: readonly Condition[],
): QdrantFilter {
  const narrow: QdrantFilter = { must: [...(filter.must as Condition[]), ...must] };
  return mustNot.length === 0 ? narrow : { ...narrow, must_not: [...mustNot] };
}

/** Tombstones older than a date: nothing else has a deletion date. */
export function tombstonesBefore(iso: string): QdrantFilter {
  return { must: [range('deletedAt', { lt: iso })] };
}

/**
 * The stored points that a new one may replace, for `update_filter`: compares the parts of sequencers, most significant
 * first. A point written by another program has no sequencer and may be replaced.
 */
export function replaceable(sequencer: string, when: WriteCondition): QdrantFilter {
  const parts = sequencerParts(sequencer);
  const older: Condition[] = parts.map(({ field, value }, i) => {
    const below: Condition = { key: field, range: { lt: value } };
    return i === 0 ? below : { must: [...parts.slice(0, i).map((part) => equals(part.field, part.value)), below] };
  });
  const [hi, lo] = [equals(parts[0]!.field, parts[0]!.value), equals(parts[1]!.field, parts[1]!.value)];
  // Same leading parts and no more: older than a long sequencer, equal to a short one.
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
 * Points whose kind and tags are unchanged since they were read. If there was no point, matches nothing: a missing
 * point is inserted whatever the condition, and one that was added meanwhile must be read first.
 */
export function unchangedTags(read: StoredPayload | undefined): Condition[] {
  if (read === undefined) return [equals('kind', 'not there')];
  const mark = read[TAGS_MARK];
  return [
    read.kind === undefined ? { is_empty: { key: 'kind' } } : equals('kind', String(read.kind)),
    typeof mark === 'number' ? equals(TAGS_MARK, mark) : { is_empty: { key: TAGS_MARK } },
  ];
}
