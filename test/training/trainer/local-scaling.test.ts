import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Head } from '../../../core/encode/head.ts';
import { OnnxGraph } from '../../../core/onnx/graph-builder.ts';
import { float32, loadOnnx } from '../../../core/onnx/onnx-session.ts';
import type { JointEmbedding } from '../../../core/types.ts';
import { dot } from '../../../core/util/vector-arithmetic.ts';
import { Random } from '../../../training/random.ts';
import { Tape } from '../../../training/trainer/autodiff.ts';
import { addLocalScaling, type Banks, bankOf, learnedSpace } from '../../../training/trainer/local-scaling.ts';

const WIDTH = 24;
const random = new Random(3, 'scaling');
const normalise = (values: Float32Array) => values.map((value) => value / Math.hypot(...values));
const vector = () => normalise(Float32Array.from({ length: WIDTH }, () => random.normal()));
const vectors = (count: number) => Array.from({ length: count }, vector);
const joined = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap((row) => [...row]));

async function scaled(side: 'text' | 'image', rows: readonly Float32Array[], banks: Banks): Promise<Float32Array[]> {
  const tape = new Tape(new OnnxGraph());
  const { graph } = tape;
  const input = tape.value(graph.input('rows', 'float32', ['n', WIDTH]), ['n', WIDTH]);
  graph.output('out', addLocalScaling(tape, side, input, banks).name, 'float32', ['n', WIDTH + 2]);
  const model = await loadOnnx(graph.toBytes());
  const { out } = await model.run({ rows: float32(joined(rows), [rows.length, WIDTH]) });
  await model.release();
  const data = out!.data as Float32Array;
  return rows.map((_, i) => data.slice(i * (WIDTH + 2), (i + 1) * (WIDTH + 2)));
}

/** The mean cosine to the ten nearest, by the definition. */
const nearness = (one: Float32Array, bank: readonly Float32Array[]) => {
  const nearest = bank.map((other) => dot(one, other)).sort((a, b) => b - a);
  return nearest.slice(0, 10).reduce((sum, value) => sum + value, 0) / Math.min(10, bank.length);
};

describe('local scaling', () => {
  const [texts, images] = [vectors(300), vectors(200)];
  const banks = { text: joined(texts), image: joined(images) };

  it('orders pictures for a text, and texts for a picture, by the cosine less half of both nearnesses', async () => {
    const [ownTexts, ownImages] = [vectors(40), vectors(50)];
    const [t, v] = [await scaled('text', ownTexts, banks), await scaled('image', ownImages, banks)];
    for (const one of [...t, ...v]) assert.ok(Math.abs(Math.hypot(...one) - 1) < 1e-5);
    const expected = ownTexts.map((text) =>
      ownImages.map((image) => dot(text, image) - nearness(text, images) / 2 - nearness(image, texts) / 2),
    );
    // The lengths before normalisation differ a little, and layers are int8.
    const lengths = 1.09;
    const shift =
      0.5 * (mean(texts.map((text) => nearness(text, images))) + mean(images.map((one) => nearness(one, texts))));
    for (const [i, row] of expected.entries()) {
      for (const [k, value] of row.entries()) {
        const got = dot(t[i]!, v[k]!) * lengths - shift;
        assert.ok(Math.abs(got - value) < 0.03, `${got} instead of ${value}`);
      }
    }
  });

  it('takes the first place from a picture that is near to every text', async () => {
    const towards = normalise(
      texts.reduce((sum, text) => sum.map((value, i) => value + text[i]!), new Float32Array(WIDTH)),
    );
    const between = (a: Float32Array, b: Float32Array) => normalise(a.map((value, i) => value + b[i]!));
    const [text] = texts;
    const [own, hub] = [between(text!, vector()), towards];
    const [t] = await scaled('text', [text!], banks);
    const [v, h] = await scaled('image', [own, hub], banks);
    const gain = dot(t!, v!) - dot(t!, h!) - (dot(text!, own) - dot(text!, hub)) / 1.09;
    assert.ok(gain > 0, `the hub stays as near: ${gain}`);
  });

  it('does not need as many neighbours as there are for large banks', async () => {
    const few = { text: joined(texts.slice(0, 3)), image: joined(images.slice(0, 2)) };
    const [one] = await scaled('image', [images[5]!], few);
    assert.ok(one!.every(Number.isFinite));
  });

  it('leaves the space as it was learned for training that continues in it', async () => {
    const banks = { text: joined(texts), image: joined(images) };
    const [image] = await scaled('image', [images[0]!], banks);
    const project = async () => [image as JointEmbedding];
    const space = (localScaling: boolean) => {
      const info = { dimension: WIDTH + 2, training: { recipe: { head: { localScaling } } } };
      return learnedSpace({ ...info, info, projectImages: project, projectTexts: project } as unknown as Head);
    };
    const learned = space(true);
    assert.deepEqual([learned.dimension, learned.localScaling], [WIDTH, true]);
    const [again] = await learned.projectImages([{}]);
    for (const [i, value] of images[0]!.entries()) assert.ok(Math.abs(again![i]! - value) < 1e-5);
    const other = space(false);
    assert.deepEqual([other.dimension, other.localScaling, await other.projectTexts([])], [WIDTH + 2, false, [image]]);
  });

  it('represents many rows by evenly spaced ones', () => {
    const bank = bankOf(10_000, (row) => Float32Array.of(row));
    assert.deepEqual([bank.length, bank[0], bank[1], bank.at(-1)], [4096, 0, 2, 9997]);
    assert.deepEqual([...bankOf(3, (row) => Float32Array.of(row, -row))], [0, -0, 1, -1, 2, -2]);
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
