import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isSightlineError } from '../../../core/errors.ts';
import { resolveRange } from '../../../core/objects/byte-range.ts';
import type { ObjectInfo, ObjectStore } from '../../../core/ports.ts';
import { isFresh, matches, parseRange, quoteEtag, rangeApplies } from '../conditional-and-range.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { findBucket, findImage } from '../lookup.ts';
import { type App, BINARY, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { CONTENT_POLICY } from '../response-headers.ts';
import { idParams, noQuery } from '../schemas/common.ts';
import { thumbnailQuery } from '../schemas/thumbnail.ts';
import type { Thumbnail, Thumbnails } from '../thumbnail-cache.ts';

const picture = (description: string) => ({ description, content: { 'image/*': { schema: BINARY } } });

const contentRoute = createRoute({
  method: 'get',
  path: '/images/{id}/content',
  tags: ['images'],
  summary: 'The picture itself',
  description: 'One byte range, If-Range, If-Match and If-None-Match are understood.',
  request: { params: idParams, query: noQuery },
  responses: {
    200: picture('The whole file.'),
    206: picture('The requested range.'),
    304: { description: 'The copy of the caller is still good.' },
    ...problems(404, 412, 416),
  },
});

const thumbnailRoute = createRoute({
  method: 'get',
  path: '/images/{id}/thumbnail',
  tags: ['images'],
  summary: 'A small version of the picture',
  request: { params: idParams, query: thumbnailQuery },
  responses: {
    200: picture('The thumbnail.'),
    304: { description: 'The copy of the caller is still good.' },
    ...problems(404, 413, 415, 422),
  },
});

/** Registers the routes for pictures' bytes and thumbnails. */
export function registerContent(app: App, deps: AppDeps, thumbnails: Thumbnails): void {
  app.openapi(contentRoute, async (c) => {
    const { objects, key } = await locate(deps, c.req.valid('param').id);
    // Replaced between head and read: try once more.
    return (await sendContent(c, objects, key)) ?? (await sendContent(c, objects, key)) ?? changing();
  });

  app.openapi(thumbnailRoute, async (c) => {
    const { size } = c.req.valid('query');
    const { id } = c.req.valid('param');
    const { objects, key } = await locate(deps, id);
    const info = await expectObject(objects, key);
    const read = () => readWhole(objects, key, info, deps.options.maxImageBytes);
    return sendThumbnail(c, `${info.etag}-${size}`, () =>
      thumbnails.make(`${id}/${info.etag}`, size, read, c.get('signal')),
    );
  });
}

/** A thumbnail, made only when the client has no current copy. */
export async function sendThumbnail(c: Context, version: string, make: () => Promise<Thumbnail>) {
  const etag = quoteEtag(version);
  const headers = { ...cacheHeaders(etag), 'Content-Security-Policy': CONTENT_POLICY };
  if (isFresh(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  const { bytes, contentType } = await make();
  return c.body(bytes, 200, { ...headers, 'Content-Type': contentType, 'Content-Length': String(bytes.byteLength) });
}

async function locate(deps: AppDeps, id: string): Promise<{ objects: ObjectStore; key: string }> {
  const { bucket, key } = await findImage(deps.vectors, id);
  return { objects: findBucket(deps.buckets, bucket), key };
}

async function expectObject(objects: ObjectStore, key: string): Promise<ObjectInfo> {
  const info = await objects.head(key);
  if (info === null) throw new HttpProblem('not-found', 'the picture is in the index but no longer in its bucket');
  return info;
}

/** Cached by the client only, and always revalidated: the picture with an id may be replaced. */
function cacheHeaders(etag: string): Record<string, string> {
  return { ETag: etag, 'Cache-Control': 'private, no-cache', 'X-Content-Type-Options': 'nosniff' };
}

/** Null when the object was replaced between head and read. */
async function sendContent(c: Context<AppEnv>, objects: ObjectStore, key: string): Promise<Response | null> {
  const info = await expectObject(objects, key);
  const etag = quoteEtag(info.etag);
  if (!matches(c.req.header('if-match'), etag)) {
    throw new HttpProblem('precondition-failed', 'expected the version in If-Match, got another one');
  }
  const headers = { ...contentHeaders(info, key), ...cacheHeaders(etag) };
  if (isFresh(c.req.header('if-none-match'), etag)) return c.body(null, 304, cacheHeaders(etag));

  const asked = parseRange(c.req.header('range'));
  const range = asked !== null && rangeApplies(c.req.header('if-range'), etag, info.lastModified) ? asked : undefined;
  try {
    resolveRange(range, info.bytes);
    // HEAD reads nothing; ranges are defined for GET only (RFC 9110, 14.2).
    if (c.req.method === 'HEAD') return c.body(null, 200, { ...headers, 'Content-Length': String(info.bytes) });
    // When the client is gone, the stream is cancelled; if it failed instead, the host would print that.
    const object = await objects.get(key, { range, ifMatch: info.etag, signal: c.get('late') });
    if (object === null) return null;
    const { offset, length, body } = object;
    const partial = { 'Content-Range': `bytes ${offset}-${offset + length - 1}/${object.info.bytes}` };
    return c.body(body, range === undefined ? 200 : 206, {
      ...headers,
      ...(range !== undefined && partial),
      'Content-Length': String(length),
    });
  } catch (error) {
    if (isSightlineError(error, 'precondition-failed')) return null;
    if (!isSightlineError(error, 'range-not-satisfiable')) throw error;
    throw new HttpProblem('range-not-satisfiable', `expected a range within ${info.bytes} bytes, got one outside`, {
      headers: { 'Content-Range': `bytes */${info.bytes}` },
    });
  }
}

function changing(): never {
  throw new HttpProblem('unavailable', 'the picture is being replaced', { headers: { 'Retry-After': '1' } });
}

/** A picture is shown inline; anything else that the key may hold by now is only offered for download. */
function contentHeaders(info: ObjectInfo, key: string): Record<string, string> {
  const isPicture = /^image\/(?!svg)/.test(info.contentType);
  return {
    'Content-Type': isPicture ? info.contentType : 'application/octet-stream',
    'Content-Disposition': contentDisposition(isPicture ? 'inline' : 'attachment', key),
    'Content-Security-Policy': CONTENT_POLICY,
    'Accept-Ranges': 'bytes',
    'Last-Modified': info.lastModified.toUTCString(),
  };
}

/** RFC 6266: a plain ASCII name for old clients and the real one percent-encoded (RFC 8187). */
export function contentDisposition(type: 'inline' | 'attachment', key: string): string {
  const name = (key.split('/').at(-1) ?? '').toWellFormed();
  const ascii = name.replace(/[^\x20-\x7e]|["\\%;]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${type}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

async function readWhole(objects: ObjectStore, key: string, info: ObjectInfo, maxBytes: number): Promise<Uint8Array> {
  if (info.bytes > maxBytes) {
    throw new HttpProblem('too-large', `expected a picture of at most ${maxBytes} bytes, got ${info.bytes}`);
  }
  const object = await objects.get(key, { ifMatch: info.etag });
  if (object === null) throw new HttpProblem('not-found', 'the picture was deleted meanwhile');
  return new Response(object.body).bytes();
}
