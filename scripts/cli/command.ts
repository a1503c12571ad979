import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { isSightlineError } from '../../core/errors.ts';

/** Exit codes of every command: done, failed, called wrongly. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Thrown by a command whose arguments make no sense together; ends it with the usage text and exit code 2. */
export class UsageError extends Error {}

type Values<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>
>['values'];

/**
 * Runs one command line program: parses long options strictly, prints `usage` for --help, turns faults into one line on
 * stderr, and sets the exit code.
 */
export async function runCommand<T extends ParseArgsOptionsConfig>(
  command: { usage: string; options: T; positionals: { min: number; max: number } },
  main: (values: Values<T>, positionals: string[]) => Promise<number>,
): Promise<void> {
  try {
    const { values, positionals } = parseArguments(command.options);
    if ('help' in values) {
      console.log(command.usage.trim());
      return;
    }
    const { min, max } = command.positionals;
    if (positionals.length < min || positionals.length > max) {
      throw new UsageError(`expected ${min === max ? min : `${min} to ${max}`} arguments, got ${positionals.length}`);
    }
    process.exitCode = await main(values, positionals);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${command.usage.trim()}`);
      process.exitCode = EXIT.usage;
    } else {
      console.error(isSightlineError(error) ? `error: ${error.message}` : error);
      process.exitCode = isSightlineError(error, 'invalid-config') ? EXIT.usage : EXIT.failed;
    }
  }
}

function parseArguments<T extends ParseArgsOptionsConfig>(options: T): { values: Values<T>; positionals: string[] } {
  try {
    const parsed = parseArgs({
      options: { ...options, help: { type: 'boolean' } },
      allowPositionals: true,
      strict: true,
    });
    return { values: parsed.values as Values<T>, positionals: parsed.positionals };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
