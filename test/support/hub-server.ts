import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serveLocally } from './local-server.ts';

/** Faults in the next responses of the CDN or the hub. */
export interface HubFault {
  /** `hub` serves metadata, `cdn` serves the large files. */
  readonly at: 'hub' | 'cdn';
  readonly times: number;
  readonly does:
    | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
    /** Drops the connection after this many bytes of the body. */
    | { readonly cutAfter: number }
    /** Sends other bytes of the same length. */
    | 'wrong-bytes'
    | 'silence';
}

export interface HubTestServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly commit: string;
  readonly requests: { at: 'hub' | 'cdn'; url: string; headers: IncomingMessage['headers'] }[];
  inject(fault: HubFault): void;
  stop(): Promise<void>;
}

export interface HubRepoContent {
  /** `owner/name`, or `datasets/owner/name`. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Requires this token. */
  readonly token?: string;
  readonly gated?: boolean;
}

const COMMIT = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
/** Files of at least this size are in Git LFS and served by the CDN. */
const LARGE = 1000;

/**
 * A server that behaves like huggingface.co: /api/.../revision/... and /OWNER/NAME/resolve/REV/FILE with X-Repo-Commit.
 * Small files are served directly, with the Git SHA-1 as ETag. Large ones redirect, with X-Linked-Etag (SHA-256) and
 * X-Linked-Size, to a CDN on another origin. The CDN supports ranges, If-Range and its own ETag; an Authorization
 * header sent there would leak the token.
 */
export async function startHub(repos: Readonly<Record<string, HubRepoContent>>): Promise<HubTestServer> {
  const requests: HubTestServer['requests'] = [];
  const faults: { fault: HubFault; left: number }[] = [];
  const fault = (at: 'hub' | 'cdn') => {
    const found = faults.find((entry) => entry.fault.at === at && entry.left > 0);
    if (found !== undefined) found.left--;
    return found?.fault.does ?? null;
  };
  const note = (at: 'hub' | 'cdn', { url = '/', headers }: IncomingMessage) => requests.push({ at, url, headers });

  const cdn = await serveLocally((request, response) => {
    note('cdn', request);
    if (request.headers.authorization !== undefined) return void response.writeHead(400).end('told a secret');
    const [, repo = '', file = ''] = new URL(request.url ?? '/', 'http://cdn').pathname
      .split('/')
      .map(decodeURIComponent);
    send(request, response, Buffer.from(repos[repo]!.files[file]!), fault('cdn'));
  });

  const hub = await serveLocally((request, response) => {
    note('hub', request);
    const { pathname } = new URL(request.url ?? '/', 'http://hub');
    const does = fault('hub');
    if (does !== null && typeof does === 'object' && 'status' in does) {
      return void response.writeHead(does.status, does.headers).end();
    }
    const api = /^\/api\/(models|datasets)\/(.+)\/revision\/([^/]+)$/.exec(pathname);
    const resolve = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    const name = api ? (api[1] === 'datasets' ? `datasets/${api[2]}` : api[2]!) : (resolve?.[1] ?? '');
    const revision = api?.[3] ?? resolve?.[2];
    const repo = repos[name];
    const refuse = (status: number, code: string) => void response.writeHead(status, { 'x-error-code': code }).end();
    // The hub does not reveal to strangers whether a repository exists.
    if (repo === undefined) return refuse(request.headers.authorization ? 404 : 401, 'RepoNotFound');
    if (repo.gated) return refuse(request.headers.authorization ? 403 : 401, 'GatedRepo');
    if (repo.token !== undefined && request.headers.authorization !== `Bearer ${repo.token}`)
      return refuse(401, 'RepoNotFound');
    // A branch resolves to the server's commit; a commit resolves to itself.
    const commit = /^[0-9a-f]{40}$/.test(revision ?? '') ? revision! : COMMIT;
    if (revision !== 'main' && revision !== commit) return refuse(404, 'RevisionNotFound');
    if (api) {
      const isLong = new URL(request.url ?? '/', 'http://hub').searchParams.get('blobs') === 'true';
      const siblings = Object.entries(repo.files).map(([rfilename, bytes]) =>
        isLong ? { rfilename, size: bytes.length } : { rfilename },
      );
      return void response.setHeader('content-type', 'application/json').end(JSON.stringify({ sha: commit, siblings }));
    }
    const path = decodeURIComponent(resolve?.[3] ?? '');
    const bytes = repo.files[path];
    if (bytes === undefined) return refuse(404, 'EntryNotFound');
    response.setHeader('x-repo-commit', commit);
    if (bytes.length >= LARGE) {
      response.setHeader('x-linked-etag', `"${createHash('sha256').update(bytes).digest('hex')}"`);
      response.setHeader('x-linked-size', bytes.length);
      response.setHeader('location', `${cdn.url}/${encodeURIComponent(name)}/${encodeURIComponent(path)}?signature=x`);
      return void response.writeHead(302).end();
    }
    const git = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
    send(request, response, Buffer.from(bytes), does, `"${git}"`);
  });
  const stop = async () => {
    await Promise.all([hub.stop(), cdn.stop()]);
  };

  return {
    endpoint: hub.url,
    commit: COMMIT,
    requests,
    inject: (injected) => void faults.push({ fault: injected, left: injected.times }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function send(
  { headers }: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  does: HubFault['does'] | null,
  etag = `"${createHash('md5').update(bytes).digest('hex')}"`,
): void {
  if (does !== null && typeof does === 'object' && 'status' in does) {
    return void response.writeHead(does.status, does.headers).end();
  }
  const range = /^bytes=(\d+)-$/.exec(headers.range ?? '');
  const from = range !== null && (headers['if-range'] ?? etag) === etag ? Number(range[1]) : 0;
  response.setHeader('etag', etag);
  response.setHeader('accept-ranges', 'bytes');
  if (from >= bytes.length) return void response.writeHead(416).end();
  const body = does === 'wrong-bytes' ? Buffer.alloc(bytes.length - from, 0x21) : bytes.subarray(from);
  response.setHeader('content-length', body.length);
  if (from > 0) response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
  response.writeHead(from > 0 ? 206 : 200);
  if (does === 'silence') response.write(body.subarray(0, 10));
  else if (does !== null && typeof does === 'object') {
    // Delayed: when the connection drops, fetch discards received data that was not read yet.
    response.write(body.subarray(0, does.cutAfter), () => setTimeout(() => response.socket?.end(), 300));
  } else response.end(body);
}
