import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { closing } from '../../core/util/async-disposable.ts';
import { Random } from '../../training/random.ts';
import { RECIPES, type Recipe } from '../../training/trainer/recipes.ts';
import { createTrainingStep, initialState, type State } from '../../training/trainer/step.ts';

/** Ten steps of the published recipe in PyTorch, float32: from the same start, training here gives the same. */

interface Stored {
  readonly file: string;
  readonly shape: readonly number[];
}
interface Run {
  readonly losses: readonly number[];
  readonly grad0: Readonly<Record<string, Stored>>;
  readonly params: Readonly<Record<string, Stored>>;
}
interface Index {
  readonly batch: number;
  readonly steps: number;
  readonly adam: { readonly lr: number };
  readonly images: Stored;
  readonly texts: Stored;
  readonly params: Readonly<Record<string, Stored>>;
  readonly runs: Readonly<Record<string, Run>>;
}

const folder = new URL('head/', import.meta.url);
const index = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as Index;

/** Maps names in the golden data to ours. */
const NAMES: Readonly<Record<string, string>> = {
  'text_transform.0.weight': 'text.hidden.weight',
  'text_transform.0.bias': 'text.hidden.bias',
  'image_transform.0.weight': 'image.hidden.weight',
  'image_transform.0.bias': 'image.hidden.bias',
  'final.weight': 'output.weight',
  'final.bias': 'output.bias',
};
const TOLERANCE = 1e-5;
/**
 * Adam divides a gradient by its own size, so a gradient of pure rounding error (typical ones here are 1e-4) still
 * makes a full step, in a direction that depends on summation order. One weight of 117,000 starts like that.
 */
const ROUNDING = 2e-9;

function read({ file }: Stored): Float32Array {
  const bytes = readFileSync(new URL(file, folder));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function named(stored: Readonly<Record<string, Stored>>): Map<string, Float32Array> {
  return new Map(Object.entries(stored).map(([name, value]) => [NAMES[name]!, read(value)]));
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>, scale = 1): number {
  assert.equal(a.length, b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! * scale - b[i]!));
  return largest;
}

const widths = { text: index.texts.shape[2]!, image: index.images.shape[2]! };
const directions = { 'one-directional': 'text-to-image', symmetric: 'symmetric' } as const;

describe('the training step against PyTorch', () => {
  for (const [name, run] of Object.entries(index.runs)) {
    it(`${name}: losses, gradients, and parameters after ${index.steps} steps`, async () => {
      const seed = RECIPES.seed!;
      const direction = directions[name as keyof typeof directions];
      const recipe: Recipe = { ...seed, loss: { ...seed.loss, direction } };
      const initial = initialState(recipe, widths, named(index.params));
      await using step = closing(await createTrainingStep({ recipe, widths, threads: 1 }, initial));
      const losses: number[] = [];
      let first: State = new Map();

      const [texts, images] = [read(index.texts), read(index.images)];
      const pictures = new Float32Array(index.batch);
      for (let t = 1; t <= index.steps; t++) {
        const rows = (data: Float32Array, width: number) =>
          data.slice((t - 1) * index.batch * width, t * index.batch * width);
        const batch = { text: rows(texts, widths.text), image: rows(images, widths.image), pictures };
        const random = new Random(0, 'nothing is dropped');
        losses.push(await step.run(batch, { t, learningRate: index.adam.lr, random }));
        if (t === 1) first = new Map([...step.state()].map(([key, value]) => [key, value.slice()]));
      }
      assert.ok(largestDifference(losses, run.losses) < TOLERANCE, `losses ${losses}`);
      for (const [key, expected] of named(run.grad0)) {
        // After the first step the first moment is (1 - beta1) of the gradient.
        const scale = 1 / (1 - recipe.optimizer.beta1);
        const off = largestDifference(first.get(`${key}.moment1`)!, expected, scale);
        assert.ok(off < TOLERANCE, `gradient of ${key} off by ${off}`);
      }
      const start = named(run.grad0);
      let excused = 0;
      for (const [key, expected] of named(run.params)) {
        const actual = step.state().get(key)!;
        assert.equal(actual.length, expected.length);
        for (const [i, value] of actual.entries()) {
          if (Math.abs(value - expected[i]!) < TOLERANCE) continue;
          assert.ok(Math.abs(start.get(key)![i]!) < ROUNDING, `${key}[${i}]: expected ${expected[i]}, got ${value}`);
          excused++;
        }
      }
      assert.ok(excused <= 1, `${excused} weights differ`);
    });
  }
});
