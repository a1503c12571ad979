import { stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { readHubConfig } from '../../server/environment.ts';
import { downloadDataset } from '../../training/datasets/download-dataset.ts';
import type { SourceFiles } from '../../training/datasets/source-files.ts';
import { isArchiveName, openStoredSource } from '../../training/datasets/stored-files.ts';
import { tarShard } from '../../training/datasets/tar-shard.ts';
import { UsageError } from '../cli/command.ts';
import { absoluteLocation, isBucket, openLocation } from '../cli/location.ts';
import { createDownloadProgress } from '../cli/progress.ts';

/** The opened source named by --from. */
export interface DatasetSource {
  readonly files: SourceFiles;
  /** Normalised name of the source: an absolute path or a URL. */
  readonly from: string;
  /** The downloaded commit, or null. */
  readonly commit: string | null;
  close(): void;
}

/**
 * Opens a folder, a bucket, one archive in either, a tar on standard input, or what is downloaded into a folder below
 * `data`.
 * @throws {UsageError} when source and target are not apart
 * @throws {unavailable}
 * @throws {not-found}
 */
export async function openDatasetSource(from: string, to: string, data: string): Promise<DatasetSource> {
  if (from === '-') return { files: standardInput(), from: 'standard input', commit: null, close: () => {} };
  if (from.startsWith('hf:')) return fromHub(from, join(data, 'downloads'));
  const path = absoluteLocation(from);
  keepApart(path, absoluteLocation(to));
  const only = await fileIn(path);
  const location = await openLocation(only === null ? path : path.slice(0, -only.length));
  try {
    const found = await openStoredSource({ store: location.store, name: from }, only);
    return { files: found, from: path, commit: null, close: location.close };
  } catch (error) {
    location.close();
    throw error;
  }
}

/** Downloads and opens `hf:OWNER/NAME@REVISION`. */
async function fromHub(from: string, downloads: string): Promise<DatasetSource> {
  const match = /^hf:([\w.-]+\/[\w.-]+)@(\S+)$/.exec(from);
  if (match === null) throw new UsageError(`expected hf:OWNER/NAME@REVISION, got "${from}"`);
  const [name, revision] = [match[1]!, match[2]!];
  const progress = createDownloadProgress();
  const { folder, commit } = await downloadDataset(readHubConfig(), {
    name,
    revision,
    downloads,
    onProgress: progress.update,
  }).finally(progress.stop);
  const location = await openLocation(folder);
  const files = await openStoredSource({ store: location.store, name: from }, null);
  return { files, from: `hf:${name}@${commit}`, commit, close: location.close };
}

function standardInput(): SourceFiles {
  const shard = tarShard('standard input', () => process.stdin);
  return { name: 'standard input', files: [], shards: [shard] };
}

/** The file name of a path, or null for a folder. */
async function fileIn(path: string): Promise<string | null> {
  if (isBucket(path)) return isArchiveName(path) ? path.replace(/^.*\//, '') : null;
  const info = await stat(path).catch(() => null);
  if (info === null) throw new UsageError(`--from: expected a folder or an archive, but there is no ${path}`);
  return info.isFile() && dirname(path) !== path ? basename(path) : null;
}

/** A target inside the source would be part of the source the next time. */
function keepApart(from: string, to: string): void {
  const slash = isBucket(from) ? '/' : sep;
  const inside = (inner: string, outer: string) => `${inner}${slash}`.startsWith(`${outer}${slash}`);
  if (inside(to, from) || inside(from, to)) {
    throw new UsageError(`expected --from and --to apart from each other, got ${from} and ${to}`);
  }
}
