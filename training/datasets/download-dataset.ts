import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { withFileLock } from '../../core/files/file-lock.ts';
import { writeJsonFile } from '../../core/files/json-file.ts';
import { type HubOptions, type HubRepo, resolveRevision } from '../../core/hub/client.ts';
import { type Download, downloadFile } from '../../core/hub/download.ts';
import { unsafeName } from './picture-names.ts';

/** Files that a data set is prepared from: archives and captions files, not the hub's scripts and readmes. */
const WANTED = /\.(zip|tar|tar\.gz|tgz|csv|tsv|jsonl?|txt)$/i;
const DONE_FILE = '.downloaded.json';

export interface DatasetDownload extends Pick<Download, 'signal' | 'waitMs'> {
  readonly name: string;
  readonly revision: string;
  /** Parent folder of all downloads; each gets its own subfolder, named after its commit. */
  readonly downloads: string;
  readonly onProgress?: (file: string, bytes: number, total: number | null) => void;
}

/**
 * Downloads a data set's archives and captions files at one commit. Resumes earlier downloads and is safe to run in
 * several processes.
 * @throws {unavailable} when the hub does not answer
 * @throws {not-found} when it has no such file
 */
export async function downloadDataset(
  hub: HubOptions,
  options: DatasetDownload,
): Promise<{ folder: string; commit: string }> {
  const { name, revision, downloads, signal, waitMs, onProgress } = options;
  const repo: HubRepo = { kind: 'dataset', name };
  const { commit, files } = await resolveRevision(hub, repo, revision, signal);
  const folder = join(downloads, `${name.replace('/', '--')}@${commit}`);
  const wanted = files.filter((path) => WANTED.test(path) && unsafeName(path) === null);
  if (wanted.length === 0) {
    throw new SightlineError('not-found', `${name}: expected archives and captions files, got ${files.join(', ')}`);
  }
  await withFileLock(join(downloads, '.lock'), async () => {
    const done = await readDone(folder);
    for (const path of wanted) {
      const to = join(folder, path);
      if (done[path] !== undefined && done[path] === (await stat(to).catch(() => null))?.size) continue;
      const got = await downloadFile(hub, {
        repo,
        revision: commit,
        path,
        to,
        signal,
        waitMs,
        onProgress: (bytes, total) => onProgress?.(path, bytes, total),
      });
      done[path] = got.bytes;
      await writeJsonFile(join(folder, DONE_FILE), done);
    }
  });
  return { folder, commit };
}

/** Sizes of the files that were downloaded completely and verified. */
async function readDone(folder: string): Promise<Record<string, number>> {
  try {
    return JSON.parse(await readFile(join(folder, DONE_FILE), 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
}
