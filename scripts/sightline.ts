import { statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { nearest } from '../core/setting-value.ts';
import { dataFolder, isCheckout, userPath } from '../server/environment.ts';
import { EXIT, type LoadCommand, runCommand } from './cli/command.ts';

/** Every command of `sightline`: a file that declares it, and a line here. */
const COMMANDS: Readonly<Record<string, readonly [summary: string, load: LoadCommand]>> = {
  serve: ['serves folders of pictures and keeps their index up to date (the default)', () => import('./serve.ts')],
  index: ['brings the index up to date with a folder', () => import('./index.ts')],
  folders: ['which folders the index has: lists, adds, moves, takes out', () => import('./folders.ts')],
  export: ['writes what only the index knows: tags, captions, the trash', () => import('./export.ts')],
  import: ['puts it into an index again', () => import('./import.ts')],
  search: ['prints the pictures that fit some words or a picture', () => import('./search.ts')],
  models: ['lists, fetches and checks the encoders', () => import('./models.ts')],
  reindex: ['changes the models of an index while it is served', () => import('./reindex.ts')],
  spaces: ['what the index was embedded by: lists, switches, deletes', () => import('./spaces.ts')],
  trash: ['the deleted pictures: lists, restores, deletes for good', () => import('./trash.ts')],
  status: ['what a deployment is doing: what waits, what failed', () => import('./status.ts')],
  redrive: ['tries what was put aside in the dead letter queue once more', () => import('./redrive.ts')],
  key: ['makes a key for the API and the page', () => import('./key.ts')],
  dataset: ['brings captioned pictures into the form that training reads', () => import('./dataset.ts')],
  train: ['trains a head on captioned pictures', () => import('./train.ts')],
  tune: ['trains and judges one recipe after the other', () => import('./tune.ts')],
  evaluate: ['how well a head finds pictures by captions and captions by pictures', () => import('./evaluate.ts')],
  report: ['one HTML file about a head: figures, examples, data', () => import('./report.ts')],
  card: ['writes the model card of a head', () => import('./card.ts')],
};

/** What is called often, and whose `--data` is the data folder. */
const KEPT_COMPILED: ReadonlySet<string> = new Set(['serve', 'index', 'search']);

// Whoever reads the output has enough, as `| head` does: no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

await main(process.argv.slice(2));

/** The first word is a command, unless it can only be a folder to serve. */
async function main([first, ...rest]: readonly string[]): Promise<void> {
  if (first === 'help') return main([...rest.slice(0, 1), '--help']);
  if (first === '--help' || first === '-h') console.log(overview());
  if (first === undefined) return run(COMMANDS.serve![1], 'serve', []);
  if (first.startsWith('-')) return run(COMMANDS.serve![1], 'serve', [first, ...rest]);
  const load = Object.hasOwn(COMMANDS, first) ? COMMANDS[first]![1] : await maintenance(first);
  if (load !== undefined) return run(load, first, rest);
  if (/[./\\~]/.test(first) || isThere(first)) return run(COMMANDS.serve![1], 'serve', [first, ...rest]);
  const near = nearest(first, Object.keys(COMMANDS));
  const hint = near === null ? '' : `; did you mean the command ${near}?`;
  console.error(`expected a command or a folder, got "${first}"${hint}\n\n${overview()}`);
  process.exitCode = EXIT.usage;
}

async function run(load: LoadCommand, name: string, args: readonly string[]): Promise<void> {
  if (KEPT_COMPILED.has(name)) keepCompiled(args);
  await runCommand(name, (await load()).default, args);
}

/**
 * Keeps compiled modules between starts, in the data folder: nothing is written anywhere else, and a start takes a
 * fifth less. What was imported before this is not among them.
 */
function keepCompiled(args: readonly string[]): void {
  const given = args
    .findLast((word, i) => word.startsWith('--data=') || args[i - 1] === '--data')
    ?.replace(/^--data=/, '');
  // Which is refused later.
  if (given?.trim() === '') return;
  try {
    enableCompileCache(join(given === undefined ? dataFolder() : userPath(given), 'compiled'));
  } catch {
    // A setting that cannot be read: the command says so.
  }
}

/** What only a checkout can do. */
async function maintenance(name: string): Promise<LoadCommand | undefined> {
  if (!isCheckout) return undefined;
  const { MAINTENANCE } = await import('./development-commands.ts');
  return Object.hasOwn(MAINTENANCE, name) ? MAINTENANCE[name] : undefined;
}

function isThere(path: string): boolean {
  return statSync(userPath(path), { throwIfNoEntry: false }) !== undefined;
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, [summary]]) => `  ${name.padEnd(10)}${summary}`);
  const lines = ['Usage: sightline [COMMAND] [options]', '', ...rows, '', 'sightline COMMAND --help says more.', ''];
  return lines.join('\n');
}
