import { constants } from 'node:fs';
import { access, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../core/errors.ts';
import { systemCode, unavailable } from '../core/files/file-errors.ts';
import type { Config } from '../core/settings.ts';

/**
 * Creates the data folder if missing, and checks that this user may use it and everything in it.
 * @throws {unavailable} naming its owner and what to do
 */
export async function makeDataFolder(data: string): Promise<void> {
  await mkdir(data, { recursive: true }).catch((error: unknown) => {
    throw unavailable(error, 'make the folder', data);
  });
  await expectAccess(data, data, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const entry of await readdir(data, { withFileTypes: true })) {
    if (entry.isFile()) await expectAccess(data, join(data, entry.name), constants.R_OK | constants.W_OK);
  }
}

async function expectAccess(data: string, path: string, mode: number): Promise<void> {
  try {
    await access(path, mode);
  } catch (error) {
    const code = systemCode(error);
    // SQLite's files come and go.
    if (code === 'ENOENT') return;
    const owner = await stat(path).catch(() => null);
    const own = process.getuid?.();
    if (code !== 'EACCES' || owner === null || own === undefined || owner.uid === own) {
      throw unavailable(error, 'use the data folder', path);
    }
    const message =
      `cannot use ${path}: the data folder belongs to another user (number ${owner.uid}, and this is ${own}); start ` +
      `as that user, give it to this one (chown -R ${own} ${data}), or name another by --data`;
    throw new SightlineError('unavailable', message, { cause: error, details: { path, code } });
  }
}

/** The default folder when no other is watched: holds the samples, and later uploads. */
export function ownPhotos(data: string): string {
  return join(data, 'photos');
}

/** The folder for trashed files of folders, in the data folder. Those of a bucket stay in the bucket. */
export function trashedFiles({ data }: Pick<Config, 'data'>): string {
  return join(data, 'trash', 'files');
}
