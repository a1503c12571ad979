import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadEmbedder } from '../../core/encode/embedder.ts';
import { closing } from '../../core/util/async-disposable.ts';
import type { QueryLine } from '../../training/metrics/query-lines.ts';
import type { Figures } from '../../training/metrics/retrieval-metrics.ts';
import { testApp } from '../functions/http/harness.ts';
import { writeAgreedPhotos, writePhotoDataset } from '../support/photo-dataset.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** The command as a user runs it, on the sample photos. */

const root = join(import.meta.dirname, '../..');
const HEAD = join('models', 'head-compact');

describe('npm run evaluate', () => {
  const folder = tempFolder();
  let data: string;
  before(async () => {
    data = await writePhotoDataset(join(folder, 'photos'));
  });

  const evaluate = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        'scripts/sightline.ts',
        'evaluate',
        '--features',
        join(folder, 'features'),
        ...args,
      ],
      { cwd: root, encoding: 'utf8' },
    );

  it('gives figures with intervals as JSON, and the queries that they are made of', async () => {
    const file = join(folder, 'made', 'queries.jsonl');
    const { stdout, stderr, status } = evaluate('--data', data, '--queries', file, '--resamples', '200', '--json');
    assert.equal(status, 0, stderr);
    const answer = JSON.parse(stdout) as Figures & { interval: { low: Figures; high: Figures; resamples: number } };
    const { textToImage, imageToText, recallSum, interval } = answer;
    assert.deepEqual([textToImage.queries, imageToText.queries, interval.resamples], [54, 18, 200]);
    assert.ok(interval.low.recallSum < recallSum && recallSum < interval.high.recallSum, stdout);

    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    const queries = lines.map((line) => JSON.parse(line) as QueryLine);
    assert.equal(queries.length, 72);
    const share = (direction: QueryLine['direction'], found: (line: QueryLine) => boolean) => {
      const own = queries.filter((line) => line.direction === direction);
      return (100 * own.filter(found).length) / own.length;
    };
    const byRank = (line: QueryLine) => line.rank <= 5;
    const byAnswers = (line: QueryLine) => line.top.slice(0, 5).some(({ right }) => right);
    for (const found of [byRank, byAnswers]) {
      assert.ok(Math.abs(share('text-to-image', found) - textToImage.recall[5]) < 1e-9);
      assert.ok(Math.abs(share('image-to-text', found) - imageToText.recall[5]) < 1e-9);
    }
    assert.equal(queries.find((line) => line.image === 'coffee.jpg')?.direction, 'text-to-image');
  });

  it('compares a head with itself and finds nothing, and with one of other encoders', () => {
    const { stdout, stderr, status } = evaluate('--data', data, '--compare', HEAD, HEAD, '--resamples', '50', '--json');
    assert.equal(status, 0, stderr);
    const { first, second, difference, p } = JSON.parse(stdout) as Record<string, Figures>;
    assert.deepEqual(first!.textToImage, second!.textToImage);
    assert.deepEqual([difference!.recallSum, p!.recallSum], [0, 1]);
    const other = evaluate('--data', data, '--compare', HEAD, `${HEAD}-float32`, '--resamples', '50', '--json');
    assert.equal(other.status, 0, other.stderr);
    const [{ recallSum }, before] = [JSON.parse(other.stdout).first, JSON.parse(other.stdout).second];
    assert.equal(recallSum, first!.recallSum);
    assert.equal(before.space, '19c3d4bea0a3df3c');
  });

  it('lets a head say how well answers fit, once it is calibrated on captioned pictures', async () => {
    const head = join(folder, 'head');
    const filter = (path: string) => !basename(path).startsWith('calibration-');
    await cp(join(root, HEAD), head, { recursive: true, filter });
    const fits = async () => {
      await using embedder = closing(await loadEmbedder({ modelDirs: [join(root, 'models')], head }));
      await using app = closing(await testApp({}, (deps) => deps, embedder));
      await app.addPhoto('cat.jpg');
      const { fit, items } = (await app.json('/search?q=a+cat')).body;
      return [fit, items[0]!.fit];
    };
    assert.deepEqual(await fits(), [undefined, undefined]);

    const calibrate = (from: string) => evaluate('--data', from, '--head', head, '--calibrate', '--resamples', '10');
    const few = calibrate(data);
    assert.match(few.stderr, /^error: expected at least 50 words that most captions of a picture have, got \d+/m);
    const { status, stderr } = calibrate(await writeAgreedPhotos(join(folder, 'agreed')));
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^calibrated: temperature [\d.]+, poor below -?[\d.]+ \+ -?[\d.]+ ln n/m);
    assert.deepEqual(await fits(), ['good', 'good']);
  });

  it('says what it was called wrongly with, and what it cannot write', () => {
    const wrong = evaluate('--data', data, '--compare', HEAD);
    assert.deepEqual([wrong.status, /two heads, got 1/.test(wrong.stderr)], [2, true], wrong.stderr);
    const unwritable = evaluate('--data', data, '--queries', join(data, 'captions.jsonl', 'queries'));
    assert.deepEqual(
      [unwritable.status, /^error: cannot write /m.test(unwritable.stderr)],
      [1, true],
      unwritable.stderr,
    );
  });
});
