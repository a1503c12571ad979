import type { ByteRange } from '../../core/ports.ts';

/** Conditional and range requests (RFC 9110, 13 and 14), as far as one strong entity tag and one range need them. */

/** An entity tag as it stands in a header. Characters outside the grammar are percent-encoded. */
export function quoteEtag(etag: string): string {
  const encoded = (char: string) => encodeURIComponent(char.toWellFormed()).replaceAll('"', '%22');
  return `"${etag.replace(/[^\x21\x23-\x7e]/g, encoded)}"`;
}

/** Entity tags of If-Match or If-None-Match, `*` as itself. */
function entityTags(header: string): string[] {
  return header.trim() === '*' ? ['*'] : (header.match(/(?:W\/)?"[^"]*"/g) ?? []);
}

/** If-None-Match: weak comparison. True when the caller's copy is still good. */
export function isFresh(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const opaque = (tag: string) => tag.replace(/^W\//, '');
  return entityTags(ifNoneMatch).some((tag) => tag === '*' || opaque(tag) === opaque(etag));
}

/** If-Match: strong comparison. True when the request may go on. */
export function matches(ifMatch: string | undefined, etag: string): boolean {
  return ifMatch === undefined || entityTags(ifMatch).some((tag) => tag === '*' || tag === etag);
}

/** If-Range: the range counts only for the same version, named by its strong tag or its exact date. */
export function rangeApplies(ifRange: string | undefined, etag: string, lastModified: Date): boolean {
  if (ifRange === undefined) return true;
  const value = ifRange.trim();
  if (value.startsWith('"')) return value === etag;
  return value === lastModified.toUTCString();
}

/**
 * The one range of a Range header; null when it is absent, of another unit, malformed or asks for several: then the
 * whole is the right answer (RFC 9110, 14.2).
 */
export function parseRange(header: string | undefined): ByteRange | null {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? '');
  if (match === null) return null;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '') return last === '' ? null : { last: Number(last) };
  if (last === '') return { first: Number(first) };
  return Number(last) < Number(first) ? null : { first: Number(first), end: Number(last) };
}
