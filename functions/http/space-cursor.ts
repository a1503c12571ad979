import { HttpProblem } from './problem.ts';

/**
 * Cursors as callers see them: the store's own cursor, which knows its query, and the space it belongs to, so that one
 * of other models is refused by name.
 */
const VERSION = 1;

/**
 * Wraps a store's cursor; undefined on the last page.
 * @param language in which words were read that may be of two, so that the next page is of the same question
 */
export function sealCursor(
  space: string,
  inner: string | undefined,
  language: string | null = null,
): string | undefined {
  if (inner === undefined) return undefined;
  const parts = language === null ? [VERSION, space, inner] : [VERSION, space, language, inner];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/**
 * The language of {@link sealCursor}, or null.
 * @throws {invalid-cursor}
 */
export function settledLanguage(cursor: string | undefined): string | null {
  const language = cursor === undefined ? null : parse(cursor)[2];
  return typeof language === 'string' && /^[a-z]{2,3}$/.test(language) ? language : null;
}

/**
 * The store's cursor again.
 * @throws {invalid-cursor}
 * @throws {space-mismatch} (409) naming both spaces
 */
export function openCursor(space: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  // Between the two may be a language; in those of the first release it was a fingerprint of the query.
  const [version, ofSpace, ...rest] = parse(cursor);
  const inner = rest.at(-1);
  if (version !== VERSION || typeof ofSpace !== 'string' || typeof inner !== 'string') throw notOurs();
  if (ofSpace !== space) throw otherSpace('a cursor', space, ofSpace);
  return inner;
}

/** What belongs to another space than the one that answers. */
export function otherSpace(what: string, expected: string, got: string): HttpProblem {
  const given = got.slice(0, 64);
  return new HttpProblem('space-mismatch', `expected ${what} of space ${expected}, got one of ${given}`, {
    extra: { expected, got: given },
  });
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value)) return value;
  } catch {}
  throw notOurs();
}

function notOurs(): HttpProblem {
  return new HttpProblem('invalid-cursor', 'expected the `next` of a previous page, got something else');
}
