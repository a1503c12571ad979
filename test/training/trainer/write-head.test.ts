import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { float32, loadOnnx } from '../../../core/onnx/onnx-session.ts';
import { type InputTransform, transformRows } from '../../../training/features/feature-transform.ts';
import { HalfMatrix } from '../../../training/features/float16-matrix.ts';
import { Random } from '../../../training/random.ts';
import { headParameters, initialise } from '../../../training/trainer/head-graph.ts';
import { type HeadSpec, RECIPES } from '../../../training/trainer/recipes.ts';
import { headGraph } from '../../../training/trainer/write-head.ts';

const random = new Random(2, 'export');
const normal = (length: number) => Float32Array.from({ length }, () => random.normal());

function inputTransform(source: string, first: 'none' | 'class-names', width: number, columns: number): InputTransform {
  return {
    spec: { source, first, transform: 'standardise' },
    width,
    columns,
    place: { from: source, columns: width, start: 0 },
    constants: {
      mean: { values: normal(columns), shape: [columns] },
      scale: { values: normal(columns), shape: [columns] },
      ...(first === 'class-names' ? { classes: { values: normal(width * columns), shape: [width, columns] } } : {}),
    },
  };
}

const base = RECIPES.best!.head;
const spec: HeadSpec = {
  dimension: 8,
  sharedOutput: false,
  stored: 'float16',
  text: { ...base.text, hidden: 16 },
  image: { ...base.image, hidden: 16 },
};
const transform = {
  text: [inputTransform('text', 'none', 6, 6)],
  image: [inputTransform('features', 'none', 10, 10), inputTransform('logits', 'class-names', 12, 5)],
};
const parameters = initialise(headParameters(spec, { text: 6, image: 15 }), random);

/** One row, computed by the definition. */
function naive(side: 'text' | 'image', row: readonly number[]): number[] {
  const layer = (name: string, x: readonly number[]) => {
    const [weight, bias] = [parameters.get(`${name}.weight`)!, parameters.get(`${name}.bias`)];
    const out = weight.length / x.length;
    return Array.from({ length: out }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * weight[o * x.length + i]!, bias?.[o] ?? 0),
    );
  };
  const hidden = layer(`${side}.hidden`, row).map((x) => Math.max(x, 0));
  const skip = layer(`${side}.skip`, row);
  const out = layer(`${side}.output`, hidden).map((x, i) => x + skip[i]!);
  return out.map((x) => x / Math.hypot(...out));
}

describe('head.onnx', () => {
  // Transformed rows are float16 here, and int8 weights have steps of 1/64 of the largest one.
  for (const [stored, tolerance] of [
    ['float16', 5e-3],
    ['int8', 3e-2],
  ] as const) {
    it(`takes raw encoder outputs and does what the layers say, stored as ${stored}`, async () => {
      await checkHead({ ...spec, stored }, tolerance);
    });
  }

  it('answers for one side when the other has no rows', async () => {
    for (const stored of ['float16', 'int8'] as const) {
      const onnx = await loadOnnx(headGraph({ spec: { ...spec, stored }, transform, parameters }), { threads: 1 });
      const answer = await onnx.run(
        {
          text: float32(normal(6), [1, 6]),
          features: float32(new Float32Array(0), [0, 10]),
          logits: float32(new Float32Array(0), [0, 12]),
        },
        ['text_embedding'],
      );
      assert.deepEqual(answer.text_embedding!.dims, [1, 8]);
      await onnx.release();
    }
  });
});

async function checkHead(own: HeadSpec, tolerance: number): Promise<void> {
  const onnx = await loadOnnx(headGraph({ spec: own, transform, parameters }), { threads: 1 });
  const [text, features, logits] = [normal(2 * 6), normal(3 * 10), normal(3 * 12)];
  const answer = await onnx.run({
    text: float32(text, [2, 6]),
    features: float32(features, [3, 10]),
    logits: float32(logits, [3, 12]),
  });
  const half = (values: Float32Array, rows: number) => {
    const matrix = new HalfMatrix(rows, values.length / rows);
    for (let r = 0; r < rows; r++) matrix.set(r, values.subarray(r * matrix.columns, (r + 1) * matrix.columns));
    return matrix;
  };
  const inputs = {
    text: await transformRows(transform.text, [half(text, 2)]),
    image: await transformRows(transform.image, [half(features, 3), half(logits, 3)]),
  };
  for (const [side, rows] of [
    ['text', 2],
    ['image', 3],
  ] as const) {
    const embedding = answer[`${side}_embedding`]!.data as Float32Array;
    for (let r = 0; r < rows; r++) {
      const expected = naive(side, [...inputs[side].row(r)]);
      for (const [i, x] of expected.entries())
        assert.ok(Math.abs(x - embedding[r * 8 + i]!) < tolerance, `${side} ${r} ${i}`);
    }
  }
  await onnx.release();
}
