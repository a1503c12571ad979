import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type HeadFile, loadHeadFile } from '../../core/encode/head-file.ts';
import type { Config } from '../../core/settings.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { openSpaces } from '../../server/composition-root.ts';
import { availableModels, configuredModels, findModels, type SpaceModels } from '../../server/reindex/space-models.ts';

/** The models that answer queries: those of the live index, otherwise the configured ones; null if there are none. */
export async function modelsInUse(config: Config): Promise<SpaceModels | null> {
  const hasIndex = config.qdrantUrl !== undefined || (await exists(join(config.data, 'index.sqlite')));
  const live = hasIndex ? await liveModels(config) : null;
  if (live !== null) return live;
  return availableModels(config);
}

/** The folder of the profile's head in use, or null. */
export async function headInUse(config: Config, profile: string): Promise<string | null> {
  const inUse = await modelsInUse(config);
  if (inUse?.profile === profile) return inUse.head;
  const own = await configuredModels({ modelDirs: config.modelDirs, profile }).catch(() => null);
  const folder = own?.head ?? null;
  return folder !== null && (await loadHeadFile(folder).catch(() => null)) !== null ? folder : null;
}

/** Whether a head was trained on this split of a data set, by the name in its head.json: it cannot be judged on it. */
export function wasTrainedOn({ training }: HeadFile, data: string, split: string): boolean {
  return training.data === data && Array.isArray(training.splits) && training.splits.includes(split);
}

async function liveModels(config: Config): Promise<SpaceModels | null> {
  await using spaces = closing(await openSpaces(config));
  const live = await spaces.live();
  return live === null ? null : await findModels(live.space, config);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
