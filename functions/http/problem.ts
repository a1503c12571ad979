import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type ErrorCode, type ImageRejection, isSightlineError, type SightlineError } from '../../core/errors.ts';
import { textFor } from './caller.ts';
import type { AppDeps, AppEnv } from './deps.ts';
import type { problem } from './schemas/system.ts';

type ProblemDocument = z.input<typeof problem>;

/** One error in a request, located by a JSON pointer into the body or by the name of a parameter. */
export type ProblemDetail = NonNullable<ProblemDocument['errors']>[number];

interface ProblemType {
  readonly status: ContentfulStatusCode;
  readonly title: string;
}

/** Every problem of this API. `type` of the document is `/problems/<code>`, which can be opened. */
export const PROBLEMS = {
  'invalid-input': { status: 400, title: 'The request is not valid' },
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'malformed-form': { status: 400, title: 'The body is not a form' },
  'malformed-http': { status: 400, title: 'The request is not HTTP' },
  incomplete: { status: 400, title: 'The request ended early' },
  'malformed-url': { status: 400, title: 'The URL is not valid' },
  'invalid-cursor': { status: 400, title: 'The cursor belongs to another list' },
  'invalid-key': { status: 400, title: 'The key cannot be stored' },
  unauthorized: { status: 401, title: 'An API key is required' },
  forbidden: { status: 403, title: 'The API key may not do this' },
  'cross-site': { status: 403, title: 'Requests from this site are not allowed' },
  'read-only': { status: 403, title: 'The pictures are read-only' },
  'no-folders': { status: 404, title: 'There are no folders here' },
  'not-found': { status: 404, title: 'Not found' },
  'method-not-allowed': { status: 405, title: 'This URL does not support that method' },
  'already-exists': { status: 409, title: 'The key is taken' },
  'folder-overlaps': { status: 409, title: 'The folder lies within another indexed folder, or contains one' },
  'perhaps-moved': { status: 409, title: 'The folder may be one that was moved' },
  'space-mismatch': { status: 409, title: 'Made with other models' },
  conflict: { status: 409, title: 'The picture changed meanwhile' },
  'precondition-failed': { status: 412, title: 'The precondition does not hold' },
  'too-large': { status: 413, title: 'Larger than allowed' },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported' },
  'range-not-satisfiable': { status: 416, title: 'The range is outside the picture' },
  'wrong-host': { status: 421, title: 'The server does not answer to this name' },
  'unreadable-image': { status: 422, title: 'The picture cannot be read' },
  'headers-too-large': { status: 431, title: 'The URL and the headers are too long' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  unavailable: { status: 503, title: 'Not available at the moment' },
  timeout: { status: 503, title: 'The request took too long' },
  'not-ready': { status: 503, title: 'Not ready yet' },
} as const satisfies Record<string, ProblemType>;

export type ProblemCode = keyof typeof PROBLEMS;

/**
 * The problem that each fault of core becomes. Faults of the installation are internal: callers do not see their text.
 */
const FROM_CORE: Record<ErrorCode, ProblemCode> = {
  'invalid-input': 'invalid-input',
  'invalid-cursor': 'invalid-cursor',
  'unreadable-image': 'unreadable-image',
  'too-large': 'too-large',
  'not-found': 'not-found',
  'precondition-failed': 'precondition-failed',
  'range-not-satisfiable': 'range-not-satisfiable',
  'invalid-key': 'invalid-key',
  'read-only': 'read-only',
  unavailable: 'unavailable',
  // This process still uses an old space.
  'space-retired': 'unavailable',
  'model-mismatch': 'internal',
  'space-mismatch': 'internal',
  'schema-mismatch': 'internal',
  'invalid-config': 'internal',
};

/** The problem that each kind of refused picture becomes. */
const FROM_REJECTION: Record<ImageRejection, ProblemCode> = {
  'not-an-image': 'unsupported-media-type',
  'unsupported-format': 'unsupported-media-type',
  empty: 'unreadable-image',
  truncated: 'unreadable-image',
  corrupt: 'unreadable-image',
  'too-many-pixels': 'unreadable-image',
  'too-large': 'too-large',
};

interface ProblemOptions {
  readonly errors?: readonly ProblemDetail[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Extension members (RFC 9457, 3.2). */
  readonly extra?: Readonly<Record<string, string | number | boolean | null>>;
  readonly cause?: unknown;
}

/** Thrown by the HTTP layer; {@link answerProblem} makes the response. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly options: ProblemOptions;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.name = 'HttpProblem';
    this.code = code;
    this.options = options;
  }
}

/** The problem for a refused picture, with the reason as an extension member. */
export function rejectedImage(reason: ImageRejection, message: string, options: ProblemOptions = {}): HttpProblem {
  const code = FROM_REJECTION[reason] ?? 'unreadable-image';
  return new HttpProblem(code, message, { ...options, extra: { ...options.extra, reason } });
}

/** Any thrown value as a problem. Unexpected ones become `internal` and keep their cause for the log. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (isSightlineError(error)) return fromCore(error);
  if (error instanceof HTTPException && error.status < 500) {
    const code = Object.entries(PROBLEMS).find(([, { status }]) => status === error.status)?.[0] as ProblemCode;
    return new HttpProblem(code ?? 'invalid-input', error.message, { cause: error });
  }
  return new HttpProblem('internal', 'unexpected error; the log has it under this request id', { cause: error });
}

function fromCore(error: SightlineError): HttpProblem {
  if (error.code === 'unreadable-image') {
    return rejectedImage((error.details.reason as ImageRejection | undefined) ?? 'corrupt', error.message, {
      cause: error,
    });
  }
  const code = FROM_CORE[error.code];
  if (code === 'internal') {
    return new HttpProblem(code, 'server and index do not match; see the log', { cause: error });
  }
  const headers = code === 'unavailable' ? { 'Retry-After': '5' } : undefined;
  return new HttpProblem(code, error.message, { cause: error, headers });
}

/** The client is gone, so nobody reads this; it keeps errors caused by that from being logged as ours. */
function hungUp(cause: unknown): HttpProblem {
  return new HttpProblem('incomplete', 'the client disconnected before the response', { cause });
}

/** Writes a problem document (RFC 9457) and logs server errors. */
export function answerProblem(error: unknown, c: Context<AppEnv>, deps: Pick<AppDeps, 'places'> = {}): Response {
  const problem = c.req.raw.signal.aborted ? hungUp(error) : toProblem(error);
  const { status, title } = PROBLEMS[problem.code];
  if (status >= 500) {
    const log = c.get('log') as AppEnv['Variables']['log'] | undefined;
    log?.[problem.code === 'internal' ? 'error' : 'warn']({ err: problem.cause ?? problem }, problem.message);
  }
  const { basePath = '' } = (c.get('caller') as AppEnv['Variables']['caller'] | undefined) ?? {};
  const document: ProblemDocument = {
    type: `${basePath}/problems/${problem.code}`,
    title,
    status,
    detail: textFor(c, deps, problem.message),
    instance: `${basePath}${c.req.path}`.slice(0, 300),
    requestId: c.get('requestId') ?? null,
    ...problem.options.extra,
    ...(problem.options.errors && { errors: [...problem.options.errors] }),
  };
  return c.json(document, status, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...problem.options.headers,
  });
}
