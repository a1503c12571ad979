import { randomUUID } from 'node:crypto';
import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isSightlineError } from '../../../core/errors.ts';
import { imageId } from '../../../core/index-image.ts';
import type { ObjectInfo, ObjectStore } from '../../../core/ports.ts';
import { LIMITS } from '../api-limits.ts';
import { requireKey, WRITE_SECURITY } from '../auth.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { getImage } from '../lookup.ts';
import { type App, BINARY, component, fileField, json, problems } from '../openapi.ts';
import { HttpProblem, rejectedImage } from '../problem.ts';
import { expectLength, expectMediaType, formFields, readBody, readForm } from '../request-body.ts';
import { image, uploadFields, uploadQuery } from '../schemas/images.ts';
import { showImage } from '../serialise.ts';
import { parseOrThrow } from '../validation.ts';

/** One picture as it came, before anything is known about it. */
interface Upload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly key: string;
  readonly tags: readonly string[] | undefined;
  readonly overwrite: boolean;
  readonly contentType: string | undefined;
}

/** Registers POST /images. */
export function registerUpload(app: App, deps: AppDeps): void {
  const { maxImageBytes } = deps.options;
  const route = createRoute({
    security: WRITE_SECURITY,
    middleware: requireKey(deps.options),
    method: 'post',
    path: '/images',
    tags: ['images'],
    summary: 'Upload one picture',
    description:
      `Stored and indexed when the answer comes; at most ${maxImageBytes} bytes. As a form with the picture in \`file\`, ` +
      'or as the body itself with its content type. What it is, is decided by its bytes. A picture that cannot be read ' +
      'is not kept, and replaces none.',
    request: {
      query: uploadQuery,
      body: {
        required: true,
        content: {
          'multipart/form-data': {
            schema: component(app, 'UploadForm', uploadFields.extend({ file: fileField() })),
          },
          'image/*': { schema: BINARY },
          'application/octet-stream': { schema: BINARY },
        },
      },
    },
    responses: {
      201: {
        ...json(image, 'Stored and indexed.'),
        headers: { Location: { schema: { type: 'string' }, description: 'Of the picture.' } },
      },
      200: json(image, 'Replaced what was stored under the key.'),
      ...problems(401, 409, 413, 415, 422),
    },
  });
  app.openapi(route, async (c) => {
    const query = c.req.valid('query');
    const upload = await readUpload(c, query, maxImageBytes);
    const { id, replaced } = await storeAndIndex(deps, upload, c.get('signal'));
    const payload = await deps.onLiveSpace(async ({ vectors }) => {
      if (upload.tags !== undefined) await vectors.setTags(id, upload.tags);
      return getImage(vectors, id);
    });
    if (payload === null) throw deletedMeanwhile();
    const shown = showImage(id, payload);
    return replaced ? c.json(shown, 200) : c.json(shown, 201, { Location: shown.links.self });
  });
}

async function readUpload(
  c: Context<AppEnv>,
  query: { key?: string; tags?: string[]; overwrite: boolean },
  maxBytes: number,
): Promise<Upload> {
  const { overwrite } = query;
  const type = expectMediaType(c, 'multipart/form-data', 'image/*', 'application/octet-stream');
  if (type !== 'multipart/form-data') {
    const bytes = await readBody(c, maxBytes);
    return { bytes, key: query.key ?? newKey(undefined, type), tags: query.tags, overwrite, contentType: type };
  }
  expectLength(c, maxBytes + LIMITS.formOverheadBytes);
  const form = await readForm(c, maxBytes + LIMITS.formOverheadBytes, ['file']);
  const files = form.files.get('file') ?? [];
  const file = files[0];
  if (files.length !== 1 || file === undefined) {
    throw new HttpProblem('invalid-input', `file: expected one file, got ${files.length}`, {
      errors: [{ parameter: 'file', detail: `expected one file, got ${files.length}` }],
    });
  }
  if (file.size > maxBytes) {
    throw new HttpProblem('too-large', `expected a file of at most ${maxBytes} bytes, got ${file.size}`, {
      extra: { maxBytes },
    });
  }
  const fields = parseOrThrow(uploadFields, formFields(form), 'parameter');
  return {
    bytes: new Uint8Array(await file.arrayBuffer()),
    key: fields.key ?? query.key ?? newKey(file.name, file.type),
    tags: fields.tags ?? query.tags,
    overwrite,
    contentType: file.type === '' ? undefined : file.type,
  };
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/tiff': 'tif',
  'image/avif': 'avif',
  'image/heic': 'heic',
};

/** A key for a picture without one: the day, something unique, and what can be kept of its name. */
export function newKey(fileName: string | undefined, contentType: string, now = new Date()): string {
  const day = now.toISOString().slice(0, 10).replaceAll('-', '/');
  const name = (fileName ?? '')
    .toWellFormed()
    .normalize('NFC')
    .replace(/^.*[\\/]/, '')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(-80)
    .toWellFormed();
  const extension = EXTENSIONS[contentType.split(';')[0]!.toLowerCase()];
  const unnamed = extension === undefined ? 'picture' : `picture.${extension}`;
  return `${day}/${randomUUID().slice(0, 8)}-${name === '' ? unnamed : name}`;
}

/**
 * Stores the picture and waits until it is indexed. When it is refused, it is taken out of the bucket again; one that
 * would replace another is looked at first, so that a bad upload never costs the good one.
 */
async function storeAndIndex(
  deps: AppDeps,
  upload: Upload,
  signal: AbortSignal,
): Promise<{ id: string; replaced: boolean }> {
  const bucket = deps.uploadBucket;
  const objects = deps.buckets.get(bucket)!;
  const { key } = upload;
  const before = upload.overwrite ? await objects.head(key) : null;
  if (before !== null) await deps.embedder.embedImage(upload.bytes);
  const info = await put(objects, upload, deps.options.maxImageBytes, before, signal);
  const outcome = await deps.index({ type: 'created', bucket, key, sequencer: null });
  if (outcome.status === 'rejected') {
    await deleteVersion(objects, key, info);
    throw rejectedImage(outcome.reason, outcome.message);
  }
  if (outcome.status === 'skipped' && outcome.reason === 'left-out') {
    await deleteVersion(objects, key, info);
    throw new HttpProblem('invalid-input', `key: expected the name of a picture, got ${key}, which is left out`);
  }
  if (outcome.status === 'skipped' && outcome.reason === 'gone') {
    throw deletedMeanwhile();
  }
  await deps.failures.resolve(outcome.id);
  return { id: outcome.id, replaced: before !== null };
}

function deletedMeanwhile(): HttpProblem {
  return new HttpProblem('conflict', 'expected the picture to stay until it was indexed, but it was deleted meanwhile');
}

async function put(
  objects: ObjectStore,
  upload: Upload,
  maxBytes: number,
  before: ObjectInfo | null,
  signal: AbortSignal,
): Promise<ObjectInfo> {
  const { key, bytes, contentType } = upload;
  const condition = before === null ? { ifNoneMatch: '*' as const } : { ifMatch: before.etag };
  try {
    return await objects.put(key, bytes, { contentType, maxBytes, signal, ...condition });
  } catch (error) {
    if (!isSightlineError(error, 'precondition-failed')) throw error;
    const id = imageId(objects.bucket, key);
    throw before === null && !upload.overwrite
      ? new HttpProblem('already-exists', 'expected a key that is free, or overwrite=true; this one is taken', {
          extra: { id },
          cause: error,
        })
      : new HttpProblem('conflict', 'another upload changed this key at the same time', {
          extra: { id },
          cause: error,
        });
  }
}

/** Deletes what we stored, unless somebody has replaced it since. */
async function deleteVersion(objects: ObjectStore, key: string, info: ObjectInfo): Promise<void> {
  try {
    await objects.delete(key, { ifMatch: info.etag });
  } catch (error) {
    if (!isSightlineError(error, 'precondition-failed')) throw error;
  }
}
