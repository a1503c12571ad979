import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { writeWhole } from './atomic-write.ts';
import { unavailable } from './file-errors.ts';

/**
 * The validated content of a small JSON file; null when there is no such file.
 * @param advice what to do about a damaged file, for the message: "delete it and index the folders again"
 * @throws {unavailable} when it cannot be read
 * @throws {invalid-config} when it is not JSON or does not fit the schema
 */
export async function readJsonFile<S extends z.ZodType>(
  file: string,
  schema: S,
  advice: string,
): Promise<z.output<S> | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unavailable(error, 'read', file);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const message = `expected ${file} as this program wrote it, got something else; ${advice}`;
    throw new SightlineError('invalid-config', message, { cause: error });
  }
}

/**
 * Writes a small JSON file atomically, and creates the folders above it: a reader sees the old content or the new one.
 * @throws {unavailable} when it cannot be written
 */
export async function writeJsonFile(file: string, value: unknown): Promise<void> {
  await writeWhole(file, `${JSON.stringify(value, null, 2)}\n`);
}
