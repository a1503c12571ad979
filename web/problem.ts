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

export interface Explanation {
  readonly title: string;
  /** What to do about it. */
  readonly advice: string;
}

/** A fault in words: what happened, and what to do. */
export function explain(error: unknown): Explanation {
  if (!(error instanceof ApiFault)) {
    return { title: 'Something in this page failed', advice: `Reload the page. ${messageOf(error)}` };
  }
  const trace = error.requestId === undefined ? '' : ` The request id is ${error.requestId}.`;
  switch (error.kind) {
    case 'unreachable':
      if (navigator.onLine === false) {
        return { title: 'This machine is offline', advice: 'The page goes on by itself when it is online again.' };
      }
      return {
        title: 'The server does not answer',
        advice: 'Check that it is running and that this machine is online. The page tries again by itself.',
      };
    case 'timeout':
      return { title: 'The server takes too long', advice: 'It may be busy or starting. Try again in a moment.' };
    case 'unexpected-answer':
      return {
        title: 'The answer makes no sense',
        advice: `${sentence(error.message)} Something between this page and the server may have answered instead.`,
      };
    case 'refused':
      return explainStatus(error, trace);
  }
}

function explainStatus(error: ApiFault, trace: string): Explanation {
  switch (error.status) {
    case 401:
    case 403:
      if (error.code === 'read-only') return { title: 'This server changes nothing', advice: sentence(error.message) };
      return { title: 'This needs an API key', advice: 'Enter a key; this browser keeps it until it is closed.' };
    case 404:
      return { title: 'It is not there any more', advice: sentence(error.message) };
    case 409:
    case 412:
      return { title: 'It has changed meanwhile', advice: `${sentence(error.message)} Reload and do it again.` };
    case 413:
      return { title: 'Too large', advice: `${sentence(error.message)} Make it smaller and try again.` };
    case 415:
    case 422:
      return { title: 'Not a picture this server reads', advice: sentence(error.message) };
    case 429:
      return {
        title: 'Too many requests',
        advice: `Wait ${error.retryAfter === undefined ? 'a little' : seconds(error.retryAfter)} and try again.`,
      };
    default:
      return error.status >= 500
        ? { title: 'The server failed', advice: `Try again; if it goes on, look into its log.${trace}` }
        : { title: 'The server refused this', advice: sentence(error.message) };
  }
}

/** The API's details are clauses ("expected this, got that"). */
function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? '' : '.');
}

function seconds(value: number): string {
  return value === 1 ? 'one second' : `${value} seconds`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
