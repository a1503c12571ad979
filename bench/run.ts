// npm run bench -- [NAME ...]
// Runs the benchmarks of this folder one after the other. Each compares alternatives within one run and prints a table of
// medians and ratios: absolute times are those of this machine on this day.
import { readdirSync } from 'node:fs';
import { command, EXIT, runCommand, UsageError } from '../scripts/cli/command.ts';

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && !file.endsWith('.d.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

const bench = command({
  usage: '[NAME ...]',
  about: `Runs the named benchmarks, or all of them: ${names.join(', ')}.`,
  words: { min: 0, max: names.length },
  options: {},
  run: async (_flags, chosen) => {
    const unknown = chosen.find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new UsageError(`expected a benchmark out of ${names.join(', ')}, got "${unknown}"`);
    for (const name of chosen.length === 0 ? names : chosen) {
      console.log(`\n# ${name}`);
      const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<void> };
      await run();
    }
    return EXIT.done;
  },
});

await runCommand('bench', bench, process.argv.slice(2));
