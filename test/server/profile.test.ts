import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startHub } from '../support/hub-server.ts';
import { writePhotoDataset } from '../support/photo-dataset.ts';
import { randomRepos } from '../support/random-models.ts';
import { runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** A profile that is not bundled, by user commands: pulled, indexed with, searched, switched away from and back. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = tempFolder();

before(async () => {
  for (const name of ['cat.jpg', 'coffee.jpg']) cpSync(join(root, 'examples/photos', name), join(dir, 'photos', name));
  cpSync(join(root, 'models/manifest.json'), join(dir, 'models/manifest.json'));
});

interface Spaces {
  readonly spaces: {
    space: string;
    live: boolean;
    dimension: number;
    models: { profile: string; head: string | null };
  }[];
}

describe('a profile without a head', () => {
  it('is pulled, judged, indexes, searches, is changed for another and comes back', async () => {
    const hub = await startHub(randomRepos());
    const pulled = await runScript(
      ['scripts/sightline.ts', 'models', 'pull', 'clip', '--models', join(dir, 'models')],
      {
        HF_ENDPOINT: hub.endpoint,
      },
    );
    await hub.stop();
    assert.equal(pulled.code, 0, pulled.stderr + pulled.stdout);

    const judged = await runScript([
      'scripts/sightline.ts',
      'evaluate',
      '--profile',
      'clip',
      '--models',
      join(dir, 'models'),
      '--json',
      '--data',
      await writePhotoDataset(join(dir, 'dataset')),
      '--features',
      join(dir, 'features'),
    ]);
    assert.equal(judged.code, 0, judged.stderr);
    const figures = JSON.parse(judged.stdout) as { head: string; recipe: string; pictures: number };
    assert.deepEqual(
      [figures.head, figures.recipe, figures.pictures],
      ['none', 'encoders of openai/clip-vit-base-patch32', 18],
    );

    const env = { SIGHTLINE_EXTRA_MODELS: join(dir, 'models') };
    const run = async (...args: string[]) => {
      const done = await runScript([...args, '--data', join(dir, 'data'), '--json'], env);
      assert.equal(done.code, 0, done.stderr + done.stdout);
      return JSON.parse(done.stdout) as unknown;
    };
    const indexed = await runScript(
      ['scripts/sightline.ts', 'index', join(dir, 'photos'), '--data', join(dir, 'data')],
      {
        ...env,
        SIGHTLINE_PROFILE: 'clip',
      },
    );
    assert.equal(indexed.code, 0, indexed.stderr);
    // No profile is named: the index knows its space, and the space its models.
    const { items } = (await run('scripts/sightline.ts', 'search', '--image', join(dir, 'photos/coffee.jpg'))) as {
      items: { key: string; score: number }[];
    };
    assert.deepEqual([items.length, items[0]!.key, items[0]!.score > 0.999], [2, 'coffee.jpg', true]);

    await run('scripts/sightline.ts', 'reindex', '--profile', 'compact', '--min-overlap', '0');
    const { spaces } = (await run('scripts/sightline.ts', 'spaces', 'list')) as Spaces;
    const shown = spaces.map(({ live, dimension, models }) => [models.profile, models.head === null, dimension, live]);
    assert.deepEqual(shown.sort(), [
      ['clip', true, 512, false],
      ['compact', false, 64, true],
    ]);
    const back = spaces.find(({ live }) => !live)!.space;
    const { live, before: left } = (await run('scripts/sightline.ts', 'spaces', 'use', back)) as {
      live: boolean;
      before: string;
    };
    assert.deepEqual([live, left], [true, spaces.find((one) => one.live)!.space]);
  });
});
