import { cp, mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unavailable } from '../core/files/file-errors.ts';
import { ownPhotos } from './data-folder.ts';
import { root } from './environment.ts';
import type { Folders } from './folders/folders.ts';

const SAMPLES = join(root, 'examples', 'photos');

/** Creates the folder, with the samples if no folder was ever given. Returns its path. */
export async function prepareOwnPhotos(data: string, folders: Folders): Promise<string> {
  const photos = ownPhotos(data);
  const exists = await stat(photos).then(
    () => true,
    () => false,
  );
  const isFirst = folders.list().every(({ path }) => path === photos);
  if (!exists && isFirst) await copySamples(data, photos);
  else await mkdir(photos, { recursive: true });
  return photos;
}

/** Copies all samples or none: after an interruption the next start does it. */
async function copySamples(data: string, photos: string): Promise<void> {
  const unfinished = join(data, 'photos.unfinished');
  try {
    await mkdir(data, { recursive: true });
    await rm(unfinished, { recursive: true, force: true });
    await cp(SAMPLES, unfinished, { recursive: true, filter: (source) => !source.endsWith('.md') });
    await rename(unfinished, photos);
  } catch (error) {
    throw unavailable(error, 'copy the sample photos to', photos);
  }
}

/** Removes the samples once there is another folder. Changed and added files stay. */
export async function removeSamples(data: string, folders: Folders): Promise<void> {
  const photos = ownPhotos(data);
  const folder = folders.list().find(({ path }) => path === photos);
  if (folder === undefined || folders.list().length < 2) return;
  for (const name of await readdir(SAMPLES)) {
    const path = join(photos, name);
    const [mine, sample] = await Promise.all([readFile(path).catch(() => null), readFile(join(SAMPLES, name))]);
    if (mine?.equals(sample)) await rm(path);
  }
  const isEmptied = await rmdir(photos).then(
    () => true,
    () => false,
  );
  if (isEmptied) await folders.remove(folder.name);
}
