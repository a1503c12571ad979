import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unavailable } from './file-errors.ts';

/**
 * Writes a file atomically, and creates the folders above it: a reader sees the old content or the new one, even after
 * a power cut.
 * @throws {unavailable} when it cannot be written
 */
export async function writeWhole(path: string, content: Uint8Array | string | Iterable<Uint8Array>): Promise<void> {
  const aside = `${path}.${process.pid}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(aside, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw unavailable(error, 'write', path);
  }
}
