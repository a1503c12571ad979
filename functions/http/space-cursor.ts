import { HttpProblem } from './problem.ts';

/**
 * Cursors of the API: the store's own cursor, which is bound to its query, and its space, so that a cursor from other
 * models is refused with both names.
 */
const VERSION = 1;

/**
 * Wraps a store's cursor; undefined on the last page.
 * @param language in which ambiguous words were read, so that the next page reads them the same way
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
 * The store's own cursor.
 * @throws {invalid-cursor}
 * @throws {space-mismatch} (409) naming both spaces
 */
export function openCursor(space: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  // A language may stand between the two; the first release had a fingerprint of the query there.
  const [version, ofSpace, ...rest] = parse(cursor);
  const inner = rest.at(-1);
  if (version !== VERSION || typeof ofSpace !== 'string' || typeof inner !== 'string') throw notOurs();
  if (ofSpace !== space) throw spaceMismatch('a cursor', space, ofSpace);
  return inner;
}

/** The problem for something from another space. */
export function spaceMismatch(what: string, expected: string, got: string): HttpProblem {
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
