// npm run lighthouse -- [--url URL] [--form desktop|mobile]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { findBrowser } from './cli/find-browser.ts';

const usage = `
Usage: npm run lighthouse -- [options]

Lets Lighthouse judge the page of a running server in the system's Chromium and prints its scores. Ends with 1 when one of
them is below the floor. Lighthouse itself is fetched by npm when it is first used: it is as large as all else that the
tests need.

  --url URL      the page (default: http://127.0.0.1:8787/)
  --form NAME    desktop or mobile, a slow phone on a slow network (default: desktop)
  --floor N      least score of each category (default: 95)
  --json         the scores as JSON
`;

const version = '13.5.0';
const categories = ['performance', 'accessibility', 'best-practices'];

await runCommand(
  {
    usage,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8787/' },
      form: { type: 'string', default: 'desktop' },
      floor: { type: 'string', default: '95' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    if (flags.form !== 'desktop' && flags.form !== 'mobile') {
      throw new UsageError(`--form: expected desktop or mobile, got "${flags.form}"`);
    }
    const browser = findBrowser();
    if (browser === null) throw new Error('expected a Chromium on this machine, found none: npm run browser');
    const scores = judge(flags.url, flags.form, browser);
    if (flags.json) console.log(JSON.stringify(scores));
    else for (const [name, score] of Object.entries(scores)) console.log(`${name.padEnd(16)} ${score}`);
    return Object.values(scores).every((score) => score >= Number(flags.floor)) ? EXIT.done : EXIT.failed;
  },
);

/** Scores from 0 to 100 by category. */
function judge(url: string, form: 'desktop' | 'mobile', browser: string): Record<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'lighthouse-'));
  try {
    const file = join(folder, 'report.json');
    const made = spawnSync(
      'env',
      [
        ...[
          `CHROME_PATH=${browser}`,
          'npm',
          'exec',
          '--yes',
          `--package=lighthouse@${version}`,
          '--',
          'lighthouse',
          url,
          '--quiet',
        ],
        ...['--output=json', `--output-path=${file}`, `--only-categories=${categories.join(',')}`],
        ...['--chrome-flags=--headless=new --no-sandbox --disable-gpu'],
        ...(form === 'desktop' ? ['--preset=desktop'] : []),
      ],
      { encoding: 'utf8' },
    );
    if (made.status !== 0) throw new Error(`expected Lighthouse to judge ${url}, it said:\n${made.stderr}`);
    const report = JSON.parse(readFileSync(file, 'utf8')) as { categories: Record<string, { score: number | null }> };
    return Object.fromEntries(
      categories.map((name) => [name, Math.round((report.categories[name]?.score ?? 0) * 100)]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
