import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { unavailable } from '../files/file-errors.ts';
import type { ModelFile } from './manifest-encoder.ts';

/**
 * lock.json beside the manifest: sizes and hashes from the first pull of each encoder. Later pulls and serving check
 * files against it.
 */

const lockSchema = z.strictObject({
  format: z.literal(1),
  encoders: z.record(
    z.string(),
    z.strictObject({
      repo: z.string(),
      commit: z.string().regex(/^[0-9a-f]{40}$/),
      files: z.record(
        z.string(),
        z.strictObject({ bytes: z.int().positive(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
      ),
    }),
  ),
});

export type ModelLock = z.infer<typeof lockSchema>;

export const LOCK_FILE = 'lock.json';

/**
 * Reads lock.json; empty when there is none.
 * @throws {model-mismatch} when it does not parse
 */
export async function readLock(models: string): Promise<ModelLock> {
  const path = join(models, LOCK_FILE);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{"format": 1, "encoders": {}}';
    throw unavailable(error, 'read', path);
  });
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new SightlineError('model-mismatch', `${path} does not fit: ${(error as Error).message}`, { cause: error });
  }
}

/** The merged locks of several folders; for an encoder in several the first wins, as with the encoders themselves. */
export async function readLocks(modelDirs: readonly string[]): Promise<ModelLock> {
  const locks = await Promise.all(modelDirs.map(readLock));
  return { format: 1, encoders: Object.assign({}, ...locks.map(({ encoders }) => encoders).reverse()) };
}

/** A file with size and hash from the manifest, or otherwise from the lock. */
export function pinned(file: ModelFile, encoder: string, lock: ModelLock): ModelFile {
  const locked = lock.encoders[encoder]?.files[file.path];
  return {
    ...file,
    bytes: file.bytes ?? locked?.bytes ?? null,
    sha256: file.sha256 ?? locked?.sha256 ?? null,
  };
}
