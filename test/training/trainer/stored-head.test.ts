import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Encoders, loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../../core/encode/head-file.ts';
import { bestOnTheWay, fineTuning, withFittingBatch } from '../../../training/trainer/fine-tuning.ts';
import { RECIPES } from '../../../training/trainer/recipes.ts';
import { readTrainedHead } from '../../../training/trainer/stored-head.ts';
import { headGraph, writeHead } from '../../../training/trainer/write-head.ts';
import { MODELS } from '../../core/encode/fixtures.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = join(MODELS, 'head-compact');
let encoders: Encoders;
before(async () => {
  encoders = await loadEncoders({ modelDirs: [MODELS] });
});
after(() => encoders.close());

const available = () => ({
  text: Object.keys(encoders.text.outputs),
  image: Object.keys(encoders.image.outputs),
  classNames: true,
});

/** The diff that `deepEqual` prints for two large arrays would exhaust memory. */
const isSame = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

describe('a head read back', () => {
  it('is written again with the same bytes, in either form', async () => {
    const { image, texts, training, recipe } = await loadHeadFile(folder);
    const head = (await readTrainedHead(folder, encoders, available()))!;
    const sides = [
      ['image', image.onnx],
      ['text', texts[0]!.onnx],
    ] as const;
    const isOne = image.onnx.path === texts[0]!.onnx.path;
    for (const [side, { path }] of sides) {
      const graph = isOne ? headGraph(head) : headGraph(head, [side]);
      assert.ok(Buffer.from(graph).equals(await readFile(join(folder, path))), path);
    }
    const other = tempFolder();
    const own = { ...(training.recipe as object), head: head.spec } as unknown as (typeof training)[string];
    const about = { name: 'again', recipe: { ...RECIPES.best!, name: recipe }, encoders };
    await writeHead(other, head, { ...about, training: { ...training, recipe: own } });
    const again = (await readTrainedHead(other, encoders, available()))!;
    assert.deepEqual([...again.parameters.keys()], [...head.parameters.keys()]);
    for (const [name, values] of head.parameters) assert.ok(isSame(again.parameters.get(name)!, values), name);
    assert.ok(
      isSame(again.transform.image[0]!.constants.mean!.values, head.transform.image[0]!.constants.mean!.values),
    );
  });

  it('is none for other encoders', async () => {
    const others = { ...encoders, image: { ...encoders.image, name: 'another' } };
    assert.equal(await readTrainedHead(folder, others, available()), null);
    await assert.rejects(readTrainedHead(MODELS, encoders, available()), { code: 'model-mismatch' });
  });

  it('is gone on from with its own layers, for a short time, and only a part of the way', async () => {
    const head = (await readTrainedHead(folder, encoders, available()))!;
    const recipe = fineTuning(RECIPES.best!, head);
    assert.deepEqual([recipe.head, recipe.distil?.teachers, recipe.batch], [head.spec, 1, 256]);
    const [start, trained] = [new Map([['a', Float32Array.of(0, 2)]]), new Map([['a', Float32Array.of(1, 4)]])];
    const towards = (aim: number) =>
      bestOnTheWay(start, trained, async (parameters) => Math.abs(parameters.get('a')![0]! - aim));
    const [none, little, some] = [await towards(-1), await towards(100), await towards(0.21)];
    assert.equal(little.share, 0);
    assert.deepEqual([none.share, [...none.parameters.get('a')!]], [0, [0, 2]]);
    assert.equal(some.share, 0.2);
    assert.ok(Math.abs(some.parameters.get('a')![1]! - 2.4) < 1e-6);
  });

  it('takes smaller batches of few pairs', () => {
    const best = RECIPES.best!;
    assert.deepEqual(
      [100_000, 1600, 40, 3].map((pairs) => withFittingBatch(best, pairs).batch),
      [1024, 200, 5, 2],
    );
    assert.equal(withFittingBatch(RECIPES.seed!, 10).batch, 64);
  });
});
