import type {
  Caption,
  CaptionHit,
  FailurePage,
  Filter,
  GeneralSearchRequest,
  Image,
  ImageHit,
  ImagePage,
  MapPage,
  Model,
  Problem,
  RetryResult,
  SearchPage,
  Status,
  TagCounts,
} from './api.ts';
import { ApiFault } from './problem.ts';

export type { Change, Failure, Filter, Image, KnownChange, MapPage, Model, SearchTerm, Status } from './api.ts';
export { ApiFault } from './problem.ts';

/** A picture or caption, with its score when it was found by a search. */
export type ImageItem = Image & Partial<Pick<ImageHit, 'score'>>;
export type CaptionItem = Caption & Partial<Pick<CaptionHit, 'score'>>;
export type Item = ImageItem | CaptionItem;
export type Kind = Item['kind'];
export type TagCount = TagCounts['items'][number];

/** POST /uploads is there only where the object store signs; its types are not in every OpenAPI document. */
export interface UploadRequest {
  readonly contentType: string;
  /** Exactly. */
  readonly bytes: number;
  readonly key?: string;
}

export interface SignedUpload {
  /** Of the picture, once it is indexed. */
  readonly id: string;
  readonly method: 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ClientOptions {
  /** Where the API is, such as `https://pictures.example/`. */
  readonly baseUrl: string;
  /** Asked at every call, so that a key can be entered later. */
  readonly apiKey?: () => string | undefined;
  readonly fetch?: typeof fetch;
  /** Longest wait for an answer, uploads excepted. Default 30,000. */
  readonly timeoutMs?: number;
}

interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly json?: unknown;
  readonly body?: FormData;
  readonly signal?: AbortSignal;
  readonly keepalive?: boolean;
}

export interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export type Client = ReturnType<typeof createClient>;

/** A client of the HTTP API for browsers and Node. Calls reject with {@link ApiFault}, or AbortError when aborted. */
export function createClient(options: ClientOptions) {
  const call = <T>(path: string, request: Call, isAnswer: (value: unknown) => boolean = isObject): Promise<T> =>
    send<T>(options, path, request, isAnswer);
  const image = (id: string, rest = '') => `images/${encodeURIComponent(id)}${rest}`;

  return {
    /** Nearest pictures or captions to a mix of texts and pictures. */
    search: (request: GeneralSearchRequest, signal?: AbortSignal) => {
      const simple = asPlainQuery(request);
      return simple
        ? call<SearchPage>('search', { query: simple, signal }, isPage)
        : call<SearchPage>('search', { method: 'POST', json: request, signal }, isPage);
    },
    /** Stored pictures, newest first. */
    listImages: ({ filter, ...list }: ListOptions & { readonly filter?: Filter } = {}) =>
      call<ImagePage>('images', { query: { ...filter, ...paging(list) }, signal: list.signal }, isPage),
    getImage: (id: string, signal?: AbortSignal) => call<Image>(image(id), { signal }, hasId),
    similar: (id: string, list: ListOptions = {}) =>
      call<SearchPage>(image(id, '/similar'), { query: paging(list), signal: list.signal }, isPage),
    captionsFor: (id: string, list: ListOptions = {}) =>
      call<SearchPage>(image(id, '/captions'), { query: paging(list), signal: list.signal }, isPage),
    setTags: (id: string, tags: readonly string[]) =>
      call<Image>(image(id), { method: 'PATCH', json: { tags } }, hasId),
    /** `keepalive` lets the request outlive the page that sends it. */
    deleteImage: (id: string, more: { readonly keepalive?: boolean } = {}) =>
      call<undefined>(image(id), { method: 'DELETE', ...more }, () => true),
    uploadImage: (file: Blob, name: string, signal?: AbortSignal) => {
      const body = new FormData();
      body.append('file', file, name);
      return call<Image>('images', { method: 'POST', body, signal }, hasId);
    },
    /** Signs an upload that goes past the API, where status says that this is possible. */
    signUpload: (upload: UploadRequest, signal?: AbortSignal) =>
      call<SignedUpload>('uploads', { method: 'POST', json: upload, signal }, hasId),
    tags: (signal?: AbortSignal) => call<TagCounts>('tags', { signal }, isPage).then((answer) => answer.items),
    failures: (list: ListOptions = {}) =>
      call<FailurePage>('failures', { query: paging(list), signal: list.signal }, isPage),
    retryFailure: (id: string) =>
      call<RetryResult>(`failures/${encodeURIComponent(id)}/retry`, { method: 'POST' }, hasId),
    /** Vectors in short form, to draw the collection. */
    map: (list: ListOptions = {}) => call<MapPage>('map', { query: paging(list), signal: list.signal }, isPage),
    status: (signal?: AbortSignal) => call<Status>('status', { signal }),
    model: (signal?: AbortSignal) => call<Model>('model', { signal }),
  };
}

/** What `minus` of the GET form weighs. */
const plainMinusWeight = -0.5;

/** The GET form of a search, which caches and can be shared; undefined when only the POST form can say it. */
function asPlainQuery(request: GeneralSearchRequest): Call['query'] | undefined {
  const parts: { q?: string; minus?: string; imageId?: string } = {};
  for (const term of request.terms) {
    const { text, imageId, weight = 1 } = term;
    const [name, value] =
      text !== undefined && weight === 1
        ? (['q', text] as const)
        : text !== undefined && weight === plainMinusWeight
          ? (['minus', text] as const)
          : imageId !== undefined && weight === 1
            ? (['imageId', imageId] as const)
            : [];
    if (name === undefined || parts[name] !== undefined) return;
    parts[name] = value;
  }
  return {
    ...parts,
    kind: request.kind,
    minScore: request.minScore,
    ...request.filter,
    ...paging(request),
  };
}

function paging(list: { limit?: number; cursor?: string }): { limit?: number; cursor?: string } {
  return { limit: list.limit, cursor: list.cursor };
}

async function send<T>(
  options: ClientOptions,
  path: string,
  request: Call,
  isAnswer: (value: unknown) => boolean,
): Promise<T> {
  const url = new URL(path, options.baseUrl);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  const timeout = AbortSignal.timeout(request.body ? 600_000 : (options.timeoutMs ?? 30_000));
  let response: Response;
  let body: unknown;
  try {
    response = await (options.fetch ?? fetch)(url, {
      method: request.method ?? 'GET',
      headers: headersOf(options, request),
      body: request.body ?? (request.json === undefined ? undefined : JSON.stringify(request.json)),
      signal: request.signal ? AbortSignal.any([request.signal, timeout]) : timeout,
      keepalive: request.keepalive ?? false,
    });
    body = parse(await response.text(), response.ok, url.pathname);
  } catch (error) {
    if (error instanceof ApiFault || request.signal?.aborted) throw error;
    if (timeout.aborted) throw new ApiFault('timeout', `no answer from ${url.pathname}`, { cause: error });
    throw new ApiFault('unreachable', `${url.origin} does not answer`, { cause: error });
  }
  if (!response.ok) throw faultOf(response, body);
  if (!isAnswer(body)) {
    throw new ApiFault('unexpected-answer', `${url.pathname} answered something else than expected.`);
  }
  return body as T;
}

function headersOf(options: ClientOptions, request: Call): Headers {
  const headers = new Headers({ accept: 'application/json, application/problem+json' });
  if (request.json !== undefined) headers.set('content-type', 'application/json');
  const key = options.apiKey?.();
  if (key !== undefined && key !== '') headers.set('authorization', `Bearer ${key}`);
  return headers;
}

/** What the body says; '' when it is empty. A refusal may have any body, a success must be JSON. */
export function parse(text: string, ok: boolean, path: string): unknown {
  if (text === '') return '';
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!ok) return undefined;
    throw new ApiFault('unexpected-answer', `${path} answered something that is not JSON.`, { cause });
  }
}

/** The fault that a refusal stands for. Shared with uploads, which have their own way to send. */
export function faultOf(response: { status: number; headers: { get(name: string): string | null } }, body: unknown) {
  const problem: Partial<Problem> = isObject(body) ? (body as Problem) : {};
  const wait = Number.parseFloat(response.headers.get('retry-after') ?? '');
  return new ApiFault('refused', problem.detail ?? problem.title ?? `The server answered ${response.status}.`, {
    status: response.status,
    code: problem.type?.split('/').at(-1),
    retryAfter: Number.isFinite(wait) ? wait : undefined,
    requestId: response.headers.get('x-request-id') ?? undefined,
  });
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasId(value: unknown): boolean {
  return isObject(value) && typeof (value as { id?: unknown }).id === 'string';
}

function isPage(value: unknown): boolean {
  return isObject(value) && Array.isArray((value as { items?: unknown }).items);
}

/** Narrowing helper for mixed lists. */
export function isImage(item: Item): item is ImageItem {
  return item.kind === 'image';
}
