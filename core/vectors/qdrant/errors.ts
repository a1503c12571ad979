import { QdrantClientResourceExhaustedError, QdrantClientTimeoutError } from '@qdrant/js-client-rest';
import { type ErrorCode, isSightlineError, SightlineError } from '../../errors.ts';

/**
 * What the client throws, read without its types: for 404 and 500 it is an Error without a name that has a `status`.
 */
interface Fault {
  readonly status?: number;
  readonly data?: unknown;
  readonly message: string;
}

/** Is a fault of this status the server's, or of what stands before it, and may pass? */
const isPassing = (status: number) => status === 408 || status === 429 || status >= 500;
/** What the client throws when it cannot read the Retry-After of a 429, such as a date. */
const UNREADABLE_RETRY_AFTER = /^Invalid retryAfter value/;

/** HTTP status of the answer, undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof QdrantClientResourceExhaustedError) return 429;
  const { status, message } = error as Fault;
  if (typeof status === 'number') return status;
  return UNREADABLE_RETRY_AFTER.test(message) ? 429 : undefined;
}

/** The server has taken an update but not yet applied it, so that what is stored says nothing about it. */
class NotYetApplied extends Error {}

/** Throws, to be tried again, unless every update of a request has been applied. */
export function assertApplied(updates: readonly { status: string }[]): void {
  const open = updates.find(({ status }) => status !== 'completed');
  if (open) throw new NotYetApplied(`an update was answered with ${JSON.stringify(open.status)}, not "completed"`);
}

/** May the same request succeed in a moment? */
export function isTransient(error: unknown): boolean {
  if (isSightlineError(error)) return false;
  if (error instanceof QdrantClientTimeoutError || error instanceof NotYetApplied) return true;
  const status = statusOf(error);
  if (status !== undefined) return isPassing(status);
  return isConnectionFault(error);
}

/** fetch reports every failure to connect as one TypeError; a connection that breaks within a body has other names. */
function isConnectionFault(error: unknown): boolean {
  const { cause, message } = error as Error;
  return (error instanceof TypeError && cause !== undefined) || /fetch failed|terminated|ECONN|socket/i.test(message);
}

/** Told from a missing collection, which is a 404, too. */
export function isMissingPoint(error: unknown): boolean {
  return statusOf(error) === 404 && /No point with id/.test(serverMessage(error));
}

/** The fault in the words of this program. */
export function translateQdrantError(error: unknown, context: { url: string; action: string }): unknown {
  if (isSightlineError(error) || !(error instanceof Error)) return error;
  const status = statusOf(error);
  const text = serverMessage(error);
  const where = `Qdrant at ${context.url}: ${context.action}`;
  const fault = (code: ErrorCode, message: string) =>
    new SightlineError(code, message, { cause: error, details: { httpStatus: status ?? null, qdrant: context.url } });

  if (status === 401) return fault('invalid-config', `${where}: expected a valid API key: ${text}`);
  // By an operator, for as long as a copy is made, say; the key is all right.
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

/** What the server said: JSON with `status.error`, or plain text; else what the connection said. */
function serverMessage(error: unknown): string {
  const { data, message } = error as Fault;
  // What stands before the server may answer with a whole page.
  if (typeof data === 'string' && data !== '') return data.slice(0, 300);
  const said = (data as { status?: { error?: unknown } } | undefined)?.status?.error;
  if (typeof said === 'string') return said;
  const { cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message || (cause as NodeJS.ErrnoException).code}` : message;
}
