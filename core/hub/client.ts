import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { retryAfterMs } from '../util/retry-after.ts';

/** Client of the Hugging Face hub or a compatible mirror: resolves revisions and fetches files. */

export interface HubOptions {
  /** Address of the hub or a mirror, such as `https://huggingface.co`. */
  readonly endpoint: string;
  /** Sent only to that endpoint, never to redirect targets. */
  readonly token?: string | undefined;
  /** Longest wait for a response, and longest silence within one, in milliseconds. @default 30,000 */
  readonly idleMs?: number;
}

export interface HubRepo {
  readonly kind: 'model' | 'dataset';
  /** `owner/name`. */
  readonly name: string;
}

/** The hub's information about a file, from the headers. */
export interface HubFile {
  readonly commit: string | null;
  readonly bytes: number | null;
  /** SHA-256 for large files, the Git blob's SHA-1 for small ones; null when the hub gives neither. */
  readonly checksum: { readonly algorithm: 'sha256' | 'git-sha1'; readonly hex: string } | null;
}

/** A response with the bytes of a file, after redirects. */
export interface HubAnswer {
  readonly file: HubFile;
  readonly response: Response;
}

/** Retry later: after the given milliseconds, if the server said so. */
export class HubBusy extends Error {
  readonly afterMs: number | null;
  constructor(message: string, afterMs: number | null, cause?: unknown) {
    super(message, { cause });
    this.afterMs = afterMs;
  }
}

const MAX_REDIRECTS = 5;
const infoSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.object({ rfilename: z.string().min(1), size: z.int().nonnegative().optional() })),
});

/**
 * The commit of a branch, tag or commit, and its files, with their sizes if the hub gives them.
 * @throws {unavailable} when the hub does not answer with a description
 * @throws {not-found}
 * @throws {invalid-config} for a missing or insufficient token
 */
export async function resolveRevision(
  hub: HubOptions,
  repo: HubRepo,
  revision: string,
  signal?: AbortSignal,
): Promise<{ commit: string; files: string[]; sizes: ReadonlyMap<string, number> }> {
  const path = `api/${repo.kind}s/${checkedName(repo)}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const url = new URL(path, base(hub));
  const { response } = await follow(hub, repo, url, {}, signal).catch((error: unknown) => {
    if (!(error instanceof HubBusy)) throw error;
    throw new SightlineError('unavailable', `${error.message}; HF_ENDPOINT names another hub`, { cause: error });
  });
  const parsed = infoSchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success) {
    const message = `${url}: expected a description of ${repo.name}, got something else`;
    throw new SightlineError('unavailable', message);
  }
  const { sha: commit, siblings } = parsed.data;
  const known = siblings.flatMap(({ rfilename, size }) => (size === undefined ? [] : [[rfilename, size] as const]));
  return { commit, files: siblings.map(({ rfilename }) => rfilename), sizes: new Map(known) };
}

/**
 * Requests a file, or the rest of it from byte `from` on if it is still the version of `etag`.
 * @throws {not-found}
 * @throws {invalid-config} for a missing or insufficient token, and {@link HubBusy} for transient faults
 */
export async function fetchFile(
  hub: HubOptions,
  wanted: { readonly repo: HubRepo; readonly revision: string; readonly path: string },
  resume: { readonly from: number; readonly etag: string } | null,
  signal?: AbortSignal,
): Promise<HubAnswer> {
  const { repo, revision, path } = wanted;
  const place = repo.kind === 'dataset' ? `datasets/${checkedName(repo)}` : checkedName(repo);
  const file = path.split('/').map(encodeURIComponent).join('/');
  const url = new URL(`${place}/resolve/${encodeURIComponent(revision)}/${file}`, base(hub));
  const range: Record<string, string> =
    resume === null ? {} : { range: `bytes=${resume.from}-`, 'if-range': resume.etag };
  return follow(hub, repo, url, range, signal);
}

function base({ endpoint }: HubOptions): string {
  return endpoint.endsWith('/') ? endpoint : `${endpoint}/`;
}

function checkedName({ name }: HubRepo): string {
  if (/^[\w.-]+\/[\w.-]+$/.test(name) && !name.includes('..')) return name;
  throw new SightlineError('invalid-input', `expected a repository as owner/name, got ${JSON.stringify(name)}`);
}

/** Follows redirects manually: only the first response has the file's headers, and only the hub may get the token. */
async function follow(
  hub: HubOptions,
  repo: HubRepo,
  start: URL,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<HubAnswer> {
  let file: HubFile = { commit: null, bytes: null, checksum: null };
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const isHub = url.origin === start.origin;
    const authorization: Record<string, string> =
      isHub && hub.token !== undefined ? { authorization: `Bearer ${hub.token}` } : {};
    const response = await ask(url, { 'accept-encoding': 'identity', ...headers, ...authorization }, hub, signal);
    if (isHub) file = described(file, response.headers);
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      url = new URL(location, url);
      continue;
    }
    if (response.ok) return { file: { ...file, bytes: file.bytes ?? bytesOf(response) }, response };
    const error = refusal(response, repo, url, hub);
    await response.body?.cancel();
    throw error;
  }
  throw new HubBusy(`${start}: expected a file, got more than ${MAX_REDIRECTS} redirects`, null);
}

async function ask(url: URL, headers: Record<string, string>, hub: HubOptions, signal?: AbortSignal) {
  const late = AbortSignal.timeout(hub.idleMs ?? 30_000);
  // This timeout covers only the headers: the body has its own.
  const until = new AbortController();
  const stop = () => until.abort(signal?.aborted ? signal.reason : late.reason);
  late.addEventListener('abort', stop);
  signal?.addEventListener('abort', stop);
  try {
    signal?.throwIfAborted();
    return await fetch(url, { headers, redirect: 'manual', signal: until.signal });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    const reason =
      error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
    throw new HubBusy(`${url.origin}: no answer (${reason})`, null, error);
  } finally {
    late.removeEventListener('abort', stop);
  }
}

function described(before: HubFile, headers: Headers): HubFile {
  const etag = bare(headers.get('x-linked-etag') ?? headers.get('etag'));
  const linked = Number(headers.get('x-linked-size') ?? Number.NaN);
  return {
    commit: headers.get('x-repo-commit') ?? before.commit,
    bytes: Number.isSafeInteger(linked) ? linked : before.bytes,
    checksum: before.checksum ?? checksumIn(etag),
  };
}

function checksumIn(etag: string): HubFile['checksum'] {
  if (/^[0-9a-f]{64}$/.test(etag)) return { algorithm: 'sha256', hex: etag };
  return /^[0-9a-f]{40}$/.test(etag) ? { algorithm: 'git-sha1', hex: etag } : null;
}

function bytesOf(response: Response): number | null {
  const whole =
    /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? response.headers.get('content-length');
  return whole === null || whole === undefined ? null : Number(whole);
}

function bare(etag: string | null): string {
  return (etag ?? '').replace(/^W\//, '').replaceAll('"', '');
}

function refusal({ status, headers }: Response, repo: HubRepo, url: URL, { endpoint, token }: HubOptions): Error {
  const code = headers.get('x-error-code') ?? '';
  const where = `${url.origin}${url.pathname}`;
  const page = `${base({ endpoint })}${repo.kind === 'dataset' ? 'datasets/' : ''}${repo.name}`;
  const fault = (kind: SightlineError['code'], message: string) =>
    new SightlineError(kind, `${where}: ${message}`, { details: { httpStatus: status, hubError: code } });
  if (code === 'GatedRepo' || (status === 403 && code !== '')) {
    const how = token === undefined ? 'and set HF_TOKEN to a token of that account' : 'with the account of this token';
    return fault('invalid-config', `access has to be asked for: accept the conditions at ${page} ${how}`);
  }
  if (status === 401) {
    return fault('invalid-config', `${repo.name} is private, needs a token, or does not exist: set HF_TOKEN`);
  }
  if (status === 404) {
    const what = { RepoNotFound: `repository ${repo.name}`, RevisionNotFound: 'such revision' }[code] ?? 'such file';
    return fault('not-found', `there is no ${what}`);
  }
  if (status === 403) return fault('invalid-config', 'access denied: is the token allowed to read this repository?');
  if (status === 416 || status === 408 || status === 429 || status >= 500) {
    return new HubBusy(`${where}: HTTP ${status}`, retryAfterMs(headers.get('retry-after')));
  }
  return fault('unavailable', `HTTP ${status}`);
}
