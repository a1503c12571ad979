import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { StaticFile } from './deps.ts';

/** URL path (`/`, `/assets/main-K2QZ.js`) to file. */
export type Page = ReadonlyMap<string, StaticFile>;

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};

/** The page that scripts/development/build-web.ts wrote into a folder, for servers without esbuild. */
export async function readPage(dir: string): Promise<Page> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const page = new Map<string, StaticFile>();
  for (const entry of entries.filter((item) => item.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(dir, file).split(sep).join('/')}`;
    page.set(path === '/index.html' ? '/' : path, pageFile(file, new Uint8Array(await readFile(file))));
  }
  if (!page.has('/')) throw new Error(`expected a built page with an index.html in ${dir}, found none`);
  return page;
}

/** A file to serve, its type taken from its name. */
export function pageFile(name: string, contents: Uint8Array): StaticFile {
  const body = new Uint8Array(contents);
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return {
    body,
    contentType: types[extname(name)] ?? 'application/octet-stream',
    etag: hash,
    // Files with a hash in their name never change; the document that names them is revalidated every time.
    cacheControl: name.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
  };
}
