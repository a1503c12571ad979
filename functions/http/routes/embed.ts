import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isSightlineError } from '../../../core/errors.ts';
import type { JointEmbedding } from '../../../core/types.ts';
import { languageOf } from '../accept-language.ts';
import type { AppDeps } from '../deps.ts';
import { type App, component, fileField, json, problems } from '../openapi.ts';
import { HttpProblem, toProblem } from '../problem.ts';
import {
  expectMediaType,
  FORM_OVERHEAD_BYTES,
  formFields,
  MAX_JSON_WITH_IMAGES_BYTES,
  readForm,
  readJson,
} from '../request-body.ts';
import { noQuery } from '../schemas/common.ts';
import { embedBody, embedFields, embedResult, MAX_EMBED_IMAGES, MAX_EMBED_TEXTS } from '../schemas/embed.ts';
import { parseOrThrow } from '../validation.ts';

/** Registers POST /embed: the vectors themselves, for use in other search systems. */
export function registerEmbed(app: App, deps: AppDeps): void {
  const { embedder } = deps;
  const { maxImageBytes } = deps.options;
  const route = createRoute({
    method: 'post',
    path: '/embed',
    tags: ['search'],
    summary: 'Texts and pictures to vectors',
    description:
      `At most ${MAX_EMBED_TEXTS} texts and ${MAX_EMBED_IMAGES} pictures; in JSON at most ` +
      `${MAX_JSON_WITH_IMAGES_BYTES} bytes, in a form at most ${maxImageBytes} bytes in all. All or nothing: the ` +
      'first unreadable picture fails the request.',
    request: {
      query: noQuery,
      body: {
        required: true,
        content: {
          'application/json': { schema: component(app, 'EmbedRequest', embedBody) },
          'multipart/form-data': {
            schema: component(
              app,
              'EmbedForm',
              embedFields.extend({ images: z.array(fileField()).max(MAX_EMBED_IMAGES).optional() }),
            ),
          },
        },
      },
    },
    responses: { 200: json(embedResult, 'One vector each, in order.'), ...problems(413, 415, 422) },
  });
  app.openapi(route, async (c) => {
    const type = expectMediaType(c, 'application/json', 'multipart/form-data');
    const {
      texts = [],
      images = [],
      lang,
    } = type === 'application/json'
      ? await readJson(c, embedBody, MAX_JSON_WITH_IMAGES_BYTES)
      : await readEmbedForm(c, maxImageBytes);
    const [read, embedded] = await Promise.all([
      texts.length === 0 ? [] : embedder.readTexts(texts, languageOf(c, lang)),
      embedImages(deps, images),
    ]);
    const { space, dimension } = embedder;
    return c.json(
      {
        space,
        dimension,
        texts: read.map(({ vector }) => Array.from(vector)),
        images: embedded.map((vector) => Array.from(vector)),
        read: read.map(({ language, side }) => ({ language, side })),
      },
      200,
    );
  });
}

interface EmbedForm {
  readonly texts?: string[];
  readonly images?: Uint8Array[];
  readonly lang: string;
}

async function readEmbedForm(c: Context, maxImageBytes: number): Promise<EmbedForm> {
  const form = await readForm(c, maxImageBytes + FORM_OVERHEAD_BYTES, ['images']);
  const { texts, lang } = parseOrThrow(embedFields, formFields(form), 'parameter');
  const files = form.files.get('images') ?? [];
  if (files.length > MAX_EMBED_IMAGES) {
    throw new HttpProblem('invalid-input', `images: expected at most ${MAX_EMBED_IMAGES} files, got ${files.length}`);
  }
  if (texts === undefined && files.length === 0) {
    throw new HttpProblem('invalid-input', 'expected texts or images, got neither');
  }
  return { texts, lang, images: await Promise.all(files.map((file) => file.bytes())) };
}

/** One after another: each uses all cores, and few decoded pictures should be in memory. */
async function embedImages(deps: AppDeps, images: readonly Uint8Array[]): Promise<JointEmbedding[]> {
  const vectors: JointEmbedding[] = [];
  for (const [i, image] of images.entries()) {
    try {
      vectors.push((await deps.embedder.embedImage(image)).vector);
    } catch (error) {
      if (!isSightlineError(error)) throw error;
      const { code, message, options } = toProblem(error);
      throw new HttpProblem(code, message, { ...options, errors: [{ pointer: `#/images/${i}`, detail: message }] });
    }
  }
  return vectors;
}
