import type {
  Caption,
  CaptionHit,
  CaptionInput,
  CaptionPage,
  CaptionResults,
  EmbedRequest,
  FacetCounts,
  FailurePage,
  Filter,
  Folder,
  GeneralSearchRequest,
  Image,
  ImageHit,
  ImagePage,
  MapPage,
  Model,
  RetryResult,
  SearchPage,
  SearchTerm,
  Session,
  SignedUpload,
  StackPage,
  Status,
  TagCounts,
  TrashPage,
  UploadRequest,
  Vectors,
} from './api.ts';
import { type Call, type ClientOptions, hasId, isObject, isPage, send } from './transport.ts';

export type {
  Change,
  Failure,
  Filter,
  Folder,
  Image,
  KnownChange,
  MapPage,
  Model,
  SearchTerm,
  SearchWarning,
  Session,
  SignedUpload,
  Stack,
  StackPage,
  Status,
  TrashItem,
  TrashPage,
  Understood,
  UploadedImage,
  UploadRequest,
} from './api.ts';
export { ApiFault } from './api-error.ts';
export type { ClientOptions } from './transport.ts';

/** A picture or a caption, with its score if a search found it. */
export type ImageItem = Image & Partial<Pick<ImageHit, 'score' | 'why' | 'fit'>>;
export type CaptionItem = Caption & Partial<Pick<CaptionHit, 'score' | 'why'>>;
export type Item = ImageItem | CaptionItem;
/** How well a picture fits the query text. */
export type Fit = NonNullable<ImageHit['fit']>;
export type Kind = Item['kind'];
export type TagCount = TagCounts['items'][number];
export type FacetCount = FacetCounts['items'][number];

export interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export interface FacetOptions {
  readonly filter?: Filter;
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export type Sort = Exclude<NonNullable<GeneralSearchRequest['sort']>, 'relevance'>;

/** One of the main colours that pictures can be filtered by. */
export type Colour = Image['colours'][number];

/** The filters that apply to captions. */
export type TagFilter = Pick<Filter, 'tagsAll' | 'tagsAny'>;

export type Client = ReturnType<typeof createClient>;

/**
 * Creates a client for the HTTP API, for browsers and Node.
 * Calls reject with {@link ApiFault}, whose `code` each method names, or with AbortError when aborted.
 * @throws {unauthorized} any method, when the server asks for a key
 * @throws {forbidden} any method that changes something, with a key for reading
 * @throws {rate-limited} any method, after too many calls; `retryAfter` says how long to wait
 * @example
 * const client = createClient({ baseUrl: 'http://127.0.0.1:8787' });
 * const { items } = await client.search({ terms: [{ text: 'a cup of coffee' }], kind: 'image', limit: 3 });
 */
export function createClient(options: ClientOptions) {
  const call: Send = (path, request, isAnswer = isObject) =>
    send(options, path, request, isAnswer).then(({ body }) => body as never);
  const image = (id: string, rest = '') => `images/${encodeURIComponent(id)}${rest}`;
  const trashed = (entry: string) => `trash/${encodeURIComponent(entry)}`;

  return {
    /**
     * Finds the pictures or captions nearest to a mix of texts and pictures.
     * @param request 1 to 8 terms, each a text, the `imageId` of a stored picture, or a {@link pictureTerm}
     * @throws {invalid-input}
     * @throws {invalid-cursor} for a `cursor` of another search
     * @throws {not-found} for an `imageId` that is not stored
     * @throws {unsupported-media-type} for a picture of an unknown or unsupported format
     * @throws {unreadable-image}
     * @example
     * const terms = [{ text: 'a beach' }, { text: 'people', weight: -0.5 }];
     * const { items, next } = await client.search({ terms, kind: 'image', filter: { folder: 'holidays' } });
     */
    search: (request: GeneralSearchRequest, signal?: AbortSignal) =>
      call<SearchPage>('search', { ...searchCall(request), signal }, isPage),
    /**
     * Lists stored pictures, most recently indexed first, or by the date they were taken.
     * @throws {invalid-cursor} for a `cursor` of another list
     * @example
     * const { items, next } = await client.listImages({ sort: '-taken', filter: { tagsAll: ['beach'] } });
     * const more = await client.listImages({ sort: '-taken', filter: { tagsAll: ['beach'] }, cursor: next });
     */
    listImages: ({ filter, sort, ...list }: ListOptions & { readonly filter?: Filter; readonly sort?: Sort } = {}) =>
      call<ImagePage>('images', { query: { ...filter, sort, ...paging(list) }, signal: list.signal }, isPage),
    /**
     * Returns one picture by id.
     * @throws {not-found}
     */
    getImage: (id: string, signal?: AbortSignal) => call<Image>(image(id), { signal }, hasId),
    /**
     * Finds pictures similar to a stored one, best first.
     * @throws {not-found}
     * @throws {invalid-cursor} for a `cursor` of another list
     */
    similar: (id: string, list: ListOptions = {}) =>
      call<SearchPage>(image(id, '/similar'), { query: paging(list), signal: list.signal }, isPage),
    /**
     * Finds the captions nearest to a stored picture, best first.
     * @throws {not-found}
     * @throws {invalid-cursor} for a `cursor` of another list
     */
    captionsFor: (id: string, list: ListOptions = {}) =>
      call<SearchPage>(image(id, '/captions'), { query: paging(list), signal: list.signal }, isPage),
    /**
     * Replaces the tags of a picture and returns the updated picture.
     * @throws {not-found}
     * @throws {invalid-input} for a tag that cannot be one
     */
    setTags: (id: string, tags: readonly string[]) =>
      call<Image>(image(id), { method: 'PATCH', json: { tags } }, hasId),
    /**
     * Moves a picture to the trash. Resolves to its trash entry id, or null if its file was already gone.
     * @throws {not-found}
     * @throws {read-only} when the pictures may not be changed
     */
    deleteImage: (id: string) =>
      send(options, image(id), { method: 'DELETE' }, () => true).then(({ headers }) => headers.get('sightline-trash')),
    /** Lists deleted pictures, most recent first. */
    trash: (list: ListOptions = {}) => call<TrashPage>('trash', { query: paging(list), signal: list.signal }, isPage),
    /**
     * Restores a deleted picture by its trash entry id.
     * @throws {not-found}
     * @throws {already-exists} when another picture has its name now
     */
    restore: (entry: string) => call<Image>(`${trashed(entry)}/restore`, { method: 'POST' }, hasId),
    /**
     * Permanently deletes one trash entry.
     * @throws {not-found}
     */
    deleteForGood: (entry: string) => call<undefined>(trashed(entry), { method: 'DELETE' }, () => true),
    /** Permanently deletes everything in the trash. */
    emptyTrash: () => call<undefined>('trash', { method: 'DELETE', isSlow: true }, () => true),
    /**
     * Uploads and indexes a picture.
     * @param name file name with its folder, if any; a number is added if it is taken
     * @throws {unsupported-media-type} when it is of an unknown or unsupported format; it is not kept then
     * @throws {unreadable-image} when it cannot be read; it is not kept then, either
     * @throws {too-large}
     * @throws {read-only} when nothing may be stored
     * @example
     * const { id } = await client.uploadImage(await openAsBlob('beach.jpg'), 'holidays/beach.jpg');
     */
    uploadImage: (file: Blob, name: string, signal?: AbortSignal) => {
      const body = new FormData();
      body.append('file', file, name);
      return call<Image>('images', { method: 'POST', body, signal }, hasId);
    },
    /**
     * Signs an upload that goes straight to storage. Only available if `status` says so.
     * @throws {not-found} when it is not
     * @throws {already-exists} when a picture has that name
     * @throws {invalid-key}
     * @throws {too-large}
     */
    signUpload: (upload: UploadRequest, signal?: AbortSignal) =>
      call<SignedUpload>('uploads', { method: 'POST', json: upload, signal }, hasId),
    /**
     * Lists stored captions, newest first.
     * @throws {invalid-cursor} for a `cursor` of another list
     */
    listCaptions: ({ filter, ...list }: ListOptions & { readonly filter?: TagFilter } = {}) =>
      call<CaptionPage>('captions', { query: { ...filter, ...paging(list) }, signal: list.signal }, isPage),
    /** Adds captions. Returns one result per caption, in order; a rejected caption does not stop the others. */
    addCaptions: (items: readonly CaptionInput[], signal?: AbortSignal) =>
      call<CaptionResults>('captions', { method: 'POST', json: { items }, signal }, isPage),
    /**
     * Deletes a caption by id.
     * @throws {not-found}
     */
    deleteCaption: (id: string) =>
      call<undefined>(`captions/${encodeURIComponent(id)}`, { method: 'DELETE' }, () => true),
    /**
     * Embeds texts and pictures (base64) and returns the raw vectors.
     * @throws {invalid-input}
     * @throws {unsupported-media-type} for a picture of an unknown or unsupported format
     * @throws {unreadable-image}
     */
    embed: (request: EmbedRequest, signal?: AbortSignal) =>
      call<Vectors>('embed', { method: 'POST', json: request, signal }),
    ...folderCalls(call),
    /** Counts how often each tag is used, most frequent first. */
    tags: ({ kind, signal }: { readonly kind?: Kind | 'any'; readonly signal?: AbortSignal } = {}) =>
      call<TagCounts>('tags', { query: { kind }, signal }, isPage).then((answer) => answer.items),
    /**
     * Counts the values of a field, such as folder or camera, most frequent first.
     * @throws {invalid-input} for a field that is not counted
     */
    facet: (field: string, { filter, limit, signal }: FacetOptions = {}) =>
      call<FacetCounts>(`facets/${encodeURIComponent(field)}`, { query: { ...filter, limit }, signal }, isPage).then(
        (answer) => answer.items,
      ),
    /**
     * Lists the files that could not be indexed.
     * @throws {invalid-cursor} for a `cursor` of another list
     */
    failures: (list: ListOptions = {}) =>
      call<FailurePage>('failures', { query: paging(list), signal: list.signal }, isPage),
    /**
     * Removes a failure from the list until its file changes.
     * @throws {not-found}
     */
    dismissFailure: (id: string) =>
      call<undefined>(`failures/${encodeURIComponent(id)}`, { method: 'DELETE' }, () => true),
    /**
     * Tries to index a failed file again.
     * @throws {not-found}
     */
    retryFailure: (id: string) =>
      call<RetryResult>(`failures/${encodeURIComponent(id)}/retry`, { method: 'POST' }, hasId),
    /**
     * Lists groups of duplicate pictures; those that would free the most space come first.
     * @throws {invalid-cursor} for a `cursor` of another list
     */
    stacks: (list: ListOptions = {}) => call<StackPage>('stacks', { query: paging(list), signal: list.signal }, isPage),
    /**
     * Lists quantised vectors for drawing a map of the collection.
     * @throws {invalid-cursor} for a `cursor` of another list
     */
    map: (list: ListOptions = {}) => call<MapPage>('map', { query: paging(list), signal: list.signal }, isPage),
    /** Returns what the caller may do and which operations need a key. */
    session: (signal?: AbortSignal) => call<Session>('session', { signal }),
    /**
     * Exchanges the key in the options for a cookie, so that browsers can also load pictures and events.
     * @throws {unauthorized} for a key that is none
     */
    openSession: () => call<Session>('session', { method: 'POST' }),
    /** Ends the session opened by `openSession`. */
    closeSession: () => call<undefined>('session', { method: 'DELETE' }, () => true),
    /** Returns the state of the server, such as counts and indexing progress. */
    status: (signal?: AbortSignal) => call<Status>('status', { signal }),
    /** Describes the models in use. */
    model: (signal?: AbortSignal) => call<Model>('model', { signal }),
  };
}

type Send = <T>(path: string, request: Call, isAnswer?: (value: unknown) => boolean) => Promise<T>;

function folderCalls(call: Send) {
  const folder = (name: string) => `folders/${encodeURIComponent(name)}`;
  return {
    /**
     * Adds a folder on the server's machine, by its absolute path.
     * @param moved true if this is the folder named in a `perhaps-moved` error
     * @throws {perhaps-moved} when it resembles an indexed folder and `moved` is not given
     * @throws {folder-overlaps} when it lies within an indexed folder, or contains one
     * @throws {invalid-input} when it does not exist or cannot be a folder of pictures
     * @throws {no-folders} from a server of a bucket
     */
    addFolder: (path: string, moved?: boolean) =>
      call<Folder>('folders', { method: 'POST', json: { path, moved }, isSlow: true }),
    /**
     * Updates the path of a folder that was moved.
     * @throws {not-found}
     * @throws {invalid-input} when nothing is there, or none of its pictures
     * @throws {folder-overlaps}
     */
    moveFolder: (name: string, path: string) =>
      call<Folder>(folder(name), { method: 'PATCH', json: { path }, isSlow: true }),
    /**
     * Removes a folder from the index; its files are kept.
     * @throws {not-found}
     */
    removeFolder: (name: string) => call<undefined>(folder(name), { method: 'DELETE', isSlow: true }, () => true),
  };
}

/**
 * Makes a query term from a picture.
 * @param weight from -2 to 2; a negative one searches away from the picture
 * @example
 * const { items } = await client.search({ terms: [await pictureTerm(file)] });
 */
export async function pictureTerm(picture: Blob, weight = 1): Promise<SearchTerm> {
  const bytes = new Uint8Array(await picture.arrayBuffer());
  let binary = '';
  // In chunks: a call takes only so many arguments.
  const chunk = 0x8000;
  for (let at = 0; at < bytes.length; at += chunk) binary += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return { image: btoa(binary), weight };
}

/** The weight that `minus` has in the GET form. */
const plainMinusWeight = -0.5;

function searchCall(request: GeneralSearchRequest): Call {
  const query = asPlainQuery(request);
  return query ? { query } : { method: 'POST', json: request };
}

/** The GET form of a search, which is cacheable and can be shared; undefined if only POST can express it. */
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
    lang: request.lang,
    literal: request.literal ? 'true' : undefined,
    kind: request.kind,
    sort: request.sort,
    minScore: request.minScore,
    ...request.filter,
    ...paging(request),
  };
}

function paging(list: { limit?: number; cursor?: string }): { limit?: number; cursor?: string } {
  return { limit: list.limit, cursor: list.cursor };
}

/** Type guards for mixed lists. */
export function isImage(item: Item): item is ImageItem {
  return item.kind === 'image';
}

export function isCaption(item: Item): item is CaptionItem {
  return item.kind === 'caption';
}
