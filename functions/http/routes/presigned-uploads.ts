import { randomUUID } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import { imageId } from '../../../core/point-ids.ts';
import { requireKey, requireWritable, WRITE_SECURITY } from '../auth.ts';
import type { AppDeps } from '../deps.ts';
import { findBucket } from '../lookup.ts';
import { type App, component, json, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { MAX_JSON_BYTES, readJson } from '../request-body.ts';
import { id, noQuery, timestamp } from '../schemas/common.ts';
import { filePath, objectKey } from '../schemas/images.ts';
import { keysLike, uploadKey } from '../upload-key.ts';

/** Long enough for a slow connection, short enough that a leaked URL is worth little. */
const EXPIRES_SECONDS = 900;

const ACCEPTED = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif', 'image/tiff'] as const;

const signedUpload = z
  .strictObject({
    id: id.describe('Id of the picture, once it is indexed.'),
    key: objectKey,
    method: z.literal('PUT'),
    url: z.string().openapi({ format: 'uri' }),
    headers: z.record(z.string(), z.string()).describe('Send them unchanged: they are part of the signature.'),
    expiresAt: timestamp,
  })
  .openapi('SignedUpload');

/**
 * Registers POST /uploads, if the object store accepts uploads directly. Its schemas are in every document: a client is
 * made for the API, not for one server.
 */
export function registerUploads(app: App, deps: AppDeps): void {
  const { presignUpload, uploadPrefixes = [] } = deps;
  const { maxImageBytes } = deps.options;
  const body = z.strictObject({
    contentType: z.enum(ACCEPTED),
    bytes: z.int().min(1).max(maxImageBytes).describe('Exact size: the store refuses any other.'),
    key: objectKey.optional().describe('Where to store it; made from the path when absent.'),
    path: filePath.optional(),
    overwrite: z.boolean().default(false).describe('Replace what is stored under the key.'),
  });
  const schema = component(app, 'UploadRequest', body);
  app.openAPIRegistry.register('SignedUpload', signedUpload);
  if (presignUpload === undefined) return;
  const route = createRoute({
    security: WRITE_SECURITY,
    middleware: [requireKey(deps.options), requireWritable(deps.options)] as const,
    method: 'post',
    path: '/uploads',
    tags: ['images'],
    summary: 'Sign one upload',
    description:
      `A PUT directly to the bucket, for pictures of up to ${maxImageBytes} bytes, within ` +
      `${EXPIRES_SECONDS / 60} minutes. The picture can be found a few seconds after it was stored; if it cannot be ` +
      'indexed, GET /failures says why.',
    request: { query: noQuery, body: { required: true, content: { 'application/json': { schema } } } },
    responses: { 201: json(signedUpload, 'What to send, and where.'), ...problems(401, 403, 409, 413, 415) },
  });
  app.openapi(route, async (c) => {
    const { contentType, bytes, overwrite, ...asked } = await readJson(c, body, MAX_JSON_BYTES);
    // The bytes are not known yet, so a picture without a name gets a random one.
    const own = uploadKey(asked.path, contentType, { unnamed: `picture-${randomUUID().slice(0, 8)}` });
    const key = asked.key ?? (await freeKey(deps, `${uploadPrefixes[0] ?? ''}${own}`));
    if (uploadPrefixes.length > 0 && !uploadPrefixes.some((prefix) => key.startsWith(prefix))) {
      const expected = uploadPrefixes.map((prefix) => JSON.stringify(prefix)).join(' or ');
      throw new HttpProblem('invalid-key', `key: expected one that begins with ${expected}, as no others are indexed`);
    }
    const bucket = deps.uploadBucket();
    const known = { id: imageId(bucket, key) };
    // Only an early answer: the signature makes the store refuse it, too.
    if (asked.key !== undefined && !overwrite && (await findBucket(deps.buckets, bucket).head(key)) !== null) {
      const detail = 'expected a free key, or overwrite=true; this one is taken';
      throw new HttpProblem('already-exists', detail, { extra: known });
    }
    const options = { contentType, bytes, onlyIfNew: !overwrite, expiresInSeconds: EXPIRES_SECONDS };
    const { url, headers, expiresAt } = await presignUpload(key, options);
    return c.json({ ...known, key, method: 'PUT' as const, url, headers: { ...headers }, expiresAt }, 201);
  });
}

/** The first free key of a name; if another upload takes it first, the signature makes the store refuse ours. */
async function freeKey({ buckets, uploadBucket }: AppDeps, key: string): Promise<string> {
  const objects = findBucket(buckets, uploadBucket());
  let last = key;
  for (last of keysLike(key)) if ((await objects.head(last)) === null) break;
  return last;
}
