// npm run bench -- [NAME ...] [--url URL [--key KEY]] [--points N]
// Runs the benchmarks in this folder one after the other. Each compares alternatives within one run and prints a table
// of medians and ratios: absolute times are those of this machine on this day.
import { readdirSync } from 'node:fs';
import { text, url, whole } from '../core/setting-value.ts';
import { command, EXIT, runCommand, UsageError } from '../scripts/cli/command.ts';

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && !file.endsWith('.d.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

/** Benchmarks that can measure an existing server. */
const ELSEWHERE = ['lambda', 'qdrant'];

/** Options passed on to them. */
export interface BenchOptions {
  readonly url?: string;
  readonly key?: string;
  readonly points?: number;
}

const bench = command({
  usage: '[NAME ...]',
  about: `Runs the named benchmarks, or all of them: ${names.join(', ')}.`,
  words: { min: 0, max: names.length },
  options: {
    url: url({
      text:
        'server to measure instead of one that is started here: a deployed function for `lambda`, a ' +
        'Qdrant for `qdrant`',
    }),
    key: text({ unit: 'KEY', text: 'API key for it, when reading needs one' }),
    points: whole({ min: 100, text: 'points to measure `qdrant` with', shown: '100,000' }),
  },
  run: async (given, chosen) => {
    if (given.url !== undefined && chosen.length !== 1)
      throw new UsageError('--url: expected one benchmark to be named');
    const unknown = chosen.find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new UsageError(`expected a benchmark out of ${names.join(', ')}, got "${unknown}"`);
    for (const name of chosen.length === 0 ? names : chosen) {
      console.log(`\n# ${name}`);
      const { run } = (await import(`./${name}.ts`)) as { run: (options?: BenchOptions) => Promise<void> };
      await (ELSEWHERE.includes(name) ? run(given) : run());
    }
    return EXIT.done;
  },
});

await runCommand('bench', bench, process.argv.slice(2));
