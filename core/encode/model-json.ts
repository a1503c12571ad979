import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { unavailable } from '../files/file-errors.ts';

/**
 * The JSON in a file that belongs to a model.
 * @throws {model-mismatch}
 */
export async function readModelJson(path: string): Promise<unknown> {
  const refused = (message: string, cause: unknown) =>
    new SightlineError('model-mismatch', message, { cause, details: { file: path } });
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw refused((unavailable(error, 'read', path) as Error).message, error);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused(`${path}: expected JSON, got ${(error as Error).message}`, error);
  }
}

/**
 * A value as a schema has it.
 * @throws {model-mismatch} naming every field of the file that does not fit
 */
export function fitting<S extends z.ZodType>(schema: S, value: unknown, path: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  throw new SightlineError('model-mismatch', `${path} does not fit: ${problems.join('; ')}`, {
    details: { file: path },
  });
}
