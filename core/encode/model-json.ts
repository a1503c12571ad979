import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { SightlineError } from '../errors.ts';

/**
 * The JSON in a file that belongs to a model.
 * @throws {model-mismatch}
 */
export async function readModelJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SightlineError('model-mismatch', `${path}: expected JSON, got ${(error as Error).message}`, {
      cause: error,
      details: { file: path },
    });
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
