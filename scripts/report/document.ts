import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ReportData } from './data.ts';

const pageDir = fileURLToPath(new URL('page/', import.meta.url));

/**
 * The report as one HTML file that needs nothing else: no network, no server. Its policy allows exactly the one script and
 * the one style sheet that are in it. Throws esbuild's BuildFailure when the page does not compile.
 */
export async function reportDocument(data: ReportData): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: pageDir,
    entryPoints: { script: 'main.tsx', style: 'style/main.css' },
    bundle: true,
    format: 'iife',
    minify: true,
    write: false,
    outdir: 'out',
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const made = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))!.text.trim();
  const script = made('.js').replaceAll('</script', '<\\/script');
  const style = made('.css').replaceAll('</style', '<\\/style');
  const policy = [
    "default-src 'none'",
    `script-src ${hashed(script)}`,
    `style-src ${hashed(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const parts: Readonly<Record<string, string>> = {
    '<title>Report</title>': `<title>${escapeHtml(data.title)}</title>`,
    '<!-- policy -->': `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<!-- style -->': `<style>${style}</style>`,
    // A data block is not run; `<` must not end it.
    '<!-- data -->': `<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>`,
    '<!-- script -->': `<script>${script}</script>`,
  };
  const template = await readFile(join(pageDir, 'report.html'), 'utf8');
  return template.replaceAll(/<title>.*<\/title>|<!-- \w+ -->/g, (placeholder) => parts[placeholder]!);
}

function hashed(content: string): string {
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
