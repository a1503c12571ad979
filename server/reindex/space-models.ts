import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { HEAD_FILE, type HeadFile, loadHeadFile } from '../../core/encode/head-file.ts';
import { encoderAdvice, headAdvice, loadManifest, profileOf } from '../../core/encode/manifest.ts';
import { findEncoder, findFolder } from '../../core/encode/model-files.ts';
import { readSharedSpaceId } from '../../core/encode/shared-space.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { readJsonFile, writeJsonFile } from '../../core/files/json-file.ts';
import type { SpaceId } from '../../core/types.ts';

/**
 * Which models belong to which space. A head names its space (head.json), so heads in the models directories are found
 * by scanning; `spaces.json` in the data folder records where others are.
 */

/** Identifies the models of an embedder within the models directories. */
export interface SpaceModels {
  /** Name in manifest.json. */
  readonly profile: string;
  /** Folder of the head; null when the encoders of the profile share a space without one. */
  readonly head: string | null;
}

interface ModelFolders {
  readonly data: string;
  readonly modelDirs: readonly string[];
}

const schema = z.strictObject({
  spaces: z.record(z.string(), z.strictObject({ profile: z.string(), head: z.string().nullable() })),
});

/**
 * The configured models: a head with its profile, or a profile with its head.
 * @throws {model-mismatch}
 */
export async function configuredModels(config: {
  readonly modelDirs: readonly string[];
  readonly profile?: string;
  readonly head?: string;
}): Promise<SpaceModels> {
  if (config.head !== undefined) {
    return { profile: config.profile ?? (await loadHeadFile(config.head)).profile, head: config.head };
  }
  const { modelDirs } = config;
  const manifest = await loadManifest(modelDirs);
  const { name, text, image, head } = profileOf(manifest, config.profile ?? manifest.defaultProfile);
  for (const encoder of [text, image]) await findEncoder(modelDirs, encoder, encoderAdvice(name));
  return { profile: name, head: head === null ? null : await findFolder(modelDirs, head, headAdvice(name)) };
}

/** The models that replace those of a space (`replaces` of a profile in manifest.json), if available. */
export async function successorOf(space: SpaceId, modelDirs: readonly string[]): Promise<SpaceModels | null> {
  const { profiles } = await loadManifest(modelDirs);
  const profile = Object.keys(profiles).find((name) => profiles[name]!.replaces.includes(space));
  if (profile === undefined) return null;
  return availableModels({ modelDirs, profile });
}

/** As {@link configuredModels}; null if they are not all here. */
export function availableModels(config: Parameters<typeof configuredModels>[0]): Promise<SpaceModels | null> {
  return configuredModels(config).catch((error: unknown) => {
    if (isSightlineError(error, 'model-mismatch')) return null;
    throw error;
  });
}

/** Models and their space. */
type KnownModels = SpaceModels & { readonly space: SpaceId; readonly sameAs: readonly SpaceId[] };

/**
 * Every head in the models directories, in order. Folders without one, or with a damaged one, are skipped.
 * @throws {model-mismatch} for two heads with the same space: they could not be told apart
 */
export async function listHeads(modelDirs: readonly string[]): Promise<KnownModels[]> {
  const folders = await Promise.all(
    modelDirs.map(async (dir) => {
      const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(dir, name));
    }),
  );
  const found = await Promise.all(
    folders.flat().map(async (head) => {
      const file: HeadFile | null = await loadHeadFile(head).catch(() => null);
      return file === null ? [] : [{ space: file.space, sameAs: file.sameAs, profile: file.profile, head }];
    }),
  );
  return refuseTwins(found.flat(), ({ head }) => head ?? '');
}

/**
 * Profiles without a head whose encoders are available, and their spaces.
 * @throws {model-mismatch} for two heads with the same space
 */
async function listSharedSpaces(modelDirs: readonly string[]): Promise<KnownModels[]> {
  const manifest = await loadManifest(modelDirs);
  const found: KnownModels[] = [];
  for (const profile of Object.keys(manifest.profiles).filter((name) => manifest.profiles[name]!.head === null)) {
    const space = await sharedSpaceOf(modelDirs, profile);
    if (space !== null) found.push({ space, sameAs: [], profile, head: null });
  }
  return refuseTwins(found, ({ profile }) => `profile ${profile}`);
}

/** The space of a profile without a head; null when its files are missing or do not match their hashes. */
async function sharedSpaceOf(modelDirs: readonly string[], profile: string): Promise<SpaceId | null> {
  const manifest = await loadManifest(modelDirs);
  try {
    return await readSharedSpaceId(modelDirs, profileOf(manifest, profile));
  } catch (error) {
    if (isSightlineError(error, 'model-mismatch') || isSightlineError(error, 'invalid-config')) return null;
    throw error;
  }
}

function refuseTwins(all: readonly KnownModels[], nameOf: (models: KnownModels) => string): KnownModels[] {
  const seen = new Map<SpaceId, KnownModels>();
  for (const models of all) {
    const twin = seen.get(models.space);
    // A folder hides those of the same name in later models directories.
    const isHidden = twin?.head != null && models.head !== null && basename(twin.head) === basename(models.head);
    if (twin !== undefined && !isHidden) {
      throw new SightlineError(
        'model-mismatch',
        `expected each head to have its own space, got ${models.space} from both ${nameOf(twin)} and ` +
          `${nameOf(models)}: move one of them out of the models directories`,
        { details: { space: models.space } },
      );
    }
    if (twin === undefined) seen.set(models.space, models);
  }
  return [...seen.values()];
}

/**
 * The models of a space, or null when they are missing.
 * @throws {invalid-config} when spaces.json is damaged
 */
export async function findModels(space: SpaceId, at: ModelFolders): Promise<SpaceModels | null> {
  const remembered = (await readRemembered(at.data))[space];
  const heads = await listHeads(at.modelDirs);
  if (remembered !== undefined) {
    const { profile, head } = remembered;
    const file = head === null ? null : await loadHeadFile(head).catch(() => null);
    const made = head === null ? await sharedSpaceOf(at.modelDirs, profile) : file?.space;
    if (made === space || file?.sameAs.includes(space)) return remembered;
  }
  const isIt = (models: KnownModels) => models.space === space || models.sameAs.includes(space);
  const found = heads.find(isIt) ?? (await listSharedSpaces(at.modelDirs)).find(isIt);
  return found === undefined ? null : { profile: found.profile, head: found.head };
}

/**
 * The same, for a caller that cannot go on without them.
 * @throws {space-mismatch} naming what is missing and what is available
 */
export async function expectModels(space: SpaceId, at: ModelFolders): Promise<SpaceModels> {
  const found = await findModels(space, at);
  if (found !== null) return found;
  const heads = await listHeads(at.modelDirs);
  const there = heads.map((head) => `${head.space} (${head.head})`).join(', ') || 'none';
  const first = heads[0];
  throw new SightlineError(
    'space-mismatch',
    `the index holds vectors of space ${space}, expected its ${HEAD_FILE} in ${at.modelDirs.join(', ')} or where ` +
      `it was when the space was made; found heads of the spaces ${there}. Bring the models of ${space} back, or ` +
      `change to others: npm run reindex -- --profile ${first?.profile ?? 'NAME'}`,
    { details: { expected: space, found: there } },
  );
}

/** Records where the models of a space are; written atomically. */
export async function rememberModels(data: string, space: SpaceId, models: SpaceModels): Promise<void> {
  await writeJsonFile(spacesFile(data), { spaces: { ...(await readRemembered(data)), [space]: models } });
}

async function readRemembered(data: string): Promise<Readonly<Record<SpaceId, SpaceModels>>> {
  return (await readJsonFile(spacesFile(data), schema, 'delete it, and name --head again'))?.spaces ?? {};
}

function spacesFile(data: string): string {
  return join(data, 'spaces.json');
}
