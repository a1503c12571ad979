import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OnnxGraph } from '../../../core/onnx/graph-builder.ts';
import { float32, loadOnnx } from '../../../core/onnx/onnx-session.ts';
import { Random } from '../../../training/random.ts';
import { Tape, type Value } from '../../../training/trainer/autodiff.ts';
import { addContrastiveLoss } from '../../../training/trainer/loss.ts';
import type { LossSpec } from '../../../training/trainer/recipes.ts';

/** Checks every rule against central differences of the forward pass, the slow and obvious way to a gradient. */

type Shapes = Readonly<Record<string, readonly number[]>>;

const STEP = 1e-2;
/** Error of central differences in float32 for values near 1. */
const TOLERANCE = 2e-3;

async function checkGradients(
  shapes: Shapes,
  build: (tape: Tape, parameters: Record<string, Value>) => Value,
  start?: (name: string, i: number) => number,
): Promise<void> {
  const tape = new Tape(new OnnxGraph());
  const parameters = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, tape.parameter(name, shape)]),
  );
  const result = build(tape, parameters);
  // A random weight per element, so that no gradient cancels out in a plain sum.
  const random = new Random(7, 'weights');
  const size = (result.shape as number[]).reduce((a, b) => a * b, 1);
  const weights = Float32Array.from({ length: size }, () => random.normal());
  const loss = tape.sum(
    tape.multiply(result, tape.value(tape.graph.weights(weights, result.shape as number[]), result.shape)),
  );
  const names = Object.keys(shapes);
  const gradients = tape.gradients(
    loss,
    names.map((name) => parameters[name]!),
  );
  tape.graph.output('loss', loss.name, 'float32', []);
  for (const [i, name] of names.entries()) tape.graph.output(`d_${name}`, gradients[i]!, 'float32', shapes[name]!);
  const onnx = await loadOnnx(tape.graph.toBytes(), { threads: 1 });
  const values = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, Float32Array.from({ length }, (_, i) => start?.(name, i) ?? random.normal())];
    }),
  );
  const run = (fed: Record<string, Float32Array>) =>
    onnx.run(Object.fromEntries(names.map((name) => [name, float32(fed[name]!, shapes[name]!)])));
  try {
    const answer = await run(values);
    for (const name of names) {
      const gradient = answer[`d_${name}`]!.data as Float32Array;
      assert.equal(gradient.length, values[name]!.length);
      for (let i = 0; i < gradient.length; i++) {
        const moved = async (by: number) => {
          const copy = values[name]!.slice();
          copy[i]! += by;
          return ((await run({ ...values, [name]: copy })).loss!.data as Float32Array)[0]!;
        };
        const slope = ((await moved(STEP)) - (await moved(-STEP))) / (2 * STEP);
        const allowed = TOLERANCE * Math.max(1, Math.abs(slope));
        assert.ok(
          Math.abs(slope - gradient[i]!) < allowed,
          `d/d${name}[${i}]: expected about ${slope}, got ${gradient[i]}`,
        );
      }
    }
  } finally {
    await onnx.release();
  }
}

/** Values away from 0, where relu has its kink. */
const awayFromZero = (_: string, i: number) => (i % 2 === 0 ? 1 : -1) * (0.3 + 0.1 * (i % 7));

describe('gradients against finite differences', () => {
  it('linear with and without bias', async () => {
    await checkGradients({ a: [3, 4], b: [2, 4], c: [2] }, (tape, { a, b, c }) => tape.linear(a!, b!, c!));
    await checkGradients({ a: [3, 4], b: [2, 4] }, (tape, { a, b }) => tape.linear(a!, b!));
  });

  it('a value used twice', async () => {
    await checkGradients({ a: [3, 4] }, (tape, { a }) => tape.linear(a!, a!));
  });

  for (const [name, b] of Object.entries({ same: [3, 4], row: [4], column: [3, 1], one: [1, 4], scalar: [] })) {
    it(`add and multiply, broadcasting a ${name}`, async () => {
      await checkGradients({ a: [3, 4], b }, (tape, { a, b }) => tape.add(a!, b!));
      await checkGradients({ a: [3, 4], b }, (tape, { a, b }) => tape.multiply(b!, a!));
    });
  }

  it('relu', async () => {
    await checkGradients({ a: [3, 5] }, (tape, { a }) => tape.relu(a!), awayFromZero);
  });

  it('exp and clampAbove', async () => {
    await checkGradients({ a: [6] }, (tape, { a }) => tape.exp(a!));
    await checkGradients({ a: [9] }, (tape, { a }) => tape.clampAbove(a!, 0.45), awayFromZero);
  });

  it('l2Normalise', async () => {
    await checkGradients({ a: [4, 3] }, (tape, { a }) => tape.l2Normalise(a!));
  });

  it('crossEntropy along both axes', async () => {
    const target = (tape: Tape, values: number[]) =>
      tape.value(tape.graph.weights(Float32Array.from(values), [2, 3]), [2, 3]);
    await checkGradients({ a: [2, 3] }, (tape, { a }) =>
      tape.crossEntropy(a!, target(tape, [0.2, 0.3, 0.5, 1, 0, 0]), 1),
    );
    await checkGradients({ a: [2, 3] }, (tape, { a }) =>
      tape.crossEntropy(a!, target(tape, [0.2, 0, 0.5, 0.8, 1, 0.5]), 0),
    );
  });

  it('the contrastive loss with a learned temperature and masked captions', async () => {
    const spec: LossSpec = {
      direction: 'symmetric',
      temperature: 0.5,
      learnTemperature: true,
      maskSamePicture: true,
    };
    await checkGradients({ text: [4, 3], image: [4, 3], scale: [] }, (tape, { text, image, scale }) =>
      addContrastiveLoss(tape, spec, {
        text: tape.l2Normalise(text!),
        image: tape.l2Normalise(image!),
        pictures: tape.value(tape.graph.weights(Float32Array.of(0, 1, 0, 2), [4]), [4]),
        logScale: scale!,
        teacher: null,
      }),
    );
  });

  it('the contrastive loss with teachers in its target', async () => {
    const spec: LossSpec = {
      direction: 'symmetric',
      temperature: 0.5,
      learnTemperature: false,
      maskSamePicture: true,
    };
    const rows = (tape: Tape, seed: number) => {
      const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(seed + 3 * i));
      return tape.value(tape.graph.weights(values, [4, 6]), [4, 6]);
    };
    await checkGradients({ text: [4, 3], image: [4, 3] }, (tape, { text, image }) =>
      addContrastiveLoss(tape, spec, {
        text: tape.l2Normalise(text!),
        image: tape.l2Normalise(image!),
        pictures: tape.value(tape.graph.weights(Float32Array.of(0, 1, 0, 2), [4]), [4]),
        logScale: null,
        teacher: { text: rows(tape, 1), image: rows(tape, 2), weight: 0.5 },
      }),
    );
  });
});

describe('the tape', () => {
  it('refuses a parameter that the loss does not depend on', () => {
    const tape = new Tape(new OnnxGraph());
    const [a, b] = [tape.parameter('a', [2]), tape.parameter('b', [2])];
    assert.throws(() => tape.gradients(tape.sum(a), [a, b]), /depend on b/);
  });

  it('refuses shapes that do not broadcast', () => {
    const tape = new Tape(new OnnxGraph());
    assert.throws(() => tape.add(tape.parameter('a', [2, 3]), tape.parameter('b', [2])), /\[2, 3\] and \[2\]/);
  });
});
