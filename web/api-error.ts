/** Everything that can go wrong between the page and the API, in terms a person can act on. */
export type FaultKind =
  /** No answer: the server is down, the network is gone, or the request timed out. */
  | 'unreachable'
  | 'timeout'
  /** A response that breaks the API's contract, such as a proxy's error page. */
  | 'unexpected-answer'
  /** A problem document (RFC 9457), or at least an HTTP status. */
  | 'refused';

/** A call that failed. Aborted calls reject with the browser's AbortError instead. */
export class ApiFault extends Error {
  readonly kind: FaultKind;
  /** HTTP status; 0 when there was no response. */
  readonly status: number;
  /** The API's stable code, such as `invalid-cursor`; '' if there was none. */
  readonly code: string;
  /** Seconds to wait before retrying, if the server said so. */
  readonly retryAfter: number | undefined;
  /** The request id in the server's log. */
  readonly requestId: string | undefined;

  constructor(
    kind: FaultKind,
    message: string,
    more: { status?: number; code?: string; retryAfter?: number; requestId?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'ApiFault';
    this.kind = kind;
    this.status = more.status ?? 0;
    this.code = more.code ?? '';
    this.retryAfter = more.retryAfter;
    this.requestId = more.requestId;
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** True when there was no response at all. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiFault && error.kind === 'unreachable';
}

/** True when the same call may succeed if it is simply repeated a little later. */
export function mayPass(error: unknown): boolean {
  return (
    error instanceof ApiFault &&
    (error.kind !== 'refused' || error.status === 408 || error.status === 429 || error.status >= 500)
  );
}
