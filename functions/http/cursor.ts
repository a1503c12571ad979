import { HttpProblem } from './problem.ts';

/**
 * Cursors as callers see them: the store's own cursor, which knows its query, and the space it belongs to, so that one
 * of
 * other models is refused by name.
 */
const VERSION = 1;

/** Wraps a store's cursor; undefined on the last page. */
export function sealCursor(space: string, inner: string | undefined): string | undefined {
  if (inner === undefined) return undefined;
  return Buffer.from(JSON.stringify([VERSION, space, inner])).toString('base64url');
}

/** The store's cursor again. Throws `invalid-cursor`, and `space-mismatch` (409) naming both spaces. */
export function openCursor(space: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  // Those of the first release had a fingerprint of the query between the two.
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
