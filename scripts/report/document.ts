import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCheckout, root } from '../../server/environment.ts';
import type { ReportData } from './report-data.ts';

/** The parts of the report besides its data. */
export interface ReportParts {
  readonly script: string;
  readonly style: string;
  readonly template: string;
}

/**
 * Bundles the report's page with esbuild.
 * @throws {BuildFailure} of esbuild when the page does not compile
 */
export async function buildReportPage(): Promise<ReportParts> {
  const { build } = await import('esbuild');
  const pageDir = join(root, 'scripts', 'report', 'page');
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
  return {
    script: made('.js').replaceAll('</script', '<\\/script'),
    style: made('.css').replaceAll('</style', '<\\/style'),
    template: await readFile(join(pageDir, 'report.html'), 'utf8'),
  };
}

/** Where an installed package has them. */
export const REPORT_PAGE = join(root, 'dist', 'report.json');

/**
 * The report as one HTML file that needs no network and no server. Its policy allows only its own script and style
 * sheet.
 */
export async function reportDocument(data: ReportData): Promise<string> {
  const page = isCheckout ? await buildReportPage() : (JSON.parse(await readFile(REPORT_PAGE, 'utf8')) as ReportParts);
  const { script, style, template } = page;
  const policy = [
    "default-src 'none'",
    `script-src ${hashed(script)}`,
    `style-src ${hashed(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // A data block does not run; `<` must not end it.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  const parts: Readonly<Record<string, string>> = {
    '<title>Report</title>': `<title>${escapeHtml(data.title)}</title>`,
    '<!-- policy -->': `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<!-- style -->': `<style>${style}</style>`,
    '<!-- data -->': `<script type="application/json" id="data">${json}</script>`,
    '<!-- script -->': `<script>${script}</script>`,
  };
  return template.replaceAll(/<title>.*<\/title>|<!-- \w+ -->/g, (placeholder) => parts[placeholder]!);
}

function hashed(content: string): string {
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
