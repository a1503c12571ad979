import { randomUUID } from 'node:crypto';
import type { Answer, Changes } from './s3-server.ts';

/** Versioned buckets, which fauxqs 2.4.1 lacks: it holds the current objects, and all versions are kept here. */

interface Version {
  readonly id: string;
  readonly at: Date;
  /** The object as it is read, or null for a delete marker. */
  readonly object: Answer | null;
}

export interface VersionedRequest {
  readonly method: string;
  /** `/bucket/key`, encoded. */
  readonly pathname: string;
  readonly query: URLSearchParams;
  /** Whether it makes an object. */
  readonly writes: boolean;
  /** `bucket/key?versionId=...`, encoded, of a copy. */
  readonly copySource: string | undefined;
  /** Sends the request, with these changes, to the server that holds the current objects. */
  readonly current: (changes: Changes) => Promise<Answer>;
}

/** Entries of a page: S3 may return fewer than were asked for, and here all paging is tried. */
const PAGE = 2;

export function createVersions() {
  /** Newest first, by bucket and key. */
  const buckets = new Map<string, Map<string, Version[]>>();
  const find = (pathname: string) => {
    const [, bucket = '', ...key] = pathname.split('/').map(decodeURIComponent);
    const keys = buckets.get(bucket);
    return { key: key.join('/'), keys, versions: keys?.get(key.join('/')) ?? [] };
  };

  return {
    /** PutBucketVersioning. */
    enable(pathname: string): Answer {
      buckets.set(pathname.split('/')[1]!, new Map());
      return xml('');
    },

    /** The answer to a request for a certain version; null for any other request. */
    async ofVersion(request: VersionedRequest): Promise<Answer | null> {
      const { method, pathname, query, copySource, current } = request;
      const [source, copied] = (copySource ?? '').split('?versionId=');
      const id = copied === undefined ? query.get('versionId') : decodeURIComponent(copied);
      if (id === null) return null;
      const { keys, key, versions } = find(copied === undefined ? pathname : `/${source!.replace(/^\//, '')}`);
      const version = versions.find((one) => one.id === id);
      if (method === 'DELETE') {
        const rest = versions.filter((one) => one !== version);
        keys!.set(key, rest);
        if (version !== undefined && versions[0] === version) await makeCurrent(rest[0], pathname, current);
        return { status: 204, headers: { 'x-amz-version-id': id }, body: Buffer.alloc(0) };
      }
      if (version === undefined) return problem(404, 'NoSuchVersion');
      if (version.object === null) return problem(copied === undefined ? 405 : 400, 'MethodNotAllowed');
      if (copied === undefined) return { ...version.object, headers: { ...version.object.headers, ...named(version) } };
      await makeCurrent(version, pathname, current);
      return this.after(
        xml(`<CopyObjectResult><ETag>${version.object.headers.etag}</ETag></CopyObjectResult>`),
        request,
      );
    },

    /** Keeps an object from before the bucket had versions, which a request is about to hide. */
    async before({ method, pathname, writes, current }: VersionedRequest): Promise<void> {
      const { keys, key, versions } = find(pathname);
      if (keys === undefined || versions.length > 0 || !(writes || method === 'DELETE')) return;
      const object = await current({ method: 'GET', url: pathname, headers: {}, body: NOTHING });
      if (object.status === 200) keys.set(key, [{ id: 'null', at: new Date(), object }]);
    },

    /** Keeps what a request has changed, and names the version in its answer. */
    async after(answer: Answer, { method, pathname, writes, current }: VersionedRequest): Promise<Answer> {
      const { keys, key, versions } = find(pathname);
      if (keys === undefined || answer.status >= 300) return answer;
      let [version] = versions;
      if (writes || method === 'DELETE') {
        const object = writes ? await current({ method: 'GET', url: pathname, headers: {}, body: NOTHING }) : null;
        version = { id: randomUUID(), at: new Date(), object };
        keys!.set(key, [version, ...versions]);
      }
      const marker = method === 'DELETE' ? { 'x-amz-delete-marker': 'true' } : {};
      return { ...answer, headers: { ...answer.headers, ...named(version), ...marker } };
    },

    of(pathname: string, prefix: string): { key: string; version: Version }[] {
      return [...(buckets.get(pathname.split('/')[1]!) ?? [])]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .flatMap(([key, versions]) => versions.map((version) => ({ key, version })));
    },

    /** ListObjectVersions. */
    list(pathname: string, query: URLSearchParams): Answer {
      const isEncoded = query.get('encoding-type') === 'url';
      const written = (key: string) => (isEncoded ? encodeURIComponent(key).replaceAll('%20', '+') : escapeXml(key));
      const all = this.of(pathname, query.get('prefix') ?? '');
      const [afterKey, afterId] = [query.get('key-marker'), query.get('version-id-marker')];
      const last = all.findIndex(({ key, version }) => key === afterKey && version.id === afterId);
      const page = all.slice(last + 1, last + 1 + PAGE);
      const isTruncated = last + 1 + PAGE < all.length;
      const entries = page.map(({ key, version }) => {
        const kind = version.object === null ? 'DeleteMarker' : 'Version';
        // S3 rounds to seconds.
        const isLatest = version === all.find((one) => one.key === key)!.version;
        const at = new Date(Math.floor(version.at.getTime() / 1000) * 1000).toISOString();
        const about =
          `<VersionId>${version.id}</VersionId><LastModified>${at}</LastModified>` +
          `<IsLatest>${isLatest}</IsLatest><ETag>${escapeXml(version.object?.headers.etag ?? '')}</ETag>`;
        return `<${kind}><Key>${written(key)}</Key>${about}</${kind}>`;
      });
      const [end] = page.slice(-1);
      const next = isTruncated
        ? `<NextKeyMarker>${written(end!.key)}</NextKeyMarker>` +
          `<NextVersionIdMarker>${end!.version.id}</NextVersionIdMarker>`
        : '';
      const body =
        `<ListVersionsResult>${isEncoded ? '<EncodingType>url</EncodingType>' : ''}` +
        `<IsTruncated>${isTruncated}</IsTruncated>${next}${entries.join('')}</ListVersionsResult>`;
      return xml(body);
    },
  };
}

const NOTHING = Buffer.alloc(0);

const named = (version: Version | undefined) => (version === undefined ? {} : { 'x-amz-version-id': version.id });

/** Makes fauxqs hold this version as the current object, or none. */
async function makeCurrent(
  version: Version | undefined,
  url: string,
  current: VersionedRequest['current'],
): Promise<void> {
  const { body, headers } = version?.object ?? { body: NOTHING, headers: {} };
  const method = version?.object ? 'PUT' : 'DELETE';
  await current({
    method,
    url,
    headers: { 'content-type': headers['content-type'], 'content-length': `${body.length}` },
    body,
  });
}

const xml = (body: string, status = 200): Answer => {
  return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body) };
};

const problem = (status: number, code: string) => xml(`<Error><Code>${code}</Code></Error>`, status);

const escapeXml = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
