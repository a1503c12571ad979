import type { ByteRange } from '../../core/ports.ts';

/** Conditional and range requests (RFC 9110, 13 and 14), limited to one strong entity tag and one range. */

/** An entity tag for a header. Characters outside the grammar are percent-encoded. */
export function quoteEtag(etag: string): string {
  const encoded = (char: string) => encodeURIComponent(char.toWellFormed()).replaceAll('"', '%22');
  return `"${etag.replace(/[^\x21\x23-\x7e]/g, encoded)}"`;
}

/** Entity tags of If-Match or If-None-Match, `*` as itself. */
function entityTags(header: string): string[] {
  return header.trim() === '*' ? ['*'] : (header.match(/(?:W\/)?"[^"]*"/g) ?? []);
}

/** If-None-Match: weak comparison. True when the client's copy is current. */
export function isFresh(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const opaque = (tag: string) => tag.replace(/^W\//, '');
  return entityTags(ifNoneMatch).some((tag) => tag === '*' || opaque(tag) === opaque(etag));
}

/** If-Match: strong comparison. True when the request may go on. */
export function matches(ifMatch: string | undefined, etag: string): boolean {
  return ifMatch === undefined || entityTags(ifMatch).some((tag) => tag === '*' || tag === etag);
}

/** If-Range: the range applies only to the same version, given by its strong tag or its exact date. */
export function rangeApplies(ifRange: string | undefined, etag: string, lastModified: Date): boolean {
  if (ifRange === undefined) return true;
  const value = ifRange.trim();
  if (value.startsWith('"')) return value === etag;
  return value === lastModified.toUTCString();
}

/**
 * The range of a Range header; null when there is none, or it is malformed, in another unit, or several: then the whole
 * is sent (RFC 9110, 14.2).
 */
export function parseRange(header: string | undefined): ByteRange | null {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? '');
  if (match === null) return null;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '') return last === '' ? null : { last: Number(last) };
  if (last === '') return { first: Number(first) };
  return Number(last) < Number(first) ? null : { first: Number(first), end: Number(last) };
}
