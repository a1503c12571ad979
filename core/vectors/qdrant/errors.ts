import { QdrantClientResourceExhaustedError, QdrantClientTimeoutError } from '@qdrant/js-client-rest';
import { type ErrorCode, isSightlineError, SightlineError } from '../../errors.ts';

/**
 * What the client throws, read without its types: for 404 and 500 it is an unnamed Error with a `status`.
 */
interface Fault {
  readonly status?: number;
  readonly data?: unknown;
  readonly message: string;
}

/** Whether a status means a transient fault of the server or of a proxy in front of it. */
const isPassing = (status: number) => status === 408 || status === 429 || status >= 500;
/** Thrown by the client when it cannot parse the Retry-After of a 429, such as a date. */
const UNREADABLE_RETRY_AFTER = /^Invalid retryAfter value/;

/** HTTP status of the response, undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof QdrantClientResourceExhaustedError) return 429;
  const { status, message } = error as Fault;
  if (typeof status === 'number') return status;
  return UNREADABLE_RETRY_AFTER.test(message) ? 429 : undefined;
}

/** The server has accepted an update but not applied it yet, so reading it back proves nothing. */
class NotYetApplied extends Error {}

/** @throws {NotYetApplied} unless every update of a request has been applied; it is transient */
export function assertApplied(updates: readonly { status: string }[]): void {
  const open = updates.find(({ status }) => status !== 'completed');
  if (open) throw new NotYetApplied(`an update was answered with ${JSON.stringify(open.status)}, not "completed"`);
}

/** Whether the same request may succeed in a moment. */
export function isTransient(error: unknown): boolean {
  if (isSightlineError(error)) return false;
  if (error instanceof QdrantClientTimeoutError || error instanceof NotYetApplied) return true;
  const status = statusOf(error);
  if (status !== undefined) return isPassing(status);
  return isConnectionFault(error);
}

/** fetch reports every failure to connect as a TypeError; a connection that breaks within a body has other names. */
function isConnectionFault(error: unknown): boolean {
  const { cause, message } = error as Error;
  return (error instanceof TypeError && cause !== undefined) || /fetch failed|terminated|ECONN|socket/i.test(message);
}

/** Distinguishes a missing point from a missing collection, which is also a 404. */
export function isMissingPoint(error: unknown): boolean {
  return statusOf(error) === 404 && /No point with id/.test(serverMessage(error));
}

/** Translates an error of the client into a fault. */
export function translateQdrantError(error: unknown, context: { url: string; action: string }): unknown {
  if (isSightlineError(error) || !(error instanceof Error)) return error;
  const status = statusOf(error);
  const text = serverMessage(error);
  const where = `Qdrant at ${context.url}: ${context.action}`;
  const fault = (code: ErrorCode, message: string) =>
    new SightlineError(code, message, { cause: error, details: { httpStatus: status ?? null, qdrant: context.url } });

  if (status === 401) return fault('invalid-config', `${where}: expected a valid API key: ${text}`);
  // Locked by an operator, for example during a backup; the key is fine.
  if (status === 403 && text.startsWith('Storage locked')) return fault('unavailable', `${where}: ${text}`);
  if (status === 403) return fault('invalid-config', `${where}: the API key does not allow this: ${text}`);
  if (/Vector dimension error/.test(text)) return fault('space-mismatch', `${where}: ${text}`);
  if (status === 404 && /Collection .* doesn't exist/.test(text)) {
    return fault('unavailable', `${where}: the collection has been removed: ${text}`);
  }
  if (status !== undefined && !isPassing(status)) {
    return fault('invalid-config', `${where}: the server refused the request with HTTP ${status}: ${text}`);
  }
  if (error instanceof NotYetApplied) return fault('unavailable', `${where}: ${text}`);
  if (error instanceof QdrantClientTimeoutError) return fault('unavailable', `${where}: no answer in time`);
  if (status === undefined && !isConnectionFault(error)) return error;
  return fault('unavailable', `${where}: ${status === undefined ? 'no connection' : `HTTP ${status}`}: ${text}`);
}

/** The server's message, from JSON with `status.error` or plain text; otherwise that of the connection. */
function serverMessage(error: unknown): string {
  const { data, message } = error as Fault;
  // A proxy in front of the server may answer with a whole page.
  if (typeof data === 'string' && data !== '') return data.slice(0, 300);
  const said = (data as { status?: { error?: unknown } } | undefined)?.status?.error;
  if (typeof said === 'string') return said;
  const { cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message || (cause as NodeJS.ErrnoException).code}` : message;
}
