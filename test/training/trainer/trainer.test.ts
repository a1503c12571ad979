import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { PairSet } from '../../../training/features/extract.ts';
import { HalfMatrix } from '../../../training/features/float16-matrix.ts';
import { Random } from '../../../training/random.ts';
import { learningRateAt } from '../../../training/trainer/learning-rate.ts';
import { RECIPES, type Recipe } from '../../../training/trainer/recipes.ts';
import { type TrainingOptions, trainHead } from '../../../training/trainer/trainer.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/**
 * Learnable pairs: a picture is a mixture of a few things, and its captions are different views of the same mixture.
 */
function madeUpPairs(count: number, label: string): PairSet {
  const map = new Random(1, 'maps');
  const random = new Random(1, label);
  const things = 6;
  const matrix = (columns: number) => Array.from({ length: columns * things }, () => map.normal());
  const [toText, toLogits, toFeatures] = [matrix(12), matrix(16), matrix(20)];
  const captions = new HalfMatrix(2 * count, 12);
  const logits = new HalfMatrix(count, 16);
  const features = new HalfMatrix(count, 20);
  const apply = (weights: number[], of: number[], columns: number) =>
    Float32Array.from({ length: columns }, (_, c) =>
      of.reduce((sum, x, t) => sum + x * weights[c * things + t]!, 0.1 * random.normal()),
    );
  for (let p = 0; p < count; p++) {
    const mixture = Array.from({ length: things }, () => random.normal());
    logits.set(p, apply(toLogits, mixture, 16));
    features.set(p, apply(toFeatures, mixture, 20));
    captions.set(2 * p, apply(toText, mixture, 12));
    captions.set(2 * p + 1, apply(toText, mixture, 12));
  }
  return {
    pictures: Array.from({ length: count }, (_, p) => ({
      image: `${p}.jpg`,
      captions: ['a', 'b'],
      split: label,
      sha256: null,
    })),
    augmented: [{ logits, features }],
    captions,
    firstCaption: Uint32Array.from({ length: count + 1 }, (_, p) => 2 * p),
  };
}

const small: Recipe = { ...RECIPES.seed!, batch: 16, epochs: 4, learningRate: 3e-3 };
const rich: Recipe = {
  ...small,
  head: {
    dimension: 8,
    text: {
      inputs: [{ source: 'embedding', first: 'none', transform: 'standardise' }],
      hidden: 24,
      skip: true,
      inputDropout: 0.1,
      hiddenDropout: 0.3,
    },
    image: {
      inputs: [
        { source: 'features', first: 'none', transform: 'standardise' },
        { source: 'logits', first: 'none', transform: 'l2' },
      ],
      hidden: 24,
      skip: true,
      inputDropout: 0.1,
      hiddenDropout: 0.3,
    },
    sharedOutput: false,
    stored: 'float16',
  },
  loss: { direction: 'symmetric', temperature: 0.1, learnTemperature: true, maskSamePicture: true },
  optimizer: { ...small.optimizer, weightDecay: 1e-2, clipNorm: 1 },
  warmupSteps: 5,
  schedule: 'cosine',
  average: 0.9,
  captions: 'all',
};

const data = {
  train: madeUpPairs(80, 'train'),
  validation: madeUpPairs(40, 'val'),
  textOutputs: { embedding: 12 },
  classes: null,
  key: 'made up',
};

async function options(recipe: Recipe, more: Partial<TrainingOptions> = {}): Promise<TrainingOptions> {
  return {
    recipe,
    seed: 1,
    threads: 1,
    resume: false,
    run: join(tempFolder(), 'run'),
    data,
    ...more,
  };
}

const bits = (parameters: ReadonlyMap<string, Float32Array>) =>
  [...parameters].map(([name, values]) => [name, Buffer.from(values.buffer).toString('base64')]);

/** Trains until a step, and then goes on from the last checkpoint; also the epochs that this took. */
async function resumedAt(step: number, recipe: Recipe) {
  const base = await options(recipe);
  const stop = new Error('interrupted');
  let total = 0;
  const onStep = (done: number, of: number) => {
    total = of;
    if (done === step) throw stop;
  };
  await assert.rejects(trainHead({ ...base, onStep }), stop);
  const epochs: number[] = [];
  const resumed = await trainHead({ ...base, resume: true, onEpoch: ({ epoch }) => epochs.push(epoch) });
  return { resumed, epochs, total };
}

describe('training a head', () => {
  for (const [name, recipe] of Object.entries({ seed: small, rich })) {
    it(`learns, and the same command gives the same bits (${name})`, async () => {
      const [a, b] = [await trainHead(await options(recipe)), await trainHead(await options(recipe))];
      assert.equal(a.curves.length, 4);
      const [first, last] = [a.curves[0]!, a.curves.at(-1)!];
      assert.ok(last.validationLoss < first.validationLoss, JSON.stringify(a.curves));
      assert.ok(last.trainLoss < first.trainLoss, JSON.stringify(a.curves));
      assert.deepEqual(bits(a.head.parameters), bits(b.head.parameters));
      const other = await trainHead(await options(recipe, { seed: 2 }));
      assert.notDeepEqual(bits(other.head.parameters), bits(a.head.parameters));
    });

    it(`goes on after an interruption with the same bits (${name})`, async () => {
      const whole = await trainHead(await options(recipe));
      const steps = recipe.captions === 'all' ? 10 : 5;
      // In the middle of the third epoch.
      const { resumed, epochs } = await resumedAt(2 * steps + 2, recipe);
      assert.deepEqual(epochs, [3, 4]);
      assert.deepEqual(resumed.curves, whole.curves);
      assert.deepEqual([whole.resumedAfter, resumed.resumedAfter], [[], [2]]);
      assert.deepEqual(bits(resumed.head.parameters), bits(whole.head.parameters));
    });
  }

  it('distils several heads into one, and goes on after an interruption with the same bits', async () => {
    const recipe: Recipe = {
      ...rich,
      distil: { teachers: 2, teacher: { dimension: 24, text: {}, image: { hidden: 40 } }, weight: 0.5 },
    };
    const whole = await trainHead(await options(recipe));
    const alone = await trainHead(await options(rich));
    assert.notDeepEqual(bits(whole.head.parameters), bits(alone.head.parameters));
    // Both teachers have finished their 4 epochs of 10 steps, and the student its first.
    const { resumed, epochs, total } = await resumedAt(92, recipe);
    assert.deepEqual([total, epochs], [120, [2, 3, 4]]);
    assert.deepEqual(resumed.curves, whole.curves);
    assert.deepEqual(bits(resumed.head.parameters), bits(whole.head.parameters));
  });

  it('stops when epochs bring nothing any more, but not before the one asked for', async () => {
    const recipe = { ...small, learningRate: 0.05, epochs: 30, patience: 1 };
    const { epoch, curves } = await trainHead(await options(recipe));
    assert.ok(curves.length < 30);
    assert.equal(curves.length, epoch + 1);
    assert.equal((await trainHead(await options(recipe, { epoch: 30 }))).curves.length, 30);
  });

  it('leaves out what the encoders lack, where the recipe can do without', async () => {
    const [features] = rich.head.image.inputs;
    const image = { ...rich.head.image, inputs: [features!, { ...features!, source: 'corners', optional: true }] };
    const trained = await trainHead(await options({ ...rich, head: { ...rich.head, image } }));
    assert.deepEqual(trained.head.spec.image.inputs, [features]);
    const strict = { ...rich.head.image, inputs: [{ ...features!, source: 'corners' }] };
    await assert.rejects(trainHead(await options({ ...rich, head: { ...rich.head, image: strict } })), {
      code: 'invalid-input',
      message: /expected an image encoder with corners, got logits, features/,
    });
  });

  it('exports the epoch with the lowest validation loss, or the one asked for', async () => {
    const base = await options({ ...small, learningRate: 0.05, epochs: 8 });
    const best = await trainHead(base);
    const lowest = Math.min(...best.curves.map(({ validationLoss }) => validationLoss));
    assert.equal(best.curves[best.epoch - 1]!.validationLoss, lowest);
    const second = await trainHead({ ...base, epoch: 2, resume: true });
    assert.equal(second.epoch, 2);
    assert.deepEqual(second.resumedAfter, []);
    assert.notDeepEqual(bits(second.head.parameters), bits(best.head.parameters));
    await assert.rejects(trainHead({ ...base, epoch: 9 }), { code: 'invalid-input', message: /1 to 8, got 9/ });
  });

  it('takes the pairs that fill no whole batch as a smaller one, where the recipe says so', async () => {
    const steps = async (recipe: Recipe) => {
      const totals: number[] = [];
      const { curves, head } = await trainHead(
        await options({ ...recipe, epochs: 1 }, { onStep: (_, total) => totals.push(total) }),
      );
      return { count: totals.length, total: totals[0], curves, parameters: bits(head.parameters) };
    };
    const [whole, larger] = [await steps({ ...small, batch: 80 }), await steps({ ...small, batch: 96 })];
    assert.deepEqual(larger, whole);
    const [kept, dropped] = [
      await steps({ ...small, batch: 32 }),
      await steps({ ...small, batch: 32, partialBatch: false }),
    ];
    assert.deepEqual([kept.count, kept.total, dropped.count, dropped.total], [3, 3, 2, 2]);
    assert.notDeepEqual(kept.curves, dropped.curves);
    const odd = { ...rich, batch: 60, partialBatch: true };
    assert.equal((await steps(odd)).count, 3);
  });

  it('refuses fewer pairs than a batch', async () => {
    await assert.rejects(trainHead(await options({ ...small, batch: 81, partialBatch: false })), {
      code: 'invalid-input',
      message: /batch of 81 training pairs, got 80/,
    });
  });

  it('refuses to go on when the loss is no number any more', async () => {
    await assert.rejects(trainHead(await options({ ...small, learningRate: 1e38 })), {
      code: 'invalid-input',
      message: /loss to be a number, got NaN in epoch 1/,
    });
  });

  it('refuses the checkpoint of another run, and a damaged one', async () => {
    const base = await options({ ...small, epochs: 1 });
    await trainHead(base);
    const { text } = base.recipe.head;
    const head = { ...base.recipe.head, text: { ...text, hidden: 2 * text.hidden } };
    for (const [other, differs] of [
      [{ seed: 2 }, 'seed 1, this one 2'],
      [{ data: { ...data, key: 'others' } }, 'other captioned pictures or encoders'],
      [
        { recipe: { ...base.recipe, batch: 8, epochs: 3 } },
        `batch ${base.recipe.batch}, this one 8; epochs 1, this one 3`,
      ],
      [{ recipe: { ...base.recipe, head } }, `head.text.hidden ${text.hidden}, this one ${2 * text.hidden}`],
      [{ threads: 2 }, 'threads 1, this one 2'],
    ] as const) {
      const expected = 'expected a checkpoint of the same run; that run has';
      const message = `${join(base.run, 'state.checkpoint')}: ${expected} ${differs}`;
      await assert.rejects(trainHead({ ...base, ...other, resume: true }), { code: 'schema-mismatch', message });
    }
    await truncate(join(base.run, 'state.checkpoint'), 5000);
    await assert.rejects(trainHead({ ...base, resume: true }), { code: 'schema-mismatch', message: /bytes of values/ });
  });
});

describe('the learning rate', () => {
  it('rises linearly and falls along a cosine', () => {
    const at = (t: number) => learningRateAt({ ...rich, learningRate: 1, warmupSteps: 10 }, t, 110);
    assert.deepEqual([at(1), at(5), at(10)], [0.1, 0.5, 1]);
    assert.ok(Math.abs(at(60) - 0.5) < 1e-12 && Math.abs(at(110)) < 1e-12);
    assert.equal(learningRateAt(small, 100, 110), small.learningRate);
  });
});
