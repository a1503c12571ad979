import { basename } from 'node:path';
import type { Migration } from '../core/files/sqlite-file.ts';

/** Interval between lines if the output is not a terminal. Milliseconds. */
const PLAIN_MS = 5000;
const TERMINAL_MS = 100;

/**
 * Shows the progress of a migration on stderr, in one line of a terminal. The event loop is blocked meanwhile, so it
 * writes synchronously.
 */
export function sayMigration(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write'> = process.stderr) {
  let last: number | undefined;
  return ({ file, copy, done, of }: Migration): void => {
    const isLast = done === of;
    const since = performance.now() - (last ?? Number.NEGATIVE_INFINITY);
    if (!isLast && since < (stream.isTTY ? TERMINAL_MS : PLAIN_MS)) return;
    last = performance.now();
    const percent = of === 0 ? 100 : Math.floor((100 * done) / of);
    const line = `Bringing ${basename(file)} up to this version: ${percent} % (a copy stays as ${basename(copy)})`;
    stream.write(stream.isTTY ? `\r${line}${isLast ? '\n' : ''}` : `${line}\n`);
  };
}
