import { createHash } from 'node:crypto';
import { HttpProblem } from './problem.ts';

/**
 * Cursors as callers see them: the store's own cursor together with the space and the question it belongs to, so that
 * one used with another question or with other models is refused instead of answering something else.
 */
const VERSION = 1;

/** A short fingerprint of a question: everything that decides the order of its answer, without page size and cursor. */
export function questionOf(...parts: readonly unknown[]): string {
  return createHash('sha256').update(canonical(parts)).digest('base64url').slice(0, 16);
}

/** JSON with sorted keys; bytes by their hash. */
function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes:${createHash('sha256').update(value).digest('hex')}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** Wraps a store's cursor; undefined on the last page. */
export function sealCursor(space: string, question: string, inner: string | undefined): string | undefined {
  if (inner === undefined) return undefined;
  return Buffer.from(JSON.stringify([VERSION, space, question, inner])).toString('base64url');
}

/** The store's cursor again. Throws `invalid-cursor`, and `space-mismatch` (409) naming both spaces. */
export function openCursor(space: string, question: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const [version, ofSpace, ofQuestion, inner] = parse(cursor);
  if (version !== VERSION || typeof ofSpace !== 'string' || typeof inner !== 'string') throw notOurs();
  if (ofSpace !== space) {
    throw otherSpace('a cursor', space, ofSpace);
  }
  if (ofQuestion !== question) {
    throw new HttpProblem('invalid-cursor', 'expected the cursor of this query, got one of another query');
  }
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
