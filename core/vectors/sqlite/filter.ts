import type { Filter } from '../../ports.ts';
import { instantOf } from '../validate.ts';

/** A condition over `points AS p`, to be joined with AND, and the values of its placeholders in order. */
export interface Condition {
  readonly sql: string;
  readonly values: (string | number)[];
  /** It has a part that an index answers, which most often leaves few points. */
  readonly selective: boolean;
}

/**
 * SQL for a checked filter; `TRUE` for the empty one. Captions have no bucket, key, size, dates of taking and so on:
 * their columns are NULL and match no condition on them. Texts compare by their UTF-8 bytes.
 */
export function filterCondition(filter: Filter): Condition {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  const add = (sql: string, ...given: (string | number)[]) => {
    terms.push(sql);
    values.push(...given);
  };
  if (filter.kind !== undefined) add('p.kind = ?', filter.kind);
  if (filter.bucket !== undefined) add('p.bucket = ?', filter.bucket);
  if (filter.sha256 !== undefined) add('p.sha256 = ?', filter.sha256);
  if (filter.keyPrefix !== undefined) {
    add('p.key >= ?', filter.keyPrefix);
    const end = endOfPrefix(filter.keyPrefix);
    if (end !== null) add('p.key < ?', end);
  }
  for (const tag of filter.tagsAll ?? []) add('p.row IN (SELECT point FROM tags WHERE tag = ?)', tag);
  if (filter.tagsAny !== undefined) {
    add(
      'p.row IN (SELECT point FROM tags WHERE tag IN (SELECT value FROM json_each(?)))',
      JSON.stringify(filter.tagsAny),
    );
  }
  if (filter.contentTypes !== undefined) {
    add('p.content_type IN (SELECT value FROM json_each(?))', JSON.stringify(filter.contentTypes));
  }
  if (filter.orientation !== undefined) add(ORIENTATIONS[filter.orientation]);
  if (filter.minBytes !== undefined) add('p.bytes >= ?', filter.minBytes);
  if (filter.maxBytes !== undefined) add('p.bytes <= ?', filter.maxBytes);
  if (filter.takenAfter !== undefined) add('p.taken_ms >= ?', instantOf(filter.takenAfter, 'takenAfter'));
  if (filter.takenBefore !== undefined) add('p.taken_ms <= ?', instantOf(filter.takenBefore, 'takenBefore'));
  if (filter.indexedAfter !== undefined) add('p.indexed_ms >= ?', instantOf(filter.indexedAfter, 'indexedAfter'));
  if (filter.indexedBefore !== undefined) add('p.indexed_ms <= ?', instantOf(filter.indexedBefore, 'indexedBefore'));
  const selective =
    filter.sha256 !== undefined ||
    (filter.keyPrefix ?? '') !== '' ||
    (filter.tagsAll ?? []).length > 0 ||
    filter.tagsAny !== undefined;
  return { sql: terms.length === 0 ? 'TRUE' : terms.join(' AND '), values, selective };
}

const ORIENTATIONS = {
  landscape: 'p.width > p.height',
  portrait: 'p.width < p.height',
  square: 'p.width = p.height',
} as const;

const LAST_CODE_POINT = 0x10ffff;

/**
 * The smallest text that is above every text with this prefix, null when there is none. UTF-8 bytes sort like code
 * points, so it is the prefix with its last code point raised by one, leaving out those that have no successor.
 */
export function endOfPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return null;
  // Surrogates are no code points of UTF-8 text: what follows U+D7FF is U+E000.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
