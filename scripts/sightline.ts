import { statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { nearest } from '../core/setting-value.ts';
import { dataFolder, isCheckout, userPath } from '../server/environment.ts';
import { EXIT, type LoadCommand, runCommand } from './cli/command.ts';

/** All commands; each is declared in its own file. */
const COMMANDS: Readonly<Record<string, readonly [summary: string, load: LoadCommand]>> = {
  serve: ['serves folders of pictures and keeps their index up to date (default)', () => import('./serve.ts')],
  index: ['brings the index up to date with a folder or bucket', () => import('./index.ts')],
  folders: ['manages the folders of the index: list, add, move, remove', () => import('./folders.ts')],
  export: ['backs up tags, captions and the trash', () => import('./export.ts')],
  import: ['restores them', () => import('./import.ts')],
  search: ['prints the pictures that match words or a picture', () => import('./search.ts')],
  models: ['lists, downloads and checks encoders', () => import('./models.ts')],
  reindex: ['changes the models of an index, or queues a bucket on AWS', () => import('./reindex.ts')],
  spaces: ['manages vectors of different models: list, use, rm', () => import('./spaces.ts')],
  trash: ['manages deleted pictures: list, restore, empty', () => import('./trash.ts')],
  status: ['shows the state of a deployment: what waits, what failed', () => import('./status.ts')],
  redrive: ['retries the messages of the dead-letter queue', () => import('./redrive.ts')],
  key: ['makes a key for the API and the page', () => import('./make-key.ts')],
  dataset: ['converts captioned pictures to the format of training', () => import('./dataset.ts')],
  train: ['trains a head on captioned pictures', () => import('./train.ts')],
  tune: ['trains and evaluates a series of recipes', () => import('./tune.ts')],
  evaluate: ['measures how well a head finds pictures and captions', () => import('./evaluate.ts')],
  report: ['writes an HTML report about a head', () => import('./report.ts')],
  card: ['writes the model card of a head', () => import('./card.ts')],
};

/** Frequent commands whose `--data` is the data folder. */
const KEPT_COMPILED: ReadonlySet<string> = new Set(['serve', 'index', 'search']);

// The reader has enough, as in `| head`: not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

await main(process.argv.slice(2));

/** Runs the command named by the first word, or serves it if it is a folder. */
async function main([first, ...rest]: readonly string[]): Promise<void> {
  if (first === 'help') return main([...rest.slice(0, 1), '--help']);
  if (first === '--help' || first === '-h') console.log(overview());
  if (first === undefined) return run(COMMANDS.serve![1], 'serve', []);
  if (first.startsWith('-')) return run(COMMANDS.serve![1], 'serve', [first, ...rest]);
  const load = Object.hasOwn(COMMANDS, first) ? COMMANDS[first]![1] : await developmentCommand(first);
  if (load !== undefined) return run(load, first, rest);
  if (/[./\\~]/.test(first) || isThere(first)) return run(COMMANDS.serve![1], 'serve', [first, ...rest]);
  const near = nearest(first, Object.keys(COMMANDS));
  const hint = near === null ? '' : `; did you mean the command ${near}?`;
  console.error(`expected a command or a folder, got "${first}"${hint}\n\n${overview()}`);
  process.exitCode = EXIT.usage;
}

async function run(load: LoadCommand, name: string, args: readonly string[]): Promise<void> {
  if (KEPT_COMPILED.has(name)) keepCompiled(name, args);
  await runCommand(name, (await load()).default, args);
}

/**
 * Caches compiled modules in the data folder, where all writes go; starts take a fifth less. Modules that are already
 * imported are not cached.
 */
function keepCompiled(name: string, args: readonly string[]): void {
  const given = args
    .findLast((word, i) => word.startsWith('--data=') || args[i - 1] === '--data')
    ?.replace(/^--data=/, '');
  // Which is refused later.
  if (given?.trim() === '') return;
  try {
    const data = given === undefined ? dataFolder() : userPath(given);
    // A search makes no data folder.
    if (name !== 'search' || isThere(data)) enableCompileCache(join(data, 'compiled'));
  } catch {
    // An invalid setting: the command reports it.
  }
}

/** Commands that only work in a clone. */
async function developmentCommand(name: string): Promise<LoadCommand | undefined> {
  if (!isCheckout) return undefined;
  const { DEVELOPMENT_COMMANDS } = await import('./development/commands.ts');
  return Object.hasOwn(DEVELOPMENT_COMMANDS, name) ? DEVELOPMENT_COMMANDS[name] : undefined;
}

function isThere(path: string): boolean {
  return statSync(userPath(path), { throwIfNoEntry: false }) !== undefined;
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, [summary]]) => `  ${name.padEnd(10)}${summary}`);
  const lines = [
    'Usage: sightline [COMMAND] [options]',
    '',
    ...rows,
    '',
    'Run sightline COMMAND --help for details.',
    '',
  ];
  return lines.join('\n');
}
