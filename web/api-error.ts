/** What can go wrong between the page and the API, in terms a person can act on. */
export type FaultKind =
  /** No answer: the server is down, the network is gone, or the answer took too long. */
  | 'unreachable'
  | 'timeout'
  /** An answer that is not what the API promises, such as a proxy's page. */
  | 'unexpected-answer'
  /** A problem document (RFC 9457) or at least a status. */
  | 'refused';

/** A call that failed. Aborted calls reject with the browser's AbortError instead. */
export class ApiFault extends Error {
  readonly kind: FaultKind;
  /** 0 when there was no answer. */
  readonly status: number;
  /** The API's stable code, such as `invalid-cursor`; '' when there was none. */
  readonly code: string;
  /** Seconds the server asked to wait, if it did. */
  readonly retryAfter: number | undefined;
  /** The id under which the server logged the request. */
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

/** True when there was no answer at all. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiFault && error.kind === 'unreachable';
}

/** True when the same call may succeed a little later without anybody doing anything. */
export function mayPass(error: unknown): boolean {
  return (
    error instanceof ApiFault &&
    (error.kind !== 'refused' || error.status === 408 || error.status === 429 || error.status >= 500)
  );
}
