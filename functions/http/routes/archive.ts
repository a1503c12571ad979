import { ReadableStream } from 'node:stream/web';
import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isSightlineError } from '../../../core/errors.ts';
import type { Filter, ObjectStore } from '../../../core/ports.ts';
import type { ImagePayload } from '../../../core/types.ts';
import { everyItem } from '../../../core/util/paginate.ts';
import { archiveFileNames } from '../archive-file-names.ts';
import type { AppDeps } from '../deps.ts';
import { findBucket } from '../lookup.ts';
import { type App, BINARY, component, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { expectMediaType, MAX_JSON_BYTES, parseJson, readBody } from '../request-body.ts';
import { archiveBody, archiveForm, MAX_ARCHIVED, MAX_ON_LAMBDA_BYTES } from '../schemas/archive.ts';
import { noQuery } from '../schemas/common.ts';
import { toFilter } from '../schemas/filter.ts';
import { parseOrThrow } from '../validation.ts';
import { type ZipFile, zipped } from '../zip.ts';

/** File that lists the pictures that were gone before their turn came. */
const LEFT_OUT = 'not in this archive.txt';

/** Registers POST /archive. */
export function registerArchive(app: App, deps: AppDeps): void {
  const route = createRoute({
    method: 'post',
    path: '/archive',
    tags: ['images'],
    summary: 'Pictures as one zip file',
    description:
      `At most ${MAX_ARCHIVED} pictures: those with the given ids, or all that match a filter; a form takes only ` +
      'ids. Each is stored uncompressed, under its key with folders; equal names are numbered. Streamed, so of any ' +
      `size; on Lambda at most ${MAX_ON_LAMBDA_BYTES} bytes. Pictures gone by the time they are read are listed in ` +
      `"${LEFT_OUT}".`,
    request: {
      query: noQuery,
      body: {
        required: true,
        content: {
          'application/json': { schema: component(app, 'ArchiveRequest', archiveBody) },
          'application/x-www-form-urlencoded': { schema: { $ref: '#/components/schemas/ArchiveRequest' } },
        },
      },
    },
    responses: {
      200: { description: 'The archive.', content: { 'application/zip': { schema: BINARY } } },
      ...problems(404, 413, 415),
    },
  });
  app.openapi(route, async (c) => {
    const pictures = await findPictures(deps, await bodyOf(c));
    checkSize(deps, pictures);
    // Cancelled when the client is gone.
    const body = ReadableStream.from(zipped(readFiles(deps, pictures))) as globalThis.ReadableStream;
    return c.body(body, 200, {
      'Content-Type': 'application/zip',
      'Content-Disposition': 'attachment; filename="pictures.zip"',
      'X-Content-Type-Options': 'nosniff',
    });
  });
}

async function bodyOf(c: Context): Promise<z.output<typeof archiveBody>> {
  const type = expectMediaType(c, 'application/json', 'application/x-www-form-urlencoded');
  const bytes = await readBody(c, MAX_JSON_BYTES);
  if (type === 'application/json') return parseOrThrow(archiveBody, parseJson(bytes), 'body');
  const form = new URLSearchParams(new TextDecoder().decode(bytes));
  const fields = Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name)]));
  return parseOrThrow(archiveForm, fields, 'parameter');
}

/** All requested pictures, or 404: an archive that is incomplete from the start is not what was asked for. */
async function findPictures({ vectors }: AppDeps, { ids, filter }: z.output<typeof archiveBody>) {
  if (ids === undefined) return matching(vectors, toFilter(filter ?? {}, 'image'));
  const found = await vectors.get(ids);
  return [...new Set(ids)].map((id) => {
    const point = found.get(id);
    if (point === undefined || point.deleted || point.payload.kind !== 'image') {
      throw new HttpProblem('not-found', `no stored picture has the id ${id}`);
    }
    return point.payload;
  });
}

async function matching(vectors: AppDeps['vectors'], filter: Filter): Promise<ImagePayload[]> {
  const pictures: ImagePayload[] = [];
  for await (const { payload } of everyItem((cursor) => vectors.list({ filter, limit: 1000, cursor, order: 'id' }))) {
    if (payload.kind === 'image') pictures.push(payload);
    if (pictures.length > MAX_ARCHIVED) {
      throw new HttpProblem('too-large', `expected at most ${MAX_ARCHIVED} pictures, got a filter that matches more`);
    }
  }
  if (pictures.length === 0) throw new HttpProblem('not-found', 'no picture matches the filter');
  return pictures;
}

function checkSize({ buckets, local }: AppDeps, pictures: readonly ImagePayload[]): void {
  for (const { bucket } of pictures) findBucket(buckets, bucket);
  const bytes = pictures.reduce((sum, picture) => sum + picture.bytes, 0);
  if (!local && bytes > MAX_ON_LAMBDA_BYTES) {
    throw new HttpProblem('too-large', `expected pictures of at most ${MAX_ON_LAMBDA_BYTES} bytes, got ${bytes}`, {
      extra: { maxBytes: MAX_ON_LAMBDA_BYTES },
    });
  }
}

/** The current files, one after another. */
async function* readFiles({ buckets }: AppDeps, pictures: readonly ImagePayload[]): AsyncGenerator<ZipFile> {
  const names = archiveFileNames([...pictures.map(({ key }) => key), LEFT_OUT]);
  const gone: string[] = [];
  for (const [i, { bucket, key }] of pictures.entries()) {
    const file = await readFile(buckets.get(bucket), key);
    if (file === null) gone.push(key);
    else yield { name: names[i]!, ...file };
  }
  if (gone.length > 0) {
    yield { name: names.at(-1)!, bytes: new TextEncoder().encode(`${gone.join('\n')}\n`), modified: new Date() };
  }
}

/** Null when it is gone, or cannot be read: half an answer is sent already, which one file must not break off. */
async function readFile(objects: ObjectStore | undefined, key: string): Promise<Omit<ZipFile, 'name'> | null> {
  try {
    const object = await objects?.get(key);
    if (!object) return null;
    const bytes = await new Response(object.body).bytes();
    return { bytes, modified: object.info.fileTime ?? object.info.lastModified };
  } catch (error) {
    if (isSightlineError(error, 'unavailable')) return null;
    throw error;
  }
}
