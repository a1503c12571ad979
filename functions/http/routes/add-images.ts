import { hash } from 'node:crypto';
import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { VectorStore } from '../../../core/ports.ts';
import { requireKey, requireWritable, WRITE_SECURITY } from '../auth.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { getImage } from '../lookup.ts';
import { type App, BINARY, component, created, fileField, json, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { expectLength, expectMediaType, FORM_OVERHEAD_BYTES, formFields, readBody, readForm } from '../request-body.ts';
import { uploaded, uploadFields, uploadQuery } from '../schemas/images.ts';
import { withTags } from '../schemas/tags.ts';
import { serialise } from '../serialise.ts';
import { deletedMeanwhile, storeUpload, type Upload } from '../store-upload.ts';
import { uploadKey } from '../upload-key.ts';
import { parseOrThrow } from '../validation.ts';

/** Registers POST /images. */
export function registerUpload(app: App, deps: AppDeps): void {
  const { maxImageBytes } = deps.options;
  const route = createRoute({
    security: WRITE_SECURITY,
    middleware: [requireKey(deps.options), requireWritable(deps.options)] as const,
    method: 'post',
    path: '/images',
    tags: ['images'],
    summary: 'Upload one picture',
    description:
      `Stores and indexes the picture before answering; at most ${maxImageBytes} bytes. As a form with the picture ` +
      'in `file`, or as the body itself with its content type. The format is detected from the content. A picture ' +
      'that cannot be read is not kept, and replaces none. Without a key it keeps its folder and name, with a ' +
      'number added if the name is taken; if the same bytes are already stored under that name, they are not ' +
      'stored again.',
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
      201: created(uploaded, 'Stored and indexed.'),
      200: json(uploaded, 'It replaced what was stored under the key, or was already stored under another one.'),
      ...problems(401, 403, 409, 413, 415, 422),
    },
  });
  app.openapi(route, async (c) => {
    const query = c.req.valid('query');
    const upload = await readUpload(c, query, maxImageBytes);
    // On a slow line a bucket takes minutes; requests to it have deadlines. A function has its own limit.
    if (deps.local && deps.storage === 's3') c.get('disableTimeLimit')();
    const { id, status, duplicateOf } = await storeUpload(deps, upload, c.get('signal'));
    const payload = await deps.onLiveSpace(async ({ vectors }) => {
      if (upload.tags !== undefined) await addTags(vectors, id, upload.tags, status === 'known');
      return getImage(vectors, id);
    });
    if (payload === null) throw deletedMeanwhile();
    const shown = { ...serialise(c, deps).image(id, payload), ...(duplicateOf !== undefined && { duplicateOf }) };
    return status === 'created' ? c.json(shown, 201, { Location: `images/${id}` }) : c.json(shown, 200);
  });
}

/** Adds tags; a picture that was already stored keeps the tags it has. */
async function addTags(vectors: VectorStore, id: string, tags: readonly string[], isKnown: boolean): Promise<void> {
  const before = isKnown ? ((await getImage(vectors, id))?.tags ?? []) : [];
  await vectors.setTags(id, withTags(before, tags));
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
    const key = query.key ?? uploadKey(undefined, type, { unnamed: nameOf(bytes) });
    const otherKeys = query.key === undefined ? 'folder' : 'none';
    return { bytes, key, otherKeys, tags: query.tags, overwrite, contentType: type };
  }
  expectLength(c, maxBytes + FORM_OVERHEAD_BYTES);
  const form = await readForm(c, maxBytes + FORM_OVERHEAD_BYTES, ['file']);
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
  const given = fields.key ?? query.key;
  const path = fields.path ?? file.name;
  const bytes = new Uint8Array(await file.arrayBuffer());
  return {
    bytes,
    key: given ?? uploadKey(path, file.type, { unnamed: nameOf(bytes) }),
    otherKeys: given !== undefined ? 'none' : /[^\\/][\\/]/.test(path) ? 'number' : 'folder',
    tags: fields.tags ?? query.tags,
    overwrite,
    contentType: file.type === '' ? undefined : file.type,
  };
}

/** A name for a picture that comes without one: another for every picture, and the same for a second try. */
function nameOf(bytes: Uint8Array): string {
  return `picture-${hash('sha256', bytes).slice(0, 8)}`;
}
