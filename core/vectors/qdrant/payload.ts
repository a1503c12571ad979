import { hash } from 'node:crypto';
import { fieldValue, HELD_FIELDS, type NamedField, STORED_FIELDS } from '../../picture-fields.ts';
import type { StoredPoint, Tombstone } from '../../ports.ts';
import { BEGINNING, MIN_BEGINNING, ownWords, tagWords } from '../../search/lexical-terms.ts';
import type { CaptionPayload, ImagePayload, Payload } from '../../types.ts';
import { isTime, timeOf } from '../validate.ts';
import type { PrefixSearch } from './payload-indexes.ts';

/**
 * How a point is stored in Qdrant. Fields that only filters need are derived here and dropped when a point is read; see
 * payload-indexes.ts.
 */

/**
 * The fields to read of a point: everything not derived. Times have their original text in addition to the indexed one.
 */
export const READ_FIELDS: string[] = [
  'kind',
  'caption',
  ...STORED_FIELDS.flatMap(({ name, type }) => (isTime(type) ? [name, `${name}Text`] : [name])),
  'deletedAt',
  'deletedAtText',
];

/**
 * Field that identifies the call that wrote a point, because the response to a conditional upsert does not say whether
 * it took place.
 */
export const WRITE_MARK = 'write';

/**
 * Fingerprint of the tags in order, so that a write can require that they have not changed. Only on points that have or
 * had tags.
 */
export const TAGS_MARK = 'tagsMark';

export type StoredPayload = Record<string, unknown>;

export function storedPayload(payload: Payload, prefixes: PrefixSearch): StoredPayload {
  const stored: StoredPayload = { kind: payload.kind };
  for (const field of HELD_FIELDS) {
    if (payload.kind === 'image' || field.ofCaptions)
      Object.assign(stored, storedField(field, fieldValue(payload, field), prefixes));
  }
  stored.words = withBeginnings(ownWords(payload), prefixes);
  if (payload.kind === 'caption') return { ...stored, caption: payload.caption };
  return prefixes === 'match' ? stored : { ...stored, keyPrefixes: prefixNumbers(payload.key) };
}

/** The stored form of a field; nothing when it has no value, so that no condition matches. */
function storedField({ name, type }: NamedField, value: unknown, prefixes: PrefixSearch): StoredPayload {
  if (value === null) return {};
  if (name === 'tags') return (value as string[]).length === 0 ? { tags: [] } : tagFields(value as string[], prefixes);
  if (type === 'sequencer') return sequencerFields(value as string);
  if (isTime(type)) return timeFields(name, type, value as string);
  return { [name]: value };
}

/** The tags without duplicates, their words, and their fingerprint. */
export function tagFields(tags: readonly string[], prefixes: PrefixSearch): StoredPayload {
  const once = [...new Set(tags)];
  const words = withBeginnings(tagWords(once), prefixes);
  return { tags: once, tagWords: words, [TAGS_MARK]: hashNumber(JSON.stringify(once)) };
}

/** The stored form of words. */
export function withBeginnings(words: readonly string[], prefixes: PrefixSearch): readonly string[] {
  if (prefixes === 'match') return words;
  const beginnings = new Set<string>();
  for (const characters of words.map((word) => Array.from(word))) {
    for (let length = MIN_BEGINNING; length <= characters.length; length++) {
      beginnings.add(`${characters.slice(0, length).join('')}${BEGINNING}`);
    }
  }
  return [...words, ...beginnings];
}

/** The stored form of a tombstone: without any field that searches use. */
export function storedTombstone(tombstone: Omit<Tombstone, 'deleted'>): StoredPayload {
  return {
    ...timeFields('deletedAt', 'instant', tombstone.deletedAt),
    ...sequencerFields(tombstone.sequencer),
  };
}

/** Whether it is a point. Tombstones have no kind, or one of their own in collections of the first version. */
export function isLive({ payload }: { readonly payload: StoredPayload }): boolean {
  return payload.kind === 'image' || payload.kind === 'caption';
}

/** The point or tombstone that {@link READ_FIELDS} of it describe. */
export function readPoint(id: string, stored: StoredPayload): StoredPoint | Tombstone {
  if (!isLive({ payload: stored })) {
    return { id, deleted: true, sequencer: stored.sequencer as string, deletedAt: readDate('deletedAt', stored)! };
  }
  return { id, deleted: false, payload: readPayload(stored) };
}

export function readPayload(stored: StoredPayload): Payload {
  const payload: StoredPayload = { kind: stored.kind };
  for (const { name, type, absent, ofCaptions } of STORED_FIELDS) {
    if (stored.kind === 'caption' && !ofCaptions) continue;
    payload[name] = (isTime(type) ? readDate(name, stored) : stored[name]) ?? absent ?? null;
  }
  if (stored.kind === 'caption') payload.caption = stored.caption;
  return payload as unknown as ImagePayload | CaptionPayload;
}

/** A time in the form that Qdrant indexes, with millisecond precision; and the original, when that differs. */
function timeFields(name: string, type: 'instant' | 'local-time', iso: string): StoredPayload {
  const indexed = canonicalTime(type, iso, name);
  return indexed === iso ? { [name]: iso } : { [name]: indexed, [`${name}Text`]: iso };
}

function readDate(name: string, stored: StoredPayload): string | null {
  return ((stored[`${name}Text`] ?? stored[name]) as string | undefined) ?? null;
}

/** A time zone can move a date out of the years 0000 to 9999, and then it would not sort as text. */
const [FIRST_INSTANT, LAST_INSTANT] = [Date.parse('0000-01-01T00:00:00.000Z'), Date.parse('9999-12-31T23:59:59.999Z')];

/** The text that a time is compared by: see `timeOf`. */
export function canonicalTime(type: 'instant' | 'local-time', iso: string, what: string): string {
  return new Date(Math.min(Math.max(timeOf(type, iso, what), FIRST_INSTANT), LAST_INSTANT)).toISOString();
}

/** Digits per part of a sequencer: 52 bits, which JSON numbers and Qdrant's range conditions hold exactly. */
const PART_DIGITS = 13;
/** Enough parts for the longest sequencer there may be (64 digits). AWS sends about 18, which the first two hold. */
const PART_NAMES = ['seqHi', 'seqLo', 'seq3', 'seq4', 'seq5'] as const;

export interface SequencerPart {
  readonly field: string;
  readonly value: number;
}

/**
 * A sequencer as whole numbers that compare like it, most significant first. After the second, they are omitted when
 * all are zero.
 */
export function sequencerParts(sequencer: string): SequencerPart[] {
  const digits = sequencer.padEnd(PART_DIGITS * PART_NAMES.length, '0');
  const parts = PART_NAMES.map((field, i) => ({
    field,
    value: Number.parseInt(digits.slice(i * PART_DIGITS, (i + 1) * PART_DIGITS), 16),
  }));
  return parts.slice(2).every(({ value }) => value === 0) ? parts.slice(0, 2) : parts;
}

/** A field only of points with long sequencers. */
export const LONG_SEQUENCER_FIELD = PART_NAMES[2];

function sequencerFields(sequencer: string): StoredPayload {
  return { sequencer, ...Object.fromEntries(sequencerParts(sequencer).map(({ field, value }) => [field, value])) };
}

/**
 * Hash numbers of the prefixes of a key. Qdrant before 1.19 cannot match prefixes; full texts would take up to half a
 * megabyte per key, these take 17 bytes per character.
 */
function prefixNumbers(key: string): number[] {
  const numbers: number[] = [];
  let prefix = '';
  for (const character of key) {
    prefix += character;
    numbers.push(hashNumber(prefix));
  }
  return numbers;
}

/** The first 52 bits of the SHA-256 of a text, which a JSON number holds exactly. */
export function hashNumber(text: string): number {
  return Number.parseInt(hash('sha256', text, 'hex').slice(0, 13), 16);
}
