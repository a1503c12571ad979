import { SightlineError } from '../../core/errors.ts';
import type { DatasetLocation } from './dataset.ts';
import { bodyOf, listAll, type Shard, type SourceFile, type SourceFiles, storedFile } from './source-files.ts';
import { tarShard } from './tar-shard.ts';
import { readZip } from './zip-files.ts';

const ZIP = /\.zip$/i;
const TAR = /\.(tar|tar\.gz|tgz)$/i;

export function isArchiveName(name: string): boolean {
  return ZIP.test(name) || TAR.test(name);
}

/**
 * The content of a folder or bucket, with zips opened and tars ready to be read.
 * @param only reads this file instead of everything
 * @throws {not-found} if it is empty
 * @throws {invalid-input} for a corrupt archive
 */
export async function openStoredSource({ store, name }: DatasetLocation, only: string | null): Promise<SourceFiles> {
  const files: SourceFile[] = [];
  const shards: Shard[] = [];
  for await (const object of listAll(store, only ?? '')) {
    if (only !== null && object.key !== only) continue;
    const { key, etag } = object;
    if (ZIP.test(key)) files.push(...(await readZip(store, object)));
    else if (TAR.test(key)) shards.push(tarShard(key, () => bodyOf(store, key, etag)));
    else files.push(storedFile(store, object));
  }
  if (files.length + shards.length > 0) return { name, files, shards };
  const wanted = only === null ? 'files' : only;
  throw new SightlineError('not-found', `${name}: expected ${wanted}, found none (symbolic links are not followed)`);
}
