import { spawnSync } from 'node:child_process';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choice, toggle, url, whole } from '../../core/setting-value.ts';
import { command, EXIT } from '../cli/command.ts';
import { findBrowser } from './find-browser.ts';

const version = '13.5.0';
const categories = ['performance', 'accessibility', 'best-practices'];

export default command({
  about: `
Audits the page of a running server with Lighthouse in the system's Chromium and prints the scores. Exit code 1 when
one is below the floor. npm fetches Lighthouse on first use, because it is as large as everything else that the tests
need.`,
  options: {
    url: url({ text: 'the page', default: 'http://127.0.0.1:8787/' }),
    form: choice(['desktop', 'mobile'], {
      text: 'desktop, or mobile: a slow phone on a slow network',
      default: 'desktop',
    }),
    floor: whole({ max: 100, default: 95, text: 'minimum score of each category' }),
    json: toggle({ text: 'print the scores as JSON' }),
  },
  run: async (flags) => {
    const browser = findBrowser();
    if (browser === null) throw new Error('expected a Chromium on this machine, found none: npm run browser');
    const scores = judge(flags.url, flags.form, browser);
    if (flags.json) console.log(JSON.stringify(scores));
    else for (const [name, score] of Object.entries(scores)) console.log(`${name.padEnd(16)} ${score}`);
    return Object.values(scores).every((score) => score >= flags.floor) ? EXIT.done : EXIT.failed;
  },
});

/** Scores from 0 to 100 by category. */
function judge(url: string, form: 'desktop' | 'mobile', browser: string): Record<string, number> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lighthouse-'));
  const file = join(folder.path, 'report.json');
  const options = [
    '--quiet',
    '--output=json',
    `--output-path=${file}`,
    `--only-categories=${categories.join(',')}`,
    '--chrome-flags=--headless=new --no-sandbox --disable-gpu',
    ...(form === 'desktop' ? ['--preset=desktop'] : []),
  ];
  const call = ['npm', 'exec', '--yes', `--package=lighthouse@${version}`, '--', 'lighthouse', url, ...options];
  const made = spawnSync('env', [`CHROME_PATH=${browser}`, ...call], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`expected Lighthouse to judge ${url}, it said:\n${made.stderr}`);
  const report = JSON.parse(readFileSync(file, 'utf8')) as { categories: Record<string, { score: number | null }> };
  return Object.fromEntries(categories.map((name) => [name, Math.round((report.categories[name]?.score ?? 0) * 100)]));
}
