import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { startFauxqs } from 'fauxqs';
import { serveLocally } from './local-server.ts';
import { refusedSignature } from './s3-signature.ts';
import { createVersions } from './s3-versions.ts';

/** A fault that replaces or follows the processing of the next matching requests. */
export interface Fault {
  readonly matches: (request: { method: string; url: string }) => boolean;
  readonly times: number;
  /**
   * Responds with an error; or drops the connection `before` the request is processed, `after` it (the response is
   * lost), or halfway through the response body; or stalls there.
   */
  readonly does:
    | { readonly status: number; readonly code: string; readonly message?: string }
    | 'break-before'
    | 'break-after'
    | 'break-body'
    | 'stall-body';
}

export interface S3TestServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string };
  /** All requests so far, in order. */
  readonly requests: { method: string; url: string; headers: IncomingHttpHeaders }[];
  /** Number of connections opened so far. */
  connections(): number;
  createBucket(name: string): void;
  /** Keeps versions in a bucket from now on. */
  keepVersions(bucket: string): void;
  /** All versions in a bucket, by key and newest first; `null` is a delete marker. */
  versions(bucket: string): { key: string; id: string; bytes: number | null }[];
  /** Moves an object to Glacier, where it cannot be read; `restored` makes a copy readable until tomorrow. */
  archive(bucket: string, key: string, restored?: 'restored'): void;
  inject(fault: Fault): void;
  /** Cancels the faults that have not happened yet. */
  calm(): void;
  stop(): Promise<void>;
}

/** For each object in Glacier, by `/bucket/key`: whether it was restored. */
type Archive = Map<string, boolean>;

interface Upstream {
  readonly port: number;
  readonly archive: Archive;
  readonly versions: ReturnType<typeof createVersions>;
}

/** Changes of a request on its way to fauxqs. */
export interface Changes {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: IncomingHttpHeaders;
  readonly body?: Buffer;
}

export interface Answer {
  status: number;
  headers: http.OutgoingHttpHeaders;
  body: Buffer;
}

const credentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'a-secret-for-tests' };

/**
 * fauxqs behind a proxy that adds what S3 guarantees and fauxqs 2.4.1 lacks: conditional writes and deletes, lists in
 * byte order with working continuation tokens and URL encoding, suffix ranges longer than the object, the key length
 * limit, versions, and signatures, expiry and policies of presigned requests. Requests are processed one at a time.
 */
export async function startS3(): Promise<S3TestServer> {
  const fauxqs = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  const requests: S3TestServer['requests'] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const archive: Archive = new Map();
  const versions = createVersions();
  let turn: Promise<unknown> = Promise.resolve();

  const server = await serveLocally((request, response) => {
    const { method = 'GET', url = '/' } = request;
    requests.push({ method, url, headers: request.headers });
    const hit = faults.find(({ fault, left }) => left > 0 && fault.matches({ method, url }));
    if (hit) hit.left--;
    const serve = async () => {
      const body = await buffer(request);
      await respond(request, body, response, hit?.fault.does, { port: fauxqs.port, archive, versions });
    };
    turn = turn.then(serve).catch((error: unknown) => response.destroy(error as Error));
  });
  const stop = async () => {
    await server.stop();
    await fauxqs.stop();
  };

  return {
    connections: server.connections,
    endpoint: server.url,
    credentials,
    requests,
    createBucket: (name) => void fauxqs.createBucket(name),
    keepVersions: (bucket) => void versions.enable(`/${bucket}`),
    versions: (bucket) =>
      versions.of(`/${bucket}`, '').map(({ key, version }) => {
        return { key, id: version.id, bytes: version.object?.body.length ?? null };
      }),
    archive: (bucket, key, restored) => void archive.set(`/${bucket}/${key}`, restored !== undefined),
    inject: (fault) => void faults.push({ fault, left: fault.times }),
    calm: () => void faults.splice(0),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function respond(
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  does: Fault['does'] | undefined,
  upstream: Upstream,
): Promise<void> {
  if (does === 'break-before') {
    response.destroy();
    return;
  }
  const answer =
    typeof does === 'object' ? fault(does.status, does.code, does.message) : await serveAsS3(request, body, upstream);
  if (does === 'break-after') {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, answer.headers);
  if (does === 'break-body' || does === 'stall-body') {
    response.write(answer.body.subarray(0, answer.body.length / 2));
    if (does === 'break-body') setTimeout(() => response.destroy(), 20);
  } else {
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }
}

function fault(status: number, code: string, message = 'as the test wants it'): Answer {
  const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml) };
}

async function serveAsS3(
  request: IncomingMessage,
  body: Buffer,
  { port, archive, versions }: Upstream,
): Promise<Answer> {
  const { method = 'GET', url = '/', headers } = request;
  const { pathname, query } = split(url);
  const upstream = (changes: Changes = {}) => forward(port, { method, url, headers, body, ...changes });
  const refused = refusedSignature({ method, pathname, query, headers, body }, credentials);
  if (refused) return fault(refused.status, refused.code, refused.message);

  const [, , ...rest] = pathname.split('/');
  const key = decodeURIComponent(rest.join('/'));
  if (key === '' && query.has('versioning') && method === 'PUT') return versions.enable(pathname);
  if (key === '' && query.has('versions')) return versions.list(pathname, query);
  if (key === '')
    return query.get('list-type') === '2'
      ? listInByteOrder(query, pathname, upstream, listedClass(archive, headers))
      : upstream();
  if (Buffer.byteLength(key) > 1024) return fault(400, 'KeyTooLongError', 'Your key is too long');

  if (method === 'GET' && archive.get(decodeURIComponent(pathname)) === false) return fault(403, 'InvalidObjectState');

  const writes = method === 'PUT' ? !query.has('partNumber') : method === 'POST' ? query.has('uploadId') : false;
  const copySource = headers['x-amz-copy-source'] as string | undefined;
  const versioned = { method, pathname, query, writes, copySource, current: upstream };
  const ofVersion = await versions.ofVersion(versioned);
  if (ofVersion !== null) return ofVersion;
  if (writes || method === 'DELETE') {
    const condition = headers['if-match'] ?? headers['if-none-match'];
    if (condition !== undefined) {
      const current = await upstream({
        method: 'HEAD',
        url: pathname,
        headers: { host: headers.host },
        body: Buffer.alloc(0),
      });
      const etag = current.status === 200 ? current.headers.etag : undefined;
      if (headers['if-none-match'] === '*' && etag !== undefined) return fault(412, 'PreconditionFailed');
      if (headers['if-match'] !== undefined && etag === undefined) return fault(404, 'NoSuchKey');
      if (headers['if-match'] !== undefined && etag !== headers['if-match']) return fault(412, 'PreconditionFailed');
    }
  }

  const suffix = /^bytes=-(\d+)$/.exec(headers.range ?? '');
  if (method === 'GET' && suffix) {
    const { headers: current } = await upstream({ method: 'HEAD' });
    const longest = Math.min(Number(suffix[1]), Number(current['content-length'] ?? 0));
    return upstream({ headers: { ...headers, range: `bytes=-${longest}` } });
  }
  await versions.before(versioned);
  return versions.after(await upstream(), versioned);
}

function split(url: string): { pathname: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  return {
    pathname: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

/** Uses node:http rather than fetch, because paths must not be normalised. */
async function forward(
  port: number,
  request: { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer },
): Promise<Answer> {
  const { method, headers, body } = request;
  const outgoing = http.request({ host: '127.0.0.1', port, method, path: request.url, headers, agent: false });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const { connection: _, 'transfer-encoding': __, ...kept } = incoming.headers;
  return { status: incoming.statusCode ?? 500, headers: kept, body: await buffer(incoming) };
}

/**
 * fauxqs sorts by locale but compares by UTF-16, so its paging loses keys: this fetches everything as one page and
 * sorts it here.
 */
async function listInByteOrder(
  query: URLSearchParams,
  pathname: string,
  upstream: (changes: { url: string }) => Promise<Answer>,
  classOf: (path: string) => string,
): Promise<Answer> {
  const prefix = query.get('prefix') ?? '';
  const all = await upstream({ url: `${pathname}?list-type=2&prefix=${encodeURIComponent(prefix)}` });
  if (all.status !== 200) return all;
  const xml = all.body.toString();
  if (xml.includes('<IsTruncated>true')) throw new Error('this test server lists 1,000 keys at most');
  const decode = (text: string) =>
    text.replace(
      /&(lt|gt|quot|apos|amp);/g,
      (_, name: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'" })[name] ?? '&',
    );
  const escapeXml = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const urlEncoded = query.get('encoding-type') === 'url';
  const written = (key: string) =>
    urlEncoded ? encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+') : escapeXml(key);

  const after = Buffer.from(query.get('start-after') ?? '');
  const objects = [...xml.matchAll(/<Contents><Key>(.*?)<\/Key>(.*?)<\/Contents>/gs)]
    .map(([, key, rest]) => ({ key: decode(key ?? ''), rest: rest ?? '' }))
    .filter(({ key }) => query.get('start-after') === null || Buffer.compare(Buffer.from(key), after) > 0)
    .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  const limit = Number(query.get('max-keys') ?? 1000);
  const page = objects.slice(0, limit).map(({ key, rest }) => {
    const storageClass = classOf(`${pathname}/${key}`.replaceAll('//', '/'));
    return `<Contents><Key>${written(key)}</Key>${rest.replace(/<StorageClass>.*/s, storageClass)}</Contents>`;
  });
  const answer = [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>',
    urlEncoded ? '<EncodingType>url</EncodingType>' : '',
    `<KeyCount>${page.length}</KeyCount><MaxKeys>${limit}</MaxKeys>`,
    `<IsTruncated>${objects.length > limit}</IsTruncated>`,
    ...page,
    '</ListBucketResult>',
  ].join('');
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(answer) };
}

/** The storage class in a list; restore status is included only on request. */
function listedClass(archive: Archive, headers: IncomingHttpHeaders): (path: string) => string {
  const isAsked = String(headers['x-amz-optional-object-attributes']).includes('RestoreStatus');
  return (path) => {
    const restored = archive.get(path);
    if (restored === undefined) return '<StorageClass>STANDARD</StorageClass>';
    const until = new Date(Date.now() + 86_400_000).toISOString();
    const status = `<IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>${until}</RestoreExpiryDate>`;
    const asked = restored && isAsked ? `<RestoreStatus>${status}</RestoreStatus>` : '';
    return `<StorageClass>GLACIER</StorageClass>${asked}`;
  };
}
