import type { SpaceSummary } from '../core/ports.ts';
import { closing } from '../core/util/async-disposable.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { expectIndex, openSpaces } from '../server/composition-root.ts';
import { readConfig } from '../server/environment.ts';
import { findModels, type SpaceModels } from '../server/reindex/space-models.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { BUILD_OPTIONS, buildOptions, changeSpace } from './reindex/change-models.ts';

export default command({
  usage: 'list | use SPACE | rm SPACE [options]',
  about: `
Manages the spaces of an index: the vectors of each set of models. One is live; npm run reindex makes others.`,
  words: {
    min: 1,
    max: 2,
    rows: {
      list: 'lists spaces with their contents and models',
      'use SPACE': 'brings a space up to date and makes it live, while the index is served',
      'rm SPACE': 'deletes a space, unless it is live',
    },
  },
  options: BUILD_OPTIONS,
  notes: 'Exit code 0 on success, 1 when interrupted, refused or failed.',
  run: async (flags, [what, space]) => {
    const { data, bucket, qdrant, json } = flags;
    const location = { data, bucket, qdrantUrl: qdrant };
    if (what === 'list' && space === undefined) return list(location, json);
    if (what === 'use' && space !== undefined) {
      // Going back must not fail because the current space is bad.
      return changeSpace(location, space, { ...buildOptions(flags, 0), switch: true, json });
    }
    if (what === 'rm' && space !== undefined) return remove(location, space, json);
    throw new UsageError(`expected list, use SPACE or rm SPACE, got ${[what, space].join(' ').trim()}`);
  },
});

async function list(location: Parameters<typeof readConfig>[0], json: boolean): Promise<number> {
  const config = expectIndex(readConfig({ ...location, logLevel: 'silent' }));
  await using spaces = closing(await openSpaces(config));
  const all = await Promise.all(
    (await spaces.list()).map(async (space) => ({ ...space, models: await findModels(space.space, config) })),
  );
  if (json) console.log(JSON.stringify({ spaces: all }, null, 2));
  else if (all.length === 0) console.log('The index is empty.');
  else for (const space of all) console.log(lineOf(space));
  return EXIT.done;
}

function lineOf(summary: SpaceSummary & { models: SpaceModels | null }): string {
  const { space, live, points, tombstones, dimension, models } = summary;
  const made = models === null ? 'its models are not here' : `${models.profile}, ${models.head ?? 'no head'}`;
  const size = `${pluralise(points, 'point')}, ${tombstones} deleted, ${dimension} dimensions`;
  return `${live ? '*' : ' '} ${space}  ${size}; ${made}`;
}

async function remove(location: Parameters<typeof readConfig>[0], space: string, json: boolean): Promise<number> {
  const config = expectIndex(readConfig({ ...location, logLevel: 'silent' }));
  await using spaces = closing(await openSpaces(config));
  const removed = await spaces.drop(space);
  if (json) console.log(JSON.stringify({ space, removed }, null, 2));
  else console.log(removed ? `${space} is deleted.` : `There is no space ${space}.`);
  return removed ? EXIT.done : EXIT.failed;
}
