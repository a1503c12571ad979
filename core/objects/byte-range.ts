import { SightlineError } from '../errors.ts';
import type { ByteRange } from '../ports.ts';

/**
 * Resolves a range for an object of `size` bytes by RFC 9110, 14.1.2: an end after the last byte is cut off, and a
 * suffix longer than the object means all of it.
 * @throws {range-not-satisfiable} when it selects no byte, as every range of an empty object, or is not a valid range
 */
export function resolveRange(range: ByteRange | undefined, size: number): { offset: number; length: number } {
  if (range === undefined) return { offset: 0, length: size };
  if ('last' in range) {
    const length = Math.min(range.last, size);
    if (!isIndex(range.last) || length === 0) throw notSatisfiable(`the last ${range.last} bytes`, size);
    return { offset: size - length, length };
  }
  const { first, end = Number.MAX_SAFE_INTEGER } = range;
  if (!isIndex(first) || !isIndex(end) || first > end || first >= size) {
    throw notSatisfiable(`bytes ${first} to ${range.end ?? 'the end'}`, size);
  }
  return { offset: first, length: Math.min(end, size - 1) - first + 1 };
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function notSatisfiable(asked: string, size: number): SightlineError {
  return new SightlineError(
    'range-not-satisfiable',
    `expected a range within the object's ${size} bytes, got ${asked}`,
    // For the Content-Range header of a 416 answer.
    { details: { size } },
  );
}
