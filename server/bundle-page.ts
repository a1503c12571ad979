import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';
import { writeWhole } from '../core/files/atomic-write.ts';
import type { StaticFile } from '../functions/http/deps.ts';
import { type Page, pageFile } from '../functions/http/page-files.ts';

const webDir = join(import.meta.dirname, '../web');

/**
 * Bundles web/ with esbuild, in well under a second. Every file except `/` has a content hash in its name.
 * @throws {BuildFailure} of esbuild when the sources do not compile
 */
export async function buildPage(options: { sourceMaps?: boolean; plugins?: Plugin[] } = {}): Promise<Page> {
  const { build } = await import('esbuild');
  const result = await build({
    absWorkingDir: webDir,
    entryPoints: ['main.tsx', 'style/main.css', 'map/worker.ts', 'events/shared-worker.ts', 'icon.svg'],
    bundle: true,
    splitting: true,
    format: 'esm',
    minify: true,
    write: false,
    metafile: true,
    plugins: options.plugins,
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
  const page = new Map<string, StaticFile>();
  for (const file of result.outputFiles) page.set(`/assets/${basename(file.path)}`, pageFile(file.path, file.contents));

  const assetOf = (source: string) => {
    const output = Object.entries(result.metafile.outputs).find(([, { entryPoint }]) => entryPoint === source);
    if (!output) throw new Error(`expected the build of web/ to have an output for ${source}, found none`);
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

/** Writes a page into a folder and replaces its assets. */
export async function writePage(page: Page, out: string): Promise<void> {
  await rm(join(out, 'assets'), { recursive: true, force: true });
  for (const [path, file] of page) {
    await writeWhole(join(out, path === '/' ? 'index.html' : path), file.body);
  }
}

/** All static imports of a module, so that the browser can request them at once. */
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
