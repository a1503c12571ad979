import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { killWhen, runScript } from '../server/server.ts';
import { writeManyPhotos, writePhotoDataset } from '../support/photo-dataset.ts';

/** Training commands as a user calls them: real pictures, real encoders, in processes that can be killed. */

/** Enough that a run is still under way when it is killed. */
const EPOCHS = 40;

describe('npm run train, npm run tune', () => {
  let folder: string;
  let data: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sightline-train-'));
    data = await writeManyPhotos(join(folder, 'photos'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const command = (script: string, args: readonly string[]) => [
    ...['scripts/sightline.ts', script],
    ...['--features', join(folder, 'features'), ...args],
  ];
  const call = (script: string, ...args: string[]) => runScript(command(script, args));
  const training = (name: string, ...more: string[]) => [
    ...['--data', data, '--recipe', 'seed', '--epochs', String(EPOCHS)],
    ...['--run', join(folder, `run-${name}`), '--out', join(folder, `head-${name}`), ...more],
  ];
  const head = (name: string, file = 'head.onnx') => readFile(join(folder, `head-${name}`, file));

  it('makes a head that evaluates as serving loads it, with a checkpoint for its best epochs', async () => {
    const { code, stdout, stderr } = await call('train', ...training('whole', '--json'));
    assert.equal(code, 0, stderr);
    const written = JSON.parse(stdout) as { space: string; training: { curves: object[] } };
    assert.equal(written.training.curves.length, EPOCHS);
    assert.deepEqual(JSON.parse(String(await head('whole', 'head.json'))).space, written.space);
    const kept = (await readdir(join(folder, 'run-whole'))).filter((name) => name.endsWith('.weights'));
    assert.equal(kept.length, 8);
    const judged = await call('evaluate', '--data', data, '--head', join(folder, 'head-whole'), '--json');
    assert.equal(judged.code, 0, judged.stderr);
    // By chance it would be about 166 of 600: 1, 5 and 10 of 18 one way, more the other.
    const { recallSum } = JSON.parse(judged.stdout) as { recallSum: number };
    assert.ok(recallSum > 250, `${recallSum}`);
  });

  it('is killed, goes on after its last whole epoch, and has the same bits', async () => {
    await killWhen('its third epoch', (printed) => /^epoch 3:/m.test(printed), command('train', training('killed')));
    const { code, stderr } = await call('train', ...training('killed', '--resume'));
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /^epoch 2:/m);
    assert.deepEqual(await head('killed'), await head('whole'));
  });

  it('says that there are fewer pairs than a batch, and that an option is wrong', async () => {
    const few = await writePhotoDataset(join(folder, 'few'));
    const { code, stderr } = await call('train', ...training('few', '--data', few));
    assert.equal(code, 1);
    assert.match(stderr, /expected at least one batch of 64 training pairs, got 5 pairs/);
    const wrong = await call('train', '--data', few, '--recipe', 'better');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--recipe: expected seed or best, got "better"/);
  });

  it('tries recipes, keeps a table of the results, and runs only those that it does not know', async () => {
    const trials = join(folder, 'trials.json');
    const results = join(folder, 'results', 'table.jsonl');
    const tune = async (...changes: object[]) => {
      const named = changes.map((change, i) => ({ name: `trial ${i}`, recipe: 'seed', change }));
      await writeFile(trials, JSON.stringify(named));
      const answer = await call('tune', '--data', data, '--also', data, '--trials', trials, '--results', results);
      assert.equal(answer.code, 0, answer.stderr);
      const table = (await readFile(results, 'utf8')).trim().split('\n');
      return { table, run: answer.stderr.match(/trial \d(?=: epoch 1,)/g) ?? [], stdout: answer.stdout };
    };
    const short = { epochs: 1 };
    const first = await tune(short, { ...short, learningRate: 1e-3 });
    assert.deepEqual([first.table.length, first.run], [2, ['trial 0', 'trial 1']]);
    const again = await tune(short, { ...short, learningRate: 1e-3 }, { ...short, batch: 32 });
    assert.deepEqual(again.table.slice(0, 2), first.table);
    assert.deepEqual([again.table.length, again.run], [3, ['trial 2']]);
    assert.equal(again.stdout.trim().split('\n').length, 3);
  });
});
