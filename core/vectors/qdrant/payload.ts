import { hash } from 'node:crypto';
import type { StoredPoint, Tombstone } from '../../ports.ts';
import type { CaptionPayload, ImagePayload, Payload } from '../../types.ts';
import { instantOf } from '../validate.ts';

/**
 * How a point is written to Qdrant. Fields that are only there to be filtered by are derived here and left out again
 * when a point is read; see {@link INDEXES}.
 */

/** Payload indexes, one for every field that a filter, an order or a facet uses. */
export const INDEXES = {
  kind: 'keyword',
  tags: 'keyword',
  bucket: 'keyword',
  sha256: 'keyword',
  contentType: 'keyword',
  orientation: 'keyword',
  bytes: 'integer',
  takenAt: 'datetime',
  indexedAt: 'datetime',
  deletedAt: 'datetime',
  seqHi: 'integer',
  seqLo: 'integer',
  seq3: 'integer',
  seq4: 'integer',
  seq5: 'integer',
  tagsMark: { type: 'integer', lookup: true, range: false },
} as const;

/** Which prefixes of a key can be filtered by: every one, or those that end with a slash. */
export type KeyPrefixes = 'any' | 'folders';

/** The field for each, so that a collection tells which it was made for; only ever compared for equality. */
export const PREFIX_FIELDS = { any: 'keyPrefixes', folders: 'keyFolders' } as const;
export const PREFIX_INDEX = { type: 'integer', lookup: true, range: false } as const;

/** What is read of a point: everything but what is derived. */
export const READ_FIELDS: string[] = [
  'kind',
  'bucket',
  'key',
  'etag',
  'sha256',
  'contentType',
  'bytes',
  'width',
  'height',
  'takenAt',
  'takenAtText',
  'tags',
  'caption',
  'indexedAt',
  'indexedAtText',
  'deletedAt',
  'deletedAtText',
  'sequencer',
];

/** The kind of a point that only remembers a deletion. */
const TOMBSTONE = 'tombstone';

/** Field that tells which call wrote a point, because the answer to a conditional upsert does not say whether it did. */
export const WRITE_MARK = 'write';

/**
 * Field that stands for the tags in their order, so that a write can be made on the condition that they have not changed.
 * Only on points that have tags, or had some.
 */
export const TAGS_MARK = 'tagsMark';

export type StoredPayload = Record<string, unknown>;

export function storedPayload(payload: Payload, keyPrefixes: KeyPrefixes): StoredPayload {
  const shared = {
    kind: payload.kind,
    ...(payload.tags.length === 0 ? { tags: [] } : tagFields(payload.tags)),
    ...dateFields('indexedAt', payload.indexedAt),
    ...sequencerFields(payload.sequencer),
  };
  if (payload.kind === 'caption') return { ...shared, caption: payload.caption };
  const { bucket, key, etag, sha256, contentType, bytes, width, height, takenAt } = payload;
  return {
    ...shared,
    ...{ bucket, key, etag, sha256, contentType, bytes, width, height },
    ...(takenAt === null ? {} : dateFields('takenAt', takenAt)),
    orientation: width > height ? 'landscape' : width < height ? 'portrait' : 'square',
    [PREFIX_FIELDS[keyPrefixes]]: prefixNumbers(key, keyPrefixes),
  };
}

/** Each tag once, and their mark: the first 52 bits of a SHA-256, which a JSON number holds exactly. */
export function tagFields(tags: readonly string[]): StoredPayload {
  const once = [...new Set(tags)];
  return { tags: once, [TAGS_MARK]: hashNumber(JSON.stringify(once)) };
}

export function storedTombstone(tombstone: Omit<Tombstone, 'deleted'>): StoredPayload {
  return {
    kind: TOMBSTONE,
    ...dateFields('deletedAt', tombstone.deletedAt),
    ...sequencerFields(tombstone.sequencer),
  };
}

/** The point or tombstone that {@link READ_FIELDS} of it describe. */
export function readPoint(id: string, stored: StoredPayload): StoredPoint | Tombstone {
  if (stored.kind === TOMBSTONE) {
    return { id, deleted: true, sequencer: stored.sequencer as string, deletedAt: readDate('deletedAt', stored)! };
  }
  return { id, deleted: false, payload: readPayload(stored) };
}

export function readPayload(stored: StoredPayload): Payload {
  const shared = {
    tags: stored.tags as string[],
    indexedAt: readDate('indexedAt', stored)!,
    sequencer: stored.sequencer as string,
  };
  if (stored.kind === 'caption') {
    return { kind: 'caption', caption: stored.caption as string, ...shared } satisfies CaptionPayload;
  }
  return {
    kind: 'image',
    bucket: stored.bucket as string,
    key: stored.key as string,
    etag: stored.etag as string,
    sha256: stored.sha256 as string,
    contentType: stored.contentType as string,
    bytes: stored.bytes as number,
    width: stored.width as number,
    height: stored.height as number,
    takenAt: readDate('takenAt', stored),
    ...shared,
  } satisfies ImagePayload;
}

/** A date in the form that Qdrant indexes, with the precision of a millisecond; and as it was, when that differs. */
function dateFields(name: string, iso: string): StoredPayload {
  const indexed = canonicalDate(iso, name);
  return indexed === iso ? { [name]: iso } : { [name]: indexed, [`${name}Text`]: iso };
}

function readDate(name: string, stored: StoredPayload): string | null {
  return ((stored[`${name}Text`] ?? stored[name]) as string | undefined) ?? null;
}

/** A zone can put a date a day before the first year or behind the last that has four digits, and so sorts as text. */
const [FIRST_INSTANT, LAST_INSTANT] = [Date.parse('0000-01-01T00:00:00.000Z'), Date.parse('9999-12-31T23:59:59.999Z')];

export function canonicalDate(iso: string, what: string): string {
  return new Date(Math.min(Math.max(instantOf(iso, what), FIRST_INSTANT), LAST_INSTANT)).toISOString();
}

/** Digits a part of a sequencer: 52 bits, which both a JSON number and Qdrant's range conditions hold exactly. */
const PART_DIGITS = 13;
/** Enough parts for the longest sequencer there may be (64 digits). AWS sends about 18, which the first two hold. */
const PART_NAMES = ['seqHi', 'seqLo', 'seq3', 'seq4', 'seq5'] as const;

export interface SequencerPart {
  readonly field: string;
  readonly value: number;
}

/**
 * A sequencer as whole numbers that compare like it does, from the most significant. Those after the second are left
 * out when all of them are zero.
 */
export function sequencerParts(sequencer: string): SequencerPart[] {
  const digits = sequencer.padEnd(PART_DIGITS * PART_NAMES.length, '0');
  const parts = PART_NAMES.map((field, i) => ({
    field,
    value: Number.parseInt(digits.slice(i * PART_DIGITS, (i + 1) * PART_DIGITS), 16),
  }));
  return parts.slice(2).every(({ value }) => value === 0) ? parts.slice(0, 2) : parts;
}

/** A field that only points with long sequencers have. */
export const LONG_SEQUENCER_FIELD = PART_NAMES[2];

function sequencerFields(sequencer: string): StoredPayload {
  return { sequencer, ...Object.fromEntries(sequencerParts(sequencer).map(({ field, value }) => [field, value])) };
}

/**
 * Numbers that stand for the prefixes of a key, each the first 52 bits of a SHA-256. Qdrant before 1.19 cannot match
 * prefixes; whole texts would take up to half a megabyte a key, these take 17 bytes a character.
 */
function prefixNumbers(key: string, which: KeyPrefixes): number[] {
  const numbers: number[] = [];
  let prefix = '';
  for (const character of key) {
    prefix += character;
    if (which === 'any' || character === '/') numbers.push(prefixNumber(prefix));
  }
  return numbers;
}

export const prefixNumber = (prefix: string): number => hashNumber(prefix);

function hashNumber(text: string): number {
  return Number.parseInt(hash('sha256', text, 'hex').slice(0, 13), 16);
}
