import { retryAfterMs } from '../core/util/retry-after.ts';
import type { Problem } from './api.ts';
import { ApiFault } from './api-error.ts';

/** Sends the client's calls over the network and validates the responses. */

export interface ClientOptions {
  /** Base address of the API, such as `https://pictures.example/`. */
  readonly baseUrl: string;
  /** Called for each request, so that a key can be entered later. */
  readonly apiKey?: () => string | undefined;
  readonly fetch?: typeof fetch;
  /**
   * Timeout in milliseconds, except for uploads, folder changes, and emptying the trash.
   * @default 30000
   */
  readonly timeoutMs?: number;
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly json?: unknown;
  readonly body?: FormData;
  readonly signal?: AbortSignal;
  /** May take minutes, like an upload. */
  readonly isSlow?: boolean;
}

/**
 * Sends one request and returns the parsed body and the headers. Rejects with ApiFault, or with the reason of
 * `request.signal` if aborted. `isAnswer` tells the API's answers from responses of proxies in between.
 */
export async function send(
  options: ClientOptions,
  path: string,
  request: Call,
  isAnswer: (value: unknown) => boolean,
): Promise<{ readonly body: unknown; readonly headers: Headers }> {
  const url = new URL(path, options.baseUrl.replace(/\/?$/, '/'));
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(),
    request.body || request.isSlow ? 600_000 : (options.timeoutMs ?? 30_000),
  );
  let response: Response;
  let body: unknown;
  try {
    response = await (options.fetch ?? fetch)(url, {
      method: request.method ?? 'GET',
      headers: headersOf(options, request),
      body: request.body ?? (request.json === undefined ? undefined : JSON.stringify(request.json)),
      signal: request.signal ? AbortSignal.any([request.signal, timeout.signal]) : timeout.signal,
    });
    body = parse(await response.text(), response.ok, url.pathname);
  } catch (error) {
    if (error instanceof ApiFault || request.signal?.aborted) throw error;
    if (timeout.signal.aborted) throw new ApiFault('timeout', `no answer from ${url.pathname}`, { cause: error });
    throw new ApiFault('unreachable', `${url.origin} does not answer`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw faultOf(response, body);
  if (!isAnswer(body)) {
    throw new ApiFault('unexpected-answer', `${url.pathname} answered something else than expected.`);
  }
  return { body, headers: response.headers };
}

function headersOf(options: ClientOptions, request: Call): Headers {
  const headers = new Headers({ accept: 'application/json, application/problem+json' });
  if (request.json !== undefined) headers.set('content-type', 'application/json');
  const key = options.apiKey?.();
  if (key !== undefined && key !== '') headers.set('authorization', `Bearer ${key}`);
  return headers;
}

/** The parsed body; '' if empty. An error response may have any body; a success must be JSON. */
export function parse(text: string, ok: boolean, path: string): unknown {
  if (text === '') return '';
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!ok) return undefined;
    throw new ApiFault('unexpected-answer', `${path} answered something that is not JSON.`, { cause });
  }
}

/** The fault for an error response. Shared with uploads, which use a different transport. */
export function faultOf(response: { status: number; headers: { get(name: string): string | null } }, body: unknown) {
  const problem: Partial<Problem> = isObject(body) ? (body as Problem) : {};
  const wait = retryAfterMs(response.headers.get('retry-after'));
  return new ApiFault('refused', problem.detail ?? problem.title ?? `The server answered ${response.status}.`, {
    status: response.status,
    code: problem.type?.split('/').at(-1),
    retryAfter: wait === null ? undefined : Math.ceil(wait / 1000),
    requestId: response.headers.get('x-request-id') ?? undefined,
  });
}

export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function hasId(value: unknown): boolean {
  return isObject(value) && typeof (value as { id?: unknown }).id === 'string';
}

export function isPage(value: unknown): boolean {
  return isObject(value) && Array.isArray((value as { items?: unknown }).items);
}
