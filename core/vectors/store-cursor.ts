import { createHash } from 'node:crypto';
import { SightlineError } from '../errors.ts';
import { canonicalJson } from '../util/canonical-json.ts';

/** Raised when the meaning of a position changes, so that older cursors are refused, not misread. */
const VERSION = 1;
/** Longer cursors are not valid: a position is a score or time and an id, or two nested cursors. */
const MAX_LENGTH = 1000;

/** What a cursor points after: `[score or time, id]` or `[id]`. */
export type Position = readonly (number | string)[];

/**
 * Identifies the query of a cursor. Values of different types differ; the order of an object's properties and undefined
 * properties do not matter.
 */
export function fingerprint(parts: readonly (string | number | undefined | object)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (part instanceof Float32Array) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    else hash.update(`${canonicalJson(part)}\n`);
  }
  return hash.digest('base64url').slice(0, 16);
}

/** A string for `position` in the results of a query; `of` is its fingerprint. The API seals it (`api-cursor.ts`). */
export function encodeCursor(of: string, position: Position): string {
  return JSON.stringify([VERSION, of, ...position]);
}

/**
 * The position in a cursor.
 * @throws {invalid-cursor} when it is not from {@link encodeCursor}, belongs to another query or version, or its values
 * match none of `forms`
 */
export function decodeCursor(
  of: string,
  cursor: string,
  ...forms: readonly (readonly ('number' | 'string')[])[]
): Position {
  const parsed = parse(cursor);
  if (parsed === null) throw invalid('it was not made by this store');
  const [version, belongsTo, ...position] = parsed;
  if (version !== VERSION) throw invalid('it is from another version');
  if (belongsTo !== of) throw invalid('it was made for another query');
  const fits = (types: (typeof forms)[number]) =>
    position.length === types.length && types.every((type, i) => typeof position[i] === type);
  if (!forms.some(fits)) throw invalid('its position does not fit');
  return position as Position;
}

function parse(cursor: string): unknown[] | null {
  if (cursor.length > MAX_LENGTH) return null;
  try {
    const parsed: unknown = JSON.parse(cursor);
    return Array.isArray(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

function invalid(why: string): SightlineError {
  return new SightlineError(
    'invalid-cursor',
    `expected the \`next\` of the previous page of the same query as cursor, but ${why}`,
  );
}
