import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../core/errors.ts';

/**
 * Which folder stands behind which bucket name. An index may hold pictures of several folders (`npm run index -- A`,
 * `npm run index -- B`); their points name the bucket, and this file says where its pictures are.
 */
const schema = z.strictObject({ folders: z.array(z.strictObject({ bucket: z.string(), path: z.string() })) });

export type Folder = z.infer<typeof schema>['folders'][number];

/** The folders known to the index in `data`. Throws `invalid-config` when the file is damaged. */
export async function readFolders(data: string): Promise<Folder[]> {
  const file = join(data, 'folders.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new SightlineError('unavailable', `cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return schema.parse(JSON.parse(text)).folders;
  } catch (error) {
    throw new SightlineError(
      'invalid-config',
      `expected ${file} to be a JSON list of folders, got something else; delete it and index the folders again`,
      { cause: error },
    );
  }
}

/** Adds or updates one folder, written whole or not at all. */
export async function rememberFolder(data: string, folder: Folder): Promise<void> {
  const known = await readFolders(data);
  if (known.some(({ bucket, path }) => bucket === folder.bucket && path === folder.path)) return;
  const folders = [...known.filter(({ bucket }) => bucket !== folder.bucket), folder];
  await mkdir(data, { recursive: true });
  const file = join(data, 'folders.json');
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify({ folders }, null, 2)}\n`);
  await rename(`${file}.${process.pid}`, file);
}
