import { z } from '@hono/zod-openapi';
import { HttpProblem } from './problem.ts';

/**
 * Cursors of the API: the space, so that a cursor from other models is refused with both names; the language in which
 * ambiguous words were read, or null; and the store's own cursor, which is bound to its query.
 */
const language = z.string().regex(/^[a-z]{2,3}$/);
const parts = z.tuple([z.string(), language.nullable(), z.string()]);

/**
 * Seals a store's cursor; undefined on the last page.
 * @param language in which ambiguous words were read, so that the next page reads them the same way
 */
export function sealCursor(
  space: string,
  inner: string | undefined,
  language: string | null = null,
): string | undefined {
  if (inner === undefined) return undefined;
  return Buffer.from(JSON.stringify([space, language, inner])).toString('base64url');
}

/**
 * The language of {@link sealCursor}, or null.
 * @throws {invalid-cursor}
 */
export function settledLanguage(cursor: string | undefined): string | null {
  return cursor === undefined ? null : parse(cursor)[1];
}

/**
 * The store's own cursor.
 * @throws {invalid-cursor}
 * @throws {space-mismatch} (409) naming both spaces
 */
export function openCursor(space: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const [ofSpace, , inner] = parse(cursor);
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

function parse(cursor: string): z.output<typeof parts> {
  try {
    return parts.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (cause) {
    throw new HttpProblem('invalid-cursor', 'expected the `next` of a previous page, got something else', { cause });
  }
}
