import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { aboutOtherLanguage, aboutUnknownText, search } from '../../../core/search/search.ts';
import { DEFAULT_WEIGHTS, type SearchTerm } from '../../../core/search/search-term.ts';
import type { JointEmbedding } from '../../../core/types.ts';
import { languageOf } from '../accept-language.ts';
import { openCursor, sealCursor, settledLanguage, spaceMismatch } from '../api-cursor.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { type App, component, fileField, json, jsonOf, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import {
  expectMediaType,
  FORM_OVERHEAD_BYTES,
  formFields,
  MAX_JSON_WITH_IMAGES_BYTES,
  parseJson,
  readBody,
  readForm,
} from '../request-body.ts';
import { noQuery } from '../schemas/common.ts';
import { toFilter } from '../schemas/filter.ts';
import { flatSearch, generalSearch, searchFields, searchPage, searchQuery } from '../schemas/search.ts';
import { serialise } from '../serialise.ts';
import { parseOrThrow } from '../validation.ts';

/** A search, whatever the form of its request. */
interface Question {
  readonly terms: readonly SearchTerm[];
  readonly rest: Pick<
    z.output<typeof flatSearch>,
    'lang' | 'literal' | 'kind' | 'sort' | 'filter' | 'limit' | 'cursor' | 'minScore'
  >;
}

const getRoute = createRoute({
  method: 'get',
  path: '/search',
  tags: ['search'],
  summary: 'Search with words',
  description: 'Needs `q`, `minus` or `imageId`. Returns the nearest pictures, captions or both, best first.',
  request: { query: searchQuery },
  responses: { 200: json(searchPage, 'One page of hits.'), ...problems(404, 409) },
});

/** Registers GET and POST /search. */
export function registerSearch(app: App, deps: AppDeps): void {
  app.openapi(getRoute, async (c) =>
    c.json(await answer(c, deps, questionOfQuery(c.req.valid('query'), undefined)), 200),
  );

  const postRoute = createRoute({
    method: 'post',
    path: '/search',
    tags: ['search'],
    summary: 'Search with words, pictures or both',
    description:
      'As JSON with pictures in base64 or by id, or as a form with one picture in `image` and either the fields of ' +
      `GET /search or \`request\`. JSON: at most ${MAX_JSON_WITH_IMAGES_BYTES} bytes; a form: at most ` +
      `${deps.options.maxImageBytes} bytes of picture.`,
    request: {
      query: noQuery,
      body: {
        required: true,
        content: {
          ...jsonOf(app, { SearchRequest: flatSearch, GeneralSearchRequest: generalSearch }),
          'multipart/form-data': {
            schema: component(app, 'SearchForm', searchFields.extend({ image: fileField().optional() })),
          },
        },
      },
    },
    responses: { 200: json(searchPage, 'One page of hits.'), ...problems(404, 409, 413, 415, 422) },
  });
  app.openapi(postRoute, async (c) => {
    const type = expectMediaType(c, 'application/json', 'multipart/form-data');
    const question =
      type === 'application/json'
        ? questionOfBody(deps, parseJson(await readBody(c, MAX_JSON_WITH_IMAGES_BYTES)), undefined)
        : await questionOfForm(deps, c);
    return c.json(await answer(c, deps, question), 200);
  });
}

/** Asks the index. */
async function answer(
  c: Context<AppEnv>,
  deps: AppDeps,
  { terms, rest }: Question,
): Promise<z.output<typeof searchPage>> {
  const { space } = deps.embedder;
  const filter = toFilter(rest.filter, rest.kind);
  const cursor = openCursor(space, rest.cursor);
  const language = terms.some((term) => 'text' in term)
    ? languageOf(c, rest.lang, settledLanguage(rest.cursor))
    : undefined;
  const { limit, minScore, literal } = rest;
  const order = rest.sort === 'relevance' ? undefined : rest.sort;
  const page = await search(deps, { terms, filter, limit, cursor, order, minScore, language, literal });
  const { read, fit, understood, didYouMean } = page;
  const warnings = [
    ...page.unknownTexts.map((text) => ({ code: 'unknown-words' as const, text, message: aboutUnknownText(text) })),
    ...page.foreignTexts.map(({ text, language }) => ({
      code: 'other-language' as const,
      text,
      message: aboutOtherLanguage(text, language),
    })),
  ];
  return {
    items: serialise(c, deps).hits(page.items),
    next: sealCursor(space, page.next, page.isAmbiguous ? read?.language : null),
    space,
    ...(fit && { fit }),
    ...(read !== null && { language: read.language, side: read.side }),
    ...(understood !== null && { understood: { without: [...understood.without], colours: [...understood.colours] } }),
    ...(didYouMean !== null && { didYouMean }),
    ...(warnings.length > 0 && { warnings }),
  };
}

function questionOfQuery(query: z.output<typeof searchQuery>, image: Uint8Array | undefined): Question {
  const { q, minus, lang, literal, imageId, kind, sort, limit, cursor, minScore, ...filter } = query;
  const terms = termsOf(
    { text: q, minus, imageId, image, vector: undefined, weights: DEFAULT_WEIGHTS },
    'q, minus, imageId or an image',
  );
  return { terms, rest: { lang, literal, kind, sort, limit, cursor, minScore, filter } };
}

/** A JSON body in either form; `uploaded` is the file sent with it. */
function questionOfBody(deps: AppDeps, body: unknown, uploaded: Uint8Array | undefined): Question {
  if (typeof body === 'object' && body !== null && Object.hasOwn(body, 'terms')) {
    if (uploaded !== undefined) {
      throw new HttpProblem('invalid-input', 'expected text and weights with an uploaded image, got terms');
    }
    const { terms, ...rest } = parseOrThrow(generalSearch, body, 'body');
    return { terms: terms.map((term) => toTerm(deps, term)), rest };
  }
  const { text, minus, imageId, image, weights, ...given } = parseOrThrow(flatSearch, body, 'body');
  const { vector, space, ...rest } = given;
  if (image !== undefined && uploaded !== undefined) {
    throw new HttpProblem('invalid-input', 'expected one image, got one in the request and one as a file');
  }
  return {
    terms: termsOf(
      { text, minus, imageId, image: image ?? uploaded, vector: ownVector(deps, vector, space), weights },
      'text, minus, imageId, image or vector',
    ),
    rest,
  };
}

async function questionOfForm(deps: AppDeps, c: Context): Promise<Question> {
  const form = await readForm(c, deps.options.maxImageBytes + FORM_OVERHEAD_BYTES, ['image']);
  const files = form.files.get('image') ?? [];
  if (files.length > 1) throw new HttpProblem('invalid-input', `image: expected one file, got ${files.length}`);
  const image = await files[0]?.bytes();
  const { request, ...query } = parseOrThrow(searchFields, formFields(form), 'parameter');
  if (request === undefined) return questionOfQuery(query, image);
  if (form.texts.size > 1)
    throw new HttpProblem('invalid-input', 'expected no other text field besides request, got some');
  return questionOfBody(deps, parseJson(new TextEncoder().encode(request)), image);
}

interface Parts {
  readonly text: string | undefined;
  readonly minus: string | undefined;
  readonly imageId: string | undefined;
  readonly image: Uint8Array | undefined;
  readonly vector: JointEmbedding | undefined;
  readonly weights: { readonly text: number; readonly image: number; readonly minus: number };
}

function termsOf({ text, minus, imageId, image, vector, weights }: Parts, expected: string): SearchTerm[] {
  if ([text, minus, imageId, image, vector].every((part) => part === undefined)) {
    throw new HttpProblem('invalid-input', `expected ${expected}, got none of them`);
  }
  return [
    ...(text === undefined ? [] : [{ text, weight: weights.text }]),
    ...(imageId === undefined ? [] : [{ imageId, weight: weights.image }]),
    ...(image === undefined ? [] : [{ image, weight: weights.image }]),
    ...(vector === undefined ? [] : [{ vector, weight: weights.image }]),
    ...(minus === undefined ? [] : [{ text: minus, weight: -weights.minus }]),
  ];
}

/** The schema holds exactly one of the four. */
function toTerm(deps: AppDeps, term: z.output<typeof generalSearch>['terms'][number]): SearchTerm {
  const { text, imageId, image, weight } = term;
  if (text !== undefined) return { text, weight };
  if (imageId !== undefined) return { imageId, weight };
  return image !== undefined ? { image, weight } : { vector: ownVector(deps, term.vector, term.space)!, weight };
}

/**
 * A vector from the caller, checked to be of this space.
 * @throws {space-mismatch} (409)
 */
function ownVector(
  { embedder }: AppDeps,
  vector: readonly number[] | undefined,
  space: string | undefined,
): JointEmbedding | undefined {
  if (vector === undefined || space === undefined) return undefined;
  if (space !== embedder.space && !embedder.sameAs.includes(space))
    throw spaceMismatch('a vector', embedder.space, space);
  if (vector.length !== embedder.dimension) {
    throw new HttpProblem(
      'invalid-input',
      `expected a vector of ${embedder.dimension} components, got ${vector.length}`,
    );
  }
  return Float32Array.from(vector) as JointEmbedding;
}
