import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metafile } from 'esbuild';

/** One file of the page, ready to be sent. */
export interface PageFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  /** Hash of the content, without quotes. */
  readonly etag: string;
  readonly cacheControl: string;
}

/** URL path (`/`, `/assets/main-K2QZ.js`) to file. */
export type Page = ReadonlyMap<string, PageFile>;

const webDir = fileURLToPath(new URL('../web/', import.meta.url));

/**
 * The policy the page is built for: nothing inline, nothing from elsewhere but uploads to `connect` (origins). `blob:`
 * shows pictures that were dropped on the page, `data:` small icons; the map's worker falls under script-src.
 */
export function pagePolicy(connect: readonly string[] = []): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    ["connect-src 'self'", ...connect].join(' '),
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};

/**
 * Bundles web/ with esbuild, well under a second. Everything but `/` has a hash of its content in its name. Throws
 * esbuild's BuildFailure when the sources do not compile.
 */
export async function buildPage(options: { sourceMaps?: boolean } = {}): Promise<Page> {
  const { build } = await import('esbuild');
  const result = await build({
    absWorkingDir: webDir,
    entryPoints: ['main.tsx', 'style/main.css', 'map/worker.ts', 'icon.svg'],
    bundle: true,
    splitting: true,
    format: 'esm',
    minify: true,
    write: false,
    metafile: true,
    sourcemap: options.sourceMaps ? 'linked' : false,
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    loader: { '.svg': 'copy' },
    jsx: 'automatic',
    jsxImportSource: 'preact',
    outdir: 'assets',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const page = new Map<string, PageFile>();
  for (const file of result.outputFiles) page.set(`/assets/${basename(file.path)}`, pageFile(file.path, file.contents));

  const assetOf = (source: string) => {
    const output = Object.entries(result.metafile.outputs).find(([, { entryPoint }]) => entryPoint === source);
    if (!output) throw new Error(`expected the build of web/ to have made something of ${source}, it has not`);
    return `assets/${basename(output[0])}`;
  };
  const template = await readFile(join(webDir, 'index.html'), 'utf8');
  const preloads = importsOf(result.metafile.outputs, assetOf('main.tsx')).map(
    (path) => `<link rel="modulepreload" href="${path}">`,
  );
  const document = template.replace('<!-- what main.tsx imports -->', preloads.join('\n    '));
  const html = document.replaceAll(/\{\{(.+?)\}\}/g, (_, source: string) => assetOf(source));
  page.set('/', pageFile('index.html', new TextEncoder().encode(html)));
  return page;
}

/** What a module needs before it can run, so that the browser asks for all of it at once. */
function importsOf(outputs: Metafile['outputs'], asset: string): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    for (const { path, kind } of outputs[name]?.imports ?? []) {
      if (kind !== 'import-statement' || found.has(`assets/${basename(path)}`)) continue;
      found.add(`assets/${basename(path)}`);
      visit(path);
    }
  };
  visit(asset);
  return [...found];
}

/** A page that scripts/build-web.ts wrote into a folder, for servers without esbuild. */
export async function readPage(dir: string): Promise<Page> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const page = new Map<string, PageFile>();
  for (const entry of entries.filter((item) => item.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(dir, file).split(sep).join('/')}`;
    page.set(path === '/index.html' ? '/' : path, pageFile(file, new Uint8Array(await readFile(file))));
  }
  if (!page.has('/')) throw new Error(`expected a built page with an index.html in ${dir}, found none`);
  return page;
}

function pageFile(name: string, contents: Uint8Array): PageFile {
  const body = new Uint8Array(contents);
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return {
    body,
    contentType: types[extname(name)] ?? 'application/octet-stream',
    etag: hash,
    // Names with a hash never change their content; the document that names them is asked for every time.
    cacheControl: name.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
  };
}
