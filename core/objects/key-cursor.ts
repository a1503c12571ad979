import { SightlineError } from '../errors.ts';
import type { ListOptions } from '../ports.ts';

/**
 * The key after which a page begins; '' for the first page.
 * @param of identifies the list: its prefix, or its bucket and prefix
 * @throws {invalid-input} for a limit out of range
 * @throws {invalid-cursor} when the cursor is invalid, or belongs to another list
 */
export function pageStart(of: readonly string[], { cursor, limit }: ListOptions): string {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new SightlineError('invalid-input', `expected a limit of 1 to 1000, got ${limit}`);
  }
  if (cursor === undefined) return '';
  const after = lastOf(cursor);
  if (after !== undefined && cursor === pageCursor(of, after)) return after;
  throw new SightlineError('invalid-cursor', 'expected a cursor from the previous page of the same list');
}

function lastOf(cursor: string): string | undefined {
  try {
    return (JSON.parse(cursor) as string[]).at(-1);
  } catch {
    return undefined;
  }
}

/** The cursor of a page that ends with `last`: a key, so that it stays valid when objects are added or removed. */
export function pageCursor(of: readonly string[], last: string): string {
  return JSON.stringify([...of, last]);
}
