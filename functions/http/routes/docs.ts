import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import type { Context } from 'hono';
import { loadOnce } from '../../../core/util/load-once.ts';
import { isFresh, quoteEtag } from '../conditional-and-range.ts';
import type { AppDeps, StaticFile, StaticFiles } from '../deps.ts';
import type { App } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { DOCS_POLICY, pagePolicy } from '../response-headers.ts';

/** Its URLs are relative, so that it works behind a proxy that adds a path. */
const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sightline API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="data:,">
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script type="module" src="docs/start.js"></script>
</html>
`;

/**
 * Requests for one item of a list (a picture, a caption, a failure, a folder) are prefilled with the first item that
 * the reader may see. No validator badge: it would contact another server.
 */
const START = `const ask = async (path) => (await fetch(path)).json();
const spec = await ask('openapi.json');
const first = {};
for (const [path, methods] of Object.entries(spec.paths)) {
  const [, list, name] = /^\\/(\\w+)\\/{(\\w+)}/.exec(path) ?? [];
  const listing = spec.paths['/' + list]?.get;
  if (!listing) continue;
  const limit = listing.parameters?.some((parameter) => parameter.name === 'limit') ? '?limit=1' : '';
  first[list] ??= (await ask(list + limit)).items?.[0] ?? {};
  for (const { parameters = [] } of Object.values(methods)) {
    for (const parameter of parameters) if (parameter.name === name) parameter.schema.example = first[list][name];
  }
}
for (const { example } of Object.values(spec.components.schemas)) {
  if (example?.path && first.folders?.path) example.path = first.folders.path;
}
SwaggerUIBundle({ spec, dom_id: '#docs', deepLinking: true, validatorUrl: null });
`;

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** Suffix of files that a built function carries compressed with Brotli. */
export const PACKED = '.br';

/** The files of swagger-ui-dist. */
function swaggerFiles(): StaticFiles {
  const load = async (name: string, contentType: string) => {
    const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
    return fileOf(await readAsset(join(folder, name)), contentType);
  };
  const files = new Map(Object.entries(ASSETS).map(([name, type]) => [name, loadOnce(() => load(name, type))]));
  return (name) => files.get(name)?.get() ?? null;
}

/** From node_modules, or compressed as in a Lambda function. */
async function readAsset(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = `${file}${PACKED}`;
  if (!existsSync(packed)) return new Uint8Array(await readFile(file));
  return new Uint8Array(await promisify(brotliDecompress)(await readFile(packed)));
}

function fileOf(body: StaticFile['body'], contentType: string): StaticFile {
  return { body, contentType, etag: createHash('sha256').update(body).digest('hex').slice(0, 16) };
}

function send(c: Context, file: StaticFile, policy: string): Response {
  const etag = quoteEtag(file.etag);
  const headers = {
    ETag: etag,
    'Cache-Control': file.cacheControl ?? 'public, no-cache',
    'Content-Security-Policy': policy,
  };
  if (isFresh(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  return c.body(file.body, 200, { ...headers, 'Content-Type': file.contentType });
}

/** Registers /docs: Swagger UI, served entirely from here. */
export function registerDocs(app: App): void {
  const assets = swaggerFiles();
  const own = new Map([
    ['', fileOf(PAGE, 'text/html; charset=utf-8')],
    ['start.js', fileOf(START, 'text/javascript; charset=utf-8')],
  ]);
  app.get('/docs/:file?', async (c) => {
    const name = c.req.param('file') ?? '';
    if (c.req.path.endsWith('/')) return c.redirect('../docs');
    const file = own.get(name) ?? (await assets(name));
    if (file === null) throw new HttpProblem('not-found', 'there is no such file in the documentation');
    return send(c, file, DOCS_POLICY);
  });
}

/** A file of the page, tried when no route matches. Null when there is no such file. */
export async function sendPage(c: Context, deps: AppDeps): Promise<Response | null> {
  if (deps.page === undefined || (c.req.method !== 'GET' && c.req.method !== 'HEAD')) return null;
  const { basePath } = deps.options;
  // URLs in the page are relative to the trailing slash.
  if (basePath !== '' && new URL(c.req.url).pathname === basePath) return c.redirect(`${basePath}/`);
  const file = await deps.page(c.req.path);
  if (file === null) return null;
  const origin = await uploadOrigin(deps);
  return send(c, file, pagePolicy(origin === null ? [] : [origin]));
}

/** Origin of signed uploads: the only other one that the page may contact. */
async function uploadOrigin({ presignUpload }: AppDeps): Promise<string | null> {
  if (presignUpload === undefined) return null;
  const options = { contentType: 'image/jpeg', bytes: 1, onlyIfNew: true, expiresInSeconds: 60 };
  return new URL((await presignUpload('origin', options)).url).origin;
}
