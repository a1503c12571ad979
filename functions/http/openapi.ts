import { OpenAPIHono, z } from '@hono/zod-openapi';
import { getPath } from 'hono/utils/url';
import { SECURITY_SCHEMES } from './auth.ts';
import type { AppEnv } from './deps.ts';
import { problem } from './schemas/system.ts';
import { validationHook } from './validation.ts';

export type App = OpenAPIHono<AppEnv>;

/** @param basePath is stripped from request paths, for a proxy that does not strip it */
export function newApp(basePath: string): App {
  return new OpenAPIHono<AppEnv>({
    defaultHook: validationHook,
    getPath: (request) => {
      const path = getPath(request);
      return basePath !== '' && `${path}/`.startsWith(`${basePath}/`) ? path.slice(basePath.length) || '/' : path;
    },
  });
}

/** A JSON answer. */
export function json<S extends z.ZodType>(schema: S, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** A 201 with the created resource and its location. */
export function created<S extends z.ZodType>(schema: S, description: string) {
  const Location = { schema: { type: 'string' }, description: 'Its address.' } as const;
  return { ...json(schema, description), headers: { Location } };
}

const problemContent = { 'application/problem+json': { schema: problem } };

const PROBLEM_TEXT = {
  400: 'The request is not valid.',
  401: 'No API key, or an unknown one.',
  403: 'The key may not do this, a browser sent it for another site, or the pictures are read-only.',
  404: 'Not found.',
  409: 'It conflicts with what is stored.',
  412: 'The precondition does not hold.',
  413: 'Larger than allowed.',
  415: 'The content type is not supported, or the bytes are not a supported picture format.',
  416: 'The range is outside the picture.',
  422: 'The picture cannot be read or processed.',
  429: 'Too many requests; Retry-After says when to try again.',
  503: 'Not available at the moment; Retry-After says when to try again.',
} as const;

type ProblemStatus = keyof typeof PROBLEM_TEXT;
interface ProblemResponse {
  description: string;
  content: typeof problemContent;
}

/** The problem documents of a route: the given statuses, the ones that every route shares, and a default. */
export function problems<S extends ProblemStatus = never>(
  ...statuses: S[]
): { [K in S | 400 | 429 | 503 | 'default']: ProblemResponse } {
  const all = [...statuses, 400, 429, 503] as ProblemStatus[];
  const described = all.map((status) => [status, { description: PROBLEM_TEXT[status], content: problemContent }]);
  return {
    ...Object.fromEntries(described),
    default: { description: 'Any other error.', content: problemContent },
  };
}

/**
 * Adds the schema of a request body to the document and returns a reference to it. A reference keeps the framework from
 * validating: request-body.ts reads bodies, because it knows limits, encodings and positions. Call once per name.
 */
export function component(app: App, name: string, schema: z.ZodType): { $ref: string } {
  app.openAPIRegistry.register(name, schema);
  return { $ref: `#/components/schemas/${name}` };
}

/** A JSON request body, by its name in the document; see {@link component}. */
export function jsonBody(app: App, name: string, schema: z.ZodType) {
  return { required: true, content: { 'application/json': { schema: component(app, name, schema) } } };
}

/** A JSON request body of any of these forms, by their names in the document; see {@link component}. */
export function jsonOf(app: App, forms: Readonly<Record<string, z.ZodType>>) {
  const anyOf = Object.entries(forms).map(([name, schema]) => component(app, name, schema));
  return { 'application/json': { schema: { anyOf } } };
}

/** Raw bytes: as OpenAPI 3.1 describes them, and with `format`, which many tools still expect. */
export const BINARY = { type: 'string', format: 'binary', contentMediaType: 'application/octet-stream' } as const;

/** A file field of a multipart form, for the document; request-body.ts reads the file. */
export const fileField = () => z.instanceof(File).openapi(BINARY);

const DESCRIPTION = `Search pictures with words, and words with pictures.

Errors are problem documents (RFC 9457). Lists page by cursor: pass \`next\` back as \`cursor\`. Fields and parameters
that are not described here are refused. Every answer names the space of its scores and vectors in
\`Sightline-Space\`.`;

const TAGS = [
  { name: 'search', description: 'Find pictures and captions.' },
  { name: 'images', description: 'Store, show and manage pictures.' },
  { name: 'trash', description: 'Deleted pictures, until they expire.' },
  { name: 'folders', description: 'Where the pictures of this machine are.' },
  { name: 'captions', description: 'Texts that pictures can find.' },
  { name: 'session', description: 'What a browser uses instead of a key.' },
  { name: 'operations', description: 'What could not be indexed, and the state of the service.' },
];

/** The OpenAPI 3.1 document of all registered routes. */
export function describeApi(app: App, version: string) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Sightline',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    // Relative to the document, so it also works behind a proxy that adds a path.
    servers: [{ url: './' }],
    tags: TAGS,
  });
}

/** Call once per app, before its routes. */
export function registerSecurity(app: App): void {
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES)) {
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
  }
}
