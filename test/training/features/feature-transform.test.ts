import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import type { PairSet } from '../../../training/features/extract.ts';
import {
  type FeatureTransform,
  fitTransform,
  type TowerInput,
  type TransformedPairs,
  transformPairs,
  transformRows,
} from '../../../training/features/feature-transform.ts';
import { HalfMatrix, type HalfRows } from '../../../training/features/float16-matrix.ts';
import { jointCovariance } from '../../../training/features/moments.ts';
import { makePseudoFeatures } from '../../../training/features/pseudo-features.ts';
import { Random } from '../../../training/random.ts';
import { type HeadSpec, RECIPES } from '../../../training/trainer/recipes.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const ROWS = 3000;

const folder = tempFolder();
const open: TransformedPairs[] = [];
after(async () => {
  for (const pairs of open) await pairs.close();
  assert.deepEqual(await readdir(folder), []);
});

async function transformAll(transform: FeatureTransform, data: PairSet): Promise<TransformedPairs> {
  const transformed = await transformPairs(transform, data, folder);
  open.push(transformed);
  return transformed;
}

/** `things` hidden causes seen through a random linear map, with a little independent noise per column. */
function madeUp(random: Random, things: number, columns: number, causes: Float32Array): HalfMatrix {
  const map = Array.from({ length: things * columns }, () => random.normal());
  const matrix = new HalfMatrix(ROWS, columns);
  for (let r = 0; r < ROWS; r++) {
    matrix.set(
      r,
      Float32Array.from({ length: columns }, (_, c) => {
        let sum = 2 + 0.1 * random.normal();
        for (let t = 0; t < things; t++) sum += causes[r * things + t]! * map[t * columns + c]!;
        return sum;
      }),
    );
  }
  return matrix;
}

function pairs(things = 4): PairSet {
  const random = new Random(5, 'pairs');
  const causes = Float32Array.from({ length: ROWS * things }, () => random.normal());
  const logits = madeUp(random, things, 12, causes);
  return {
    pictures: Array.from({ length: ROWS }, (_, i) => ({
      image: `${i}`,
      captions: ['a'],
      split: 'train',
      sha256: null,
    })),
    augmented: [{ features: madeUp(random, things, 8, causes), logits }],
    captions: madeUp(random, things, 6, causes),
    firstCaption: Uint32Array.from({ length: ROWS + 1 }, (_, i) => i),
  };
}

function spec(image: TowerInput[]): HeadSpec {
  const { head } = RECIPES.seed!;
  return { ...head, image: { ...head.image, inputs: image } };
}

const input = (source: string, more: Partial<TowerInput> = {}): TowerInput => ({
  source,
  first: 'none',
  transform: 'standardise',
  ...more,
});

function columnsOf(matrix: HalfRows): number[][] {
  const rows = Array.from({ length: matrix.rows }, (_, r) => [...matrix.row(r)]);
  return Array.from({ length: matrix.columns }, (_, c) => rows.map((row) => row[c]!));
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const covarianceOf = (a: number[], b: number[]) => {
  const [ma, mb] = [mean(a), mean(b)];
  return mean(a.map((x, i) => (x - ma) * (b[i]! - mb)));
};

const without = { textOutputs: { embedding: 6 }, classes: null };

describe('the feature transform', () => {
  it('standardises columns and puts inputs side by side', async () => {
    const data = pairs();
    const transform = await fitTransform(spec([input('features'), input('logits')]), data, without);
    const { images, texts } = await transformAll(transform, data);
    assert.equal(images[0]!.columns, 20);
    for (const column of columnsOf(images[0]!)) {
      assert.ok(Math.abs(mean(column)) < 1e-3);
      assert.ok(Math.abs(covarianceOf(column, column) - 1) < 5e-3);
    }
    // The published recipe's text input: rows of unit length.
    for (let r = 0; r < 20; r++) assert.ok(Math.abs(Math.hypot(...texts.row(r)) - 1) < 1e-3);
  });

  it('names a picture by its ten likeliest classes', async () => {
    const data = pairs();
    const names = { vectors: Float32Array.from({ length: 36 }, (_, i) => Math.sin(i)), count: 12 };
    const classes = input('logits', { first: 'class-names', transform: 'none' });
    const { images } = await transformAll(
      await fitTransform(spec([classes]), data, { ...without, classes: names }),
      data,
    );
    for (const row of [0, 17, 2999]) {
      const logits = [...data.augmented[0]!.logits!.row(row)];
      const top = logits
        .map((logit, c) => ({ logit, c }))
        .sort((a, b) => b.logit - a.logit)
        .slice(0, 10);
      const total = top.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
      const expected = [0, 1, 2].map((d) =>
        top.reduce((sum, { logit, c }) => sum + (Math.exp(logit) / total) * names.vectors[c * 3 + d]!, 0),
      );
      for (const [d, value] of images[0]!.row(row).entries()) assert.ok(Math.abs(value - expected[d]!) < 1e-3);
    }
    // Serving feeds no rows to the tower it does not use.
    const none = new HalfMatrix(0, 12);
    const transform = await fitTransform(spec([classes]), data, { ...without, classes: names });
    assert.equal((await transformRows(transform.image, [none])).rows, 0);
    await assert.rejects(fitTransform(spec([classes]), data, without), /names of 12 classes, got none/);
  });
});

describe('moments', () => {
  it('agree with the definition', async () => {
    const { features, logits } = pairs().augmented[0]!;
    const [f, l] = [columnsOf(features!), columnsOf(logits!)];
    const joint = await jointCovariance([features!, logits!], 1);
    const all = [...f, ...l];
    for (let i = 0; i < 12; i++)
      for (let j = 0; j < 20; j++) near(joint.covariances[i * 20 + j]!, covarianceOf(l[i]!, all[j]!));
    for (const [j, value] of joint.mean.entries()) near(value, mean(all[j]!));
  });
});

function near(actual: number, expected: number): void {
  assert.ok(
    Math.abs(actual - expected) < 1e-3 * Math.max(1, Math.abs(expected)),
    `expected ${expected}, got ${actual}`,
  );
}

describe('pseudo-features', () => {
  it('raise the logit of their class above the others', async () => {
    // As many causes as classes, so that no class is a mixture of others.
    const data = pairs(12);
    const means = columnsOf(data.augmented[0]!.logits!).map(mean);
    const made = await makePseudoFeatures(data, { batch: 4, variants: 3, noise: 0 }, 1);
    assert.equal(made.outputs.logits!.rows, 36);
    assert.deepEqual([...made.classOf.subarray(0, 6)], [0, 0, 0, 1, 1, 1]);
    let right = 0;
    for (const [row, c] of made.classOf.entries()) {
      // Columns differ in mean and spread, unlike those of a classifier, so only the added part is compared.
      const added = [...made.outputs.logits!.row(row)].map((x, i) => x - means[i]!);
      if (added[c] === Math.max(...added)) right++;
    }
    assert.ok(right >= 34, `${right} of 36`);
  });

  it('are the same for the same seed', async () => {
    const data = pairs();
    const make = (seed: number) => makePseudoFeatures(data, { batch: 4, variants: 2, noise: 0.5 }, seed);
    assert.deepEqual((await make(1)).outputs.features!.values, (await make(1)).outputs.features!.values);
    assert.notDeepEqual((await make(1)).outputs.features!.values, (await make(2)).outputs.features!.values);
  });
});
