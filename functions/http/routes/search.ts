import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type SearchTerm, search } from '../../../core/search.ts';
import { expectMediaType, formFields, parseJson, readBody, readForm } from '../body.ts';
import { openCursor, questionOf, sealCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { LIMITS } from '../limits.ts';
import { type App, component, fileField, json, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { showHit } from '../represent.ts';
import { noQuery } from '../schemas/common.ts';
import { toFilter } from '../schemas/filter.ts';
import { flatSearch, generalSearch, searchFields, searchPage, searchQuery } from '../schemas/search.ts';
import { parseOrThrow } from '../validation.ts';

/** What every form of a search comes down to. */
interface Question {
  readonly terms: readonly SearchTerm[];
  readonly rest: Pick<z.output<typeof flatSearch>, 'kind' | 'filter' | 'limit' | 'cursor' | 'minScore'>;
}

const getRoute = createRoute({
  method: 'get',
  path: '/search',
  tags: ['search'],
  summary: 'Search with words',
  description: 'Needs `q` or `imageId`. Answers the nearest pictures, captions or both, best first.',
  request: { query: searchQuery },
  responses: { 200: json(searchPage, 'One page of hits.'), ...problems(404, 409) },
});

/** Registers GET and POST /search. */
export function registerSearch(app: App, deps: AppDeps): void {
  app.openapi(getRoute, async (c) => c.json(await answer(deps, questionOfQuery(c.req.valid('query'), undefined)), 200));

  const postRoute = createRoute({
    method: 'post',
    path: '/search',
    tags: ['search'],
    summary: 'Search with words, pictures or both',
    description:
      'As JSON with pictures in base64 or by id, or as a form with one picture in `image` and either the fields of ' +
      `GET /search or \`request\`. JSON: at most ${LIMITS.jsonWithImagesBytes} bytes; a form: at most ` +
      `${deps.options.maxImageBytes} bytes of picture.`,
    request: {
      query: noQuery,
      body: {
        required: true,
        content: {
          'application/json': {
            schema: {
              anyOf: [
                component(app, 'SearchRequest', flatSearch),
                component(app, 'GeneralSearchRequest', generalSearch),
              ],
            },
          },
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
        ? questionOfBody(parseJson(await readBody(c, LIMITS.jsonWithImagesBytes)), undefined)
        : await questionOfForm(c, deps.options.maxImageBytes);
    return c.json(await answer(deps, question), 200);
  });
}

/** Asks the index. */
async function answer(deps: AppDeps, { terms, rest }: Question): Promise<z.output<typeof searchPage>> {
  const { space } = deps.embedder;
  const filter = toFilter(rest.filter, rest.kind);
  const question = questionOf('search', terms, filter, rest.minScore);
  const cursor = openCursor(space, question, rest.cursor);
  const page = await search(deps, { terms, filter, limit: rest.limit, cursor, minScore: rest.minScore });
  return { items: page.items.map(showHit), next: sealCursor(space, question, page.next), space };
}

function questionOfQuery(query: z.output<typeof searchQuery>, image: Uint8Array | undefined): Question {
  const { q, minus, imageId, kind, limit, cursor, minScore, ...filter } = query;
  const weights = { text: 1, image: 1, minus: 0.5 };
  const terms = termsOf({ text: q, minus, imageId, image, weights }, 'q, imageId or an image');
  return { terms, rest: { kind, limit, cursor, minScore, filter } };
}

/** A JSON body in either form; `uploaded` is the file that came beside it. */
function questionOfBody(body: unknown, uploaded: Uint8Array | undefined): Question {
  if (typeof body === 'object' && body !== null && Object.hasOwn(body, 'terms')) {
    if (uploaded !== undefined) {
      throw new HttpProblem('invalid-input', 'expected text and weights beside an uploaded image, got terms');
    }
    const { terms, ...rest } = parseOrThrow(generalSearch, body, 'body');
    return { terms: terms.map(toTerm), rest };
  }
  const { text, minus, imageId, image, weights, ...rest } = parseOrThrow(flatSearch, body, 'body');
  if (image !== undefined && uploaded !== undefined) {
    throw new HttpProblem('invalid-input', 'expected one image, got one in the request and one as a file');
  }
  return {
    terms: termsOf({ text, minus, imageId, image: image ?? uploaded, weights }, 'text, imageId or image'),
    rest,
  };
}

async function questionOfForm(c: Context, maxImageBytes: number): Promise<Question> {
  const form = await readForm(c, maxImageBytes + LIMITS.formOverheadBytes, ['image']);
  const files = form.files.get('image') ?? [];
  if (files.length > 1) throw new HttpProblem('invalid-input', `image: expected one file, got ${files.length}`);
  const image = await files[0]?.bytes();
  const { request, ...query } = parseOrThrow(searchFields, formFields(form), 'parameter');
  if (request === undefined) return questionOfQuery(query, image);
  if (form.texts.size > 1)
    throw new HttpProblem('invalid-input', 'expected no other text field beside request, got some');
  return questionOfBody(parseJson(new TextEncoder().encode(request)), image);
}

interface Parts {
  readonly text: string | undefined;
  readonly minus: string | undefined;
  readonly imageId: string | undefined;
  readonly image: Uint8Array | undefined;
  readonly weights: { readonly text: number; readonly image: number; readonly minus: number };
}

function termsOf({ text, minus, imageId, image, weights }: Parts, expected: string): SearchTerm[] {
  if (text === undefined && imageId === undefined && image === undefined) {
    throw new HttpProblem('invalid-input', `expected ${expected}, got none of them`);
  }
  return [
    ...(text === undefined ? [] : [{ text, weight: weights.text }]),
    ...(imageId === undefined ? [] : [{ imageId, weight: weights.image }]),
    ...(image === undefined ? [] : [{ image, weight: weights.image }]),
    ...(minus === undefined ? [] : [{ text: minus, weight: -weights.minus }]),
  ];
}

/** The schema holds exactly one of the three. */
function toTerm({ text, imageId, image, weight }: z.output<typeof generalSearch>['terms'][number]): SearchTerm {
  if (text !== undefined) return { text, weight };
  return imageId !== undefined ? { imageId, weight } : { image: image!, weight };
}
