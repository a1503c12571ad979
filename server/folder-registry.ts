import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile, writeJsonFile } from '../core/json-file.ts';

/**
 * Which folder stands behind which bucket name. An index may hold pictures of several folders (`npm run index -- A`,
 * `npm run index -- B`); their points name the bucket, and this file says where its pictures are.
 */
const schema = z.strictObject({ folders: z.array(z.strictObject({ bucket: z.string(), path: z.string() })) });

export type Folder = z.infer<typeof schema>['folders'][number];

/**
 * The folders known to the index in `data`.
 * @throws {invalid-config} when the file is damaged
 */
export async function readFolders(data: string): Promise<Folder[]> {
  const found = await readJsonFile(foldersFile(data), schema, 'delete it and index the folders again');
  return found?.folders ?? [];
}

/** Adds or updates one folder. */
export async function rememberFolder(data: string, folder: Folder): Promise<void> {
  const known = await readFolders(data);
  if (known.some(({ bucket, path }) => bucket === folder.bucket && path === folder.path)) return;
  await writeJsonFile(foldersFile(data), {
    folders: [...known.filter(({ bucket }) => bucket !== folder.bucket), folder],
  });
}

function foldersFile(data: string): string {
  return join(data, 'folders.json');
}
