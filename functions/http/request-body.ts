import type { Context } from 'hono';
import type { z } from 'zod';
import { HttpProblem } from './problem.ts';
import { parseOrThrow } from './validation.ts';

/** Maximum bytes of a JSON body. */
export const MAX_JSON_BYTES = 1024 ** 2;
/** Maximum bytes of a JSON body with pictures. */
export const MAX_JSON_WITH_IMAGES_BYTES = 24 * 1024 ** 2;
/** Maximum bytes of a multipart body in addition to its files. */
export const FORM_OVERHEAD_BYTES = 1024 ** 2;

/** MIME type of a request body in lower case without parameters; '' when there is none. */
function mediaType(c: Context): string {
  return (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
}

/**
 * The type of the body; `image/*` in `accepted` stands for any picture.
 * @throws {unsupported-media-type} when the body has none of these types, or is encoded
 */
export function expectMediaType(c: Context, ...accepted: readonly string[]): string {
  const type = mediaType(c);
  const fits = accepted.some((one) => (one.endsWith('/*') ? type.startsWith(one.slice(0, -1)) : type === one));
  if (!fits) {
    throw new HttpProblem(
      'unsupported-media-type',
      `expected content-type ${accepted.join(' or ')}, got ${type === '' ? 'none' : type.slice(0, 100)}`,
      { headers: { Accept: accepted.join(', ') } },
    );
  }
  const encoding = c.req.header('content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpProblem('unsupported-media-type', `expected no content-encoding, got ${encoding.slice(0, 40)}`);
  }
  return type;
}

function tooLarge(maxBytes: number, got: string): HttpProblem {
  return new HttpProblem('too-large', `expected a body of at most ${maxBytes} bytes, got ${got}`, {
    extra: { maxBytes },
    headers: { Connection: 'close' },
  });
}

/** @throws {too-large} when Content-Length is over the limit, before anything is read */
export function expectLength(c: Context, maxBytes: number): void {
  const announced = Number(c.req.header('content-length') ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes, String(announced));
}

/**
 * Reads the whole body. Refuses by Content-Length or, when that is missing or wrong, at the first byte over the limit:
 * hono's own bodyLimit trusts Content-Length, which not every host enforces.
 */
export async function readBody(c: Context, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  expectLength(c, maxBytes);
  const stream = c.req.raw.body;
  if (stream === null) return new Uint8Array(0);
  // One buffer of the announced size, doubled when too small: pictures are large, and copies of them add up.
  let buffer = new Uint8Array(Math.min(maxBytes, Number(c.req.header('content-length')) || 65_536));
  let size = 0;
  try {
    for await (const chunk of stream) {
      c.get('restartTimeLimit')();
      const end = size + chunk.byteLength;
      if (end > maxBytes) throw tooLarge(maxBytes, 'more');
      if (end > buffer.byteLength) {
        const larger = new Uint8Array(Math.min(maxBytes, Math.max(end, buffer.byteLength * 2)));
        larger.set(buffer.subarray(0, size));
        buffer = larger;
      }
      buffer.set(chunk, size);
      size = end;
    }
  } catch (cause) {
    if (cause instanceof HttpProblem) throw cause;
    throw new HttpProblem('incomplete', 'expected the whole body, got only a part of it', { cause });
  }
  return buffer.subarray(0, size);
}

/** Parses JSON, refusing invalid UTF-8 instead of replacing it. */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) throw new HttpProblem('malformed-json', 'expected a JSON body, got none');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HttpProblem('malformed-json', 'expected JSON in UTF-8, got bytes that are not UTF-8', { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The engine's message quotes the body; the answer gives only the kind and position of the error.
    const { message } = cause as Error;
    const position = /position (\d+)/.exec(message)?.[1];
    const what = /end of JSON|Unterminated/.test(message) ? 'a body that ends early' : 'something else';
    const where = position === undefined ? what : `${what} at character ${position}`;
    throw new HttpProblem('malformed-json', `expected JSON, got ${where}`, { cause });
  }
}

/** Reads and checks a JSON body: 415, 413 and 400 come before the schema. */
export async function readJson<S extends z.ZodType>(c: Context, schema: S, maxBytes: number): Promise<z.output<S>> {
  expectMediaType(c, 'application/json');
  return parseOrThrow(schema, parseJson(await readBody(c, maxBytes)), 'body');
}

/** A form's fields, split into texts and files, each in the order received. */
export interface Form {
  readonly texts: ReadonlyMap<string, string[]>;
  readonly files: ReadonlyMap<string, File[]>;
}

/** Reads a multipart body of at most `maxBytes`; `fileFields` are the names that hold files, all others hold text. */
export async function readForm(c: Context, maxBytes: number, fileFields: readonly string[]): Promise<Form> {
  expectMediaType(c, 'multipart/form-data');
  const body = await readBody(c, maxBytes);
  let data: FormData;
  try {
    data = await new Response(body, { headers: { 'content-type': c.req.header('content-type')! } }).formData();
  } catch (cause) {
    throw new HttpProblem(
      'malformed-form',
      'expected multipart/form-data, got a body that cannot be split into parts',
      {
        cause,
      },
    );
  }
  const texts = new Map<string, string[]>();
  const files = new Map<string, File[]>();
  for (const [name, value] of data) {
    const isFile = typeof value !== 'string';
    if (isFile !== fileFields.includes(name)) {
      throw new HttpProblem(
        'invalid-input',
        `${name.slice(0, 60)}: expected ${isFile ? 'a text' : 'a file'}, got ${isFile ? 'a file' : 'a text'}`,
        {
          errors: [
            { parameter: name.slice(0, 60), detail: isFile ? 'expected no file with this name' : 'expected a file' },
          ],
        },
      );
    }
    if (isFile) files.set(name, [...(files.get(name) ?? []), value]);
    else texts.set(name, [...(texts.get(name) ?? []), value]);
  }
  return { texts, files };
}

/** Text fields in the shape of query parameters: one value as a string, several as a list. */
export function formFields(form: Form): Record<string, string | string[]> {
  return Object.fromEntries([...form.texts].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]));
}
