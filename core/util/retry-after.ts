/**
 * Milliseconds from a `Retry-After` header, given in seconds or as a date (RFC 9110, 10.2.3); null when it is neither.
 */
export function retryAfterMs(header: string | null | undefined): number | null {
  if (header === null || header === undefined) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
