import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HEAD_FILE, type HeadFile, loadHeadFile } from '../core/encode/head.ts';
import { loadManifest, profileOf } from '../core/encode/manifest.ts';
import { findFolder } from '../core/encode/model-files.ts';
import { SightlineError } from '../core/errors.ts';
import type { SpaceId } from '../core/types.ts';

/**
 * Which models make which space. A head says so itself (head.json), so those in the models directories are found by
 * looking; where others are, `spaces.json` in the data folder remembers.
 */

/** What loads an embedder, beside the models directories. */
export interface SpaceModels {
  /** Name in manifest.json. */
  readonly profile: string;
  /** Folder of the head. */
  readonly head: string;
}

interface Places {
  readonly data: string;
  readonly modelDirs: readonly string[];
}

const schema = z.strictObject({
  spaces: z.record(z.string(), z.strictObject({ profile: z.string(), head: z.string() })),
});

/** The models that are configured: a head with its profile, or a profile with its head. Throws `model-mismatch`. */
export async function configuredModels(config: {
  readonly modelDirs: readonly string[];
  readonly profile?: string;
  readonly head?: string;
}): Promise<SpaceModels> {
  if (config.head !== undefined) {
    return { profile: config.profile ?? (await loadHeadFile(config.head)).profile, head: config.head };
  }
  const manifest = await loadManifest(config.modelDirs);
  const profile = profileOf(manifest, config.profile ?? manifest.defaultProfile);
  return { profile: profile.name, head: await findFolder(config.modelDirs, profile.head) };
}

/** Every head in the models directories, in their order. Folders without one, or with a damaged one, are passed over. */
export async function listHeads(modelDirs: readonly string[]): Promise<(SpaceModels & { space: SpaceId })[]> {
  const folders = await Promise.all(
    modelDirs.map(async (dir) => {
      const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(dir, name));
    }),
  );
  const found = await Promise.all(
    folders.flat().map(async (head) => {
      const file: HeadFile | null = await loadHeadFile(head).catch(() => null);
      return file === null ? [] : [{ space: file.space, profile: file.profile, head }];
    }),
  );
  return found.flat();
}

/** The models of a space, or null when there are none here. Throws `invalid-config` when spaces.json is damaged. */
export async function findModels(space: SpaceId, places: Places): Promise<SpaceModels | null> {
  const remembered = (await readRemembered(places.data))[space];
  if (remembered !== undefined) {
    const file = await loadHeadFile(remembered.head).catch(() => null);
    if (file?.space === space) return remembered;
  }
  const found = (await listHeads(places.modelDirs)).find((head) => head.space === space);
  return found === undefined ? null : { profile: found.profile, head: found.head };
}

/** The same, where there must be some. Throws `space-mismatch` naming what was looked for and what there is. */
export async function expectModels(space: SpaceId, places: Places): Promise<SpaceModels> {
  const found = await findModels(space, places);
  if (found !== null) return found;
  const heads = await listHeads(places.modelDirs);
  const there = heads.map((head) => `${head.space} (${head.head})`).join(', ') || 'none';
  const first = heads[0];
  throw new SightlineError(
    'space-mismatch',
    `the index holds vectors of space ${space}, expected its ${HEAD_FILE} in ${places.modelDirs.join(', ')} or where it was ` +
      `when the space was made; found heads of the spaces ${there}. Bring the models of ${space} back, or change to others: ` +
      `npm run reindex -- --profile ${first?.profile ?? 'NAME'}`,
    { details: { expected: space, found: there } },
  );
}

/** Keeps in mind where the models of a space are, written whole or not at all. */
export async function rememberModels(data: string, space: SpaceId, models: SpaceModels): Promise<void> {
  const spaces = { ...(await readRemembered(data)), [space]: models };
  await mkdir(data, { recursive: true });
  const file = join(data, 'spaces.json');
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify({ spaces }, null, 2)}\n`);
  await rename(`${file}.${process.pid}`, file);
}

async function readRemembered(data: string): Promise<Readonly<Record<SpaceId, SpaceModels>>> {
  const file = join(data, 'spaces.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new SightlineError('unavailable', `cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return schema.parse(JSON.parse(text)).spaces;
  } catch (error) {
    const message = `expected ${file} to be a JSON list of spaces, got something else; delete it, and name --head again`;
    throw new SightlineError('invalid-config', message, { cause: error });
  }
}
