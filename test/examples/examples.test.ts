import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { closing } from '../../core/util/async-disposable.ts';
import { openJsonFailureLog } from '../../examples/json-failure-log.ts';
import { failuresContract } from '../contract/failure-log.ts';
import { pageServer } from '../support/page-server.ts';
import { writeManyPhotos } from '../support/photo-dataset.ts';
import { runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Runs the programs in examples/ the way their first lines say. */

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const example = (name: string, ...args: string[]) =>
  run(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'examples', name), ...args]);

failuresContract('examples/json-failure-log.ts', async (now) => {
  const folder = tempFolder();
  const open = () => openJsonFailureLog(join(folder, 'failures.json'), now);
  return { log: open(), again: async () => open(), dispose: () => rm(folder, { recursive: true }) };
});

describe('examples/client.ts', () => {
  it('prints what a server finds, and the fault of a wrong call', async () => {
    await using server = closing(await pageServer({}, 3));
    const { stdout } = await example('client.ts', server.url, 'a', 'dog');
    assert.match(stdout, /^(-?\d\.\d{3} {2}\S+ {2}\d+x\d+\n){3}[\w-]+: .*expected .*\n$/);
  });
});

describe("an encoder and a head of one's own", { timeout: 600_000 }, () => {
  let folder: string;
  before(async () => {
    folder = tempFolder();
  });

  it('are made, trained, indexed with and searched', async () => {
    const models = join(folder, 'models');
    assert.match((await example('own-encoder.ts', models)).stdout, /has the profile colours/);
    const data = await writeManyPhotos(join(folder, 'data'));
    assert.match((await example('own-head.ts', models, data)).stdout, /^epoch 20: validation loss/m);

    const env = { SIGHTLINE_EXTRA_MODELS: models, SIGHTLINE_PROFILE: 'colours', SIGHTLINE_DATA: join(folder, 'index') };
    const photos = join(folder, 'photos');
    for (const name of ['sunset.jpg', 'moon.jpg']) await cp(join(root, 'examples/photos', name), join(photos, name));
    const indexed = await runScript(['scripts/sightline.ts', 'index', photos], env);
    assert.equal(indexed.code, 0, indexed.stderr);
    // Colours distinguish the pictures, whatever the head has learned about words.
    const args = ['scripts/sightline.ts', 'search', '--image', join(photos, 'sunset.jpg'), '--json'];
    const found = await runScript(args, env);
    assert.equal(found.code, 0, found.stderr);
    const { items } = JSON.parse(found.stdout) as { items: { key: string; score: number }[] };
    assert.deepEqual([items[0]!.key, items[0]!.score > 0.999], ['sunset.jpg', true]);
  });
});
