import { basename, join } from 'node:path';
import { z } from 'zod';
import { readJsonFile, writeJsonFile } from '../../core/files/json-file.ts';

/**
 * Maps bucket names to folders. An index may hold pictures of several folders; points name the bucket, and this file
 * says where its pictures are now. A bucket keeps its name when its folder moves.
 */
const schema = z.strictObject({
  folders: z.array(
    z.strictObject({
      bucket: z.string(),
      path: z.string(),
      name: z.string().optional(),
      watched: z.boolean().optional(),
      formerly: z.array(z.string()).optional(),
      leaving: z.boolean().optional(),
    }),
  ),
});

export interface Folder {
  readonly bucket: string;
  /** As given by the user, absolute. */
  readonly path: string;
  /** For people; unique in the index. */
  readonly name: string;
  /** Watched while a server runs; other folders were only indexed once. */
  readonly watched: boolean;
  /** Earlier paths. */
  readonly formerly: readonly string[];
}

/** The list, and the buckets of removed folders that may still have pictures in the index. */
export interface Registry {
  readonly folders: readonly Folder[];
  readonly leaving: readonly string[];
}

/**
 * The folders known to the index in `data`.
 * @throws {invalid-config} when the file is damaged
 */
export async function readFolders(data: string): Promise<readonly Folder[]> {
  return (await readRegistry(data)).folders;
}

/** @throws {invalid-config} when the file is damaged */
export async function readRegistry(data: string): Promise<Registry> {
  const found = await readJsonFile(
    foldersFile(data),
    schema,
    'a newer Sightline may have written it: run that one, or delete it and index the folders again',
  );
  const folders: Folder[] = [];
  const leaving: string[] = [];
  for (const { bucket, path, name, watched = false, formerly = [], leaving: leaves } of found?.folders ?? []) {
    if (leaves) leaving.push(bucket);
    else folders.push({ bucket, path, name: name ?? freeName(basename(path), folders), watched, formerly });
  }
  return { folders, leaving };
}

export async function writeRegistry(data: string, { folders, leaving }: Registry): Promise<void> {
  const left = leaving.map((bucket) => ({ bucket, path: '', leaving: true }));
  await writeJsonFile(foldersFile(data), { folders: [...folders, ...left] });
}

/** The name, with a number if another folder has it. */
export function freeName(wanted: string, folders: readonly Folder[]): string {
  return free(wanted === '' ? 'pictures' : wanted, new Set(folders.map(({ name }) => name)));
}

/** The same for the name of a bucket. */
export function freeBucket(wanted: string, folders: readonly Folder[]): string {
  return free(wanted, new Set(folders.map(({ bucket }) => bucket)));
}

function free(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let n = 2; ; n++) if (!taken.has(`${wanted}-${n}`)) return `${wanted}-${n}`;
}

function foldersFile(data: string): string {
  return join(data, 'folders.json');
}
