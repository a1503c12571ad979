import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { isSightlineError } from '../../core/errors.ts';
import { nearest, type Option, readOption } from '../../core/setting-value.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { isCheckout, npmCall, userPath } from '../../server/environment.ts';

/** Exit codes of all commands: success, failure, wrong usage. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Thrown for arguments that do not fit together; ends the command with the usage text and exit code 2. */
export class UsageError extends Error {}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The option values that a command gets; undefined for optional ones that are missing. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** The declaration of a command, from which usage text, types and errors follow. */
export interface Command<O extends Options> {
  /** Usage after the command's name, one line per form. @default '[options]' */
  readonly usage?: string | readonly string[];
  /** Description; empty lines separate paragraphs. */
  readonly about: string;
  /** Number of positional arguments, and what each form of them means. */
  readonly words?: { readonly min: number; readonly max: number; readonly rows?: Readonly<Record<string, string>> };
  readonly options: O;
  /** Notes, printed below the options. */
  readonly notes?: string;
  /** Runs the command; returns its exit code. */
  readonly run: (flags: Values<O>, words: readonly string[]) => Promise<number>;
}

/** Only gives a declaration its type. */
export function command<const O extends Options>(declared: Command<O>): Command<O> {
  return declared;
}

/** A command with any options, for the table of commands. */
// biome-ignore lint/suspicious/noExplicitAny: a function of some options is none of all options.
export type AnyCommand = Command<any>;

export type LoadCommand = () => Promise<{ readonly default: AnyCommand }>;

/**
 * Runs a command with its arguments: prints the usage text for --help, turns errors into one sentence on stderr, and
 * sets the exit code.
 */
export async function runCommand(name: string, declared: AnyCommand, args: readonly string[]): Promise<void> {
  try {
    const { flags, words } = readArguments(name, declared, args);
    if (flags.help) console.log(usageText(name, declared));
    else if (flags.version) console.log(packageJson.version);
    else process.exitCode = await declared.run(flags, words);
  } catch (error) {
    if (error instanceof UsageError) {
      const forms = `${usageForms(name, declared)}\n${called(name)} --help says more.`;
      console.error(`${error.message}\n\n${forms}`);
      process.exitCode = EXIT.usage;
    } else {
      console.error(isSightlineError(error) ? `error: ${error.message}` : error);
      process.exitCode = isSightlineError(error, 'invalid-config') ? EXIT.usage : EXIT.failed;
    }
  }
}

/** @throws {UsageError} for arguments that do not match the declaration */
function readArguments(
  name: string,
  { options, words: expected = { min: 0, max: 0 } }: AnyCommand,
  args: readonly string[],
): { flags: Record<string, unknown>; words: readonly string[] } {
  const { values, positionals } = parse(options, args);
  if (values.help || values.version) return { flags: values, words: positionals };
  expectNothingKept(name, options, values, positionals);
  const { min, max } = expected;
  if (positionals.length < min || positionals.length > max) {
    const expected = min === max ? pluralise(min, 'argument') : `${min} to ${max} arguments`;
    throw new UsageError(`expected ${expected}, got ${positionals.length}`);
  }
  // An empty path would be the current folder.
  if (positionals.some((word) => word.trim() === '')) {
    throw new UsageError('expected something in each argument, got an empty one; is a variable in it not set?');
  }
  const flags: Record<string, unknown> = {};
  for (const [flag, option] of Object.entries(options as Options)) {
    const given = values[flag];
    const read = typeof given === 'boolean' ? { value: given } : readOption(option, `--${flag}`, given, userPath);
    if ('problem' in read) throw new UsageError(read.problem);
    flags[flag] = read.value;
  }
  return { flags, words: positionals };
}

type Given = Record<string, string | boolean | string[] | undefined>;

function parse(options: Options, args: readonly string[]): { values: Given; positionals: string[] } {
  const config: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } };
  for (const [flag, { unit, many }] of Object.entries(options)) {
    config[flag] = { type: unit === null ? 'boolean' : 'string', multiple: many };
  }
  try {
    return parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true }) as never;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const unknown = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(--?)([^']+)'/.exec(message) : null;
    if (unknown === null) throw new UsageError(message);
    const [, dashes, flag = ''] = unknown;
    const near = nearest(flag, Object.keys(config));
    throw new UsageError(`there is no option ${dashes}${flag}${near === null ? '' : `; did you mean --${near}?`}`);
  }
}

/** @throws {UsageError} when npm took flags that were meant for this command, with the line to type instead */
function expectNothingKept(name: string, options: Options, values: Given, words: readonly string[]): void {
  const call = npmCall();
  const kept = Object.keys(options).filter((flag) => values[flag] === undefined && call?.kept(flag) !== undefined);
  if (kept.length === 0) return;
  const left = [...words];
  const flags = kept.map((flag) => {
    const value = call!.kept(flag)!;
    if (options[flag]!.unit === null) return `--${flag}`;
    // npm keeps the name of `--limit 3` but passes on the 3; it keeps all of `--limit=3`.
    return `--${flag} ${value === 'true' ? (takeValue(options[flag]!, left) ?? options[flag]!.unit) : quoted(value)}`;
  });
  const line = [called(name), ...left.map(quoted), ...flags].join(' ');
  const names = kept.map((flag) => `--${flag}`).join(', ');
  throw new UsageError(`npm kept ${names} for itself, because no -- stood before; type:\n\n    ${line}`);
}

/** Removes and returns the last of `words` that could be the option's value. */
function takeValue(option: Option<unknown>, words: string[]): string | null {
  const at = words.findLastIndex((word) => 'value' in readOption(option, '', option.many ? [word] : word, userPath));
  return at < 0 ? null : quoted(words.splice(at, 1)[0]!);
}

function quoted(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `"${word.replaceAll(/["\\$`]/g, '\\$&')}"`;
}

/** What the user types to call a command: an npm script in a clone, otherwise the program's name. */
function called(name: string): string {
  if (!isCheckout) return name === 'serve' ? 'sightline' : `sightline ${name}`;
  return name === 'serve' ? 'npm start --' : `npm run ${name} --`;
}

function usageForms(name: string, { usage = '[options]' }: AnyCommand): string {
  const forms = [usage].flat().map((form, i) => `${i === 0 ? 'Usage: ' : '       '}${called(name)} ${form}`);
  return forms.join('\n');
}

function usageText(name: string, declared: AnyCommand): string {
  const { about, words, options, notes } = declared;
  const rows: [string, string][] = Object.entries(words?.rows ?? {});
  const optionRows = Object.entries(options as Options).map(([flag, option]): [string, string] => [
    `--${flag}${option.unit === null ? '' : ` ${option.unit}`}`,
    describe(option),
  ]);
  optionRows.push(['-h, --help', 'this text']);
  const width = Math.max(...[...rows, ...optionRows].map(([left]) => left.length));
  const table = (all: [string, string][]) => all.map((row) => tableRow(row, width)).join('\n');
  const parts = [
    usageForms(name, declared),
    paragraphs(about),
    ...(rows.length > 0 ? [table(rows)] : []),
    table(optionRows),
  ];
  return [...parts, ...(notes === undefined ? [] : [paragraphs(notes)])].join('\n\n');
}

function describe({ text, shown, many }: Option<unknown>): string {
  const again = many ? '; may be given more than once' : '';
  return `${text}${again}${shown === undefined ? '' : ` (default: ${shown})`}`;
}

const COLUMNS = 120;

/** A row with `left` in its own column and `right` wrapped beside it. */
function tableRow([left, right]: [string, string], width: number): string {
  return `  ${left.padEnd(width)}  ${broken(right, COLUMNS - width - 4).join(`\n${' '.repeat(width + 4)}`)}`;
}

/** Wraps at words, to lines of at most `columns`. */
function broken(prose: string, columns: number): string[] {
  const lines = [''];
  for (const word of prose.trim().split(/\s+/)) {
    const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`;
    if (longer.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function paragraphs(prose: string): string {
  return prose
    .split('\n\n')
    .map((paragraph) => broken(paragraph, COLUMNS).join('\n'))
    .join('\n\n');
}
