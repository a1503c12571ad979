import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { float32, loadOnnx } from '../../../core/onnx/session.ts';
import type { JointEmbedding } from '../../../core/types.ts';
import { dot } from '../../../core/vector-arithmetic.ts';
import { HalfMatrix } from '../../../training/features/float16-matrix.ts';
import { evaluate } from '../../../training/metrics/metrics.ts';
import { Random } from '../../../training/random.ts';
import { headGraph } from '../../../training/trainer/export.ts';
import { TEXT_SIDE, type TextSideRecipe } from '../../../training/trainer/recipes.ts';
import { normaliseRows, trainTextSide } from '../../../training/trainer/text-side.ts';
import type { TextSideData } from '../../../training/trainer/text-side-data.ts';

const DIMENSION = 8;
const WIDTH = 12;
const PICTURES = 300;
const recipe: TextSideRecipe = {
  ...TEXT_SIDE,
  text: { ...TEXT_SIDE.text, hidden: 64, inputDropout: 0, hiddenDropout: 0.1 },
  batch: 60,
  epochs: 12,
  learningRate: 5e-3,
  // What is invented is pulled to the pictures themselves: a stronger pull would leave little to be learned from pairs.
  pull: 3,
  warmupSteps: 5,
  average: 0.9,
};

function random(length: number, own: Random): Float32Array {
  return Float32Array.from({ length }, () => own.normal());
}

/** Pictures anywhere, each with a caption in three languages, which turn the picture's vector each in its own way. */
function invented(seed: number): { data: TextSideData; test: Float32Array; images: Float32Array } {
  const own = new Random(seed, 'invented');
  const all = random(2 * PICTURES * DIMENSION, own);
  normaliseRows(all, DIMENSION);
  const images = all.subarray(0, PICTURES * DIMENSION);
  const languages = ['en', 'de', 'zh'].map((lang) => ({ lang, turn: random(DIMENSION * WIDTH, own) }));
  const turned = (vectors: Float32Array, turn: Float32Array) =>
    Float32Array.from({ length: (vectors.length / DIMENSION) * WIDTH }, (_, at) => {
      const [row, column] = [Math.floor(at / WIDTH), at % WIDTH];
      let sum = 0.05 * own.normal();
      for (let d = 0; d < DIMENSION; d++) sum += vectors[row * DIMENSION + d]! * turn[d * WIDTH + column]!;
      return sum;
    });
  const captions = new HalfMatrix(3 * PICTURES, WIDTH);
  for (const [l, { turn }] of languages.entries()) captions.values.set(turned(images, turn), l * PICTURES * WIDTH);
  return {
    images: all.subarray(PICTURES * DIMENSION),
    test: turned(all.subarray(PICTURES * DIMENSION), languages[1]!.turn),
    data: {
      dimension: DIMENSION,
      textOutputs: { embedding: WIDTH },
      captions,
      languages: languages.map(({ lang }, l) => ({ lang, first: l * PICTURES, end: (l + 1) * PICTURES })),
      pictureOf: Uint32Array.from({ length: 3 * PICTURES }, (_, i) => i % PICTURES),
      captionsOf: Array.from({ length: PICTURES }, (_, i) => [i, i + PICTURES, i + 2 * PICTURES]),
      images: Array.from({ length: PICTURES }, (_, i) => [
        images.slice(i * DIMENSION, (i + 1) * DIMENSION) as JointEmbedding,
      ]),
      targets: Float32Array.from({ length: 3 * PICTURES * DIMENSION }, (_, i) => images[i % images.length]!),
    },
  };
}

async function embed(graph: Uint8Array, texts: Float32Array): Promise<Float32Array> {
  const onnx = await loadOnnx(graph, { threads: 1 });
  const answer = await onnx.run({ text: float32(texts, [texts.length / WIDTH, WIDTH]) }, ['text_embedding']);
  await onnx.release();
  return answer.text_embedding!.data as Float32Array;
}

describe('training a text side into a space', () => {
  it('brings captions of every language to their pictures, also of pictures it never saw', async () => {
    const { data, test, images } = invented(3);
    const losses: number[] = [];
    const onEpoch = (_: number, loss: number) => void losses.push(loss);
    const side = await trainTextSide({ recipe, data, seed: 1, threads: 1, onEpoch });
    assert.equal(losses.length, 12);
    assert.ok(losses.at(-1)! < losses[0]! / 2, losses.join(', '));
    const texts = await embed(headGraph(side, ['text']), test);
    const firstCaption = Uint32Array.from({ length: PICTURES + 1 }, (_, i) => i);
    const { recallSum } = await evaluate({ texts, images, firstCaption, dimension: DIMENSION });
    // By chance 11.
    assert.ok(recallSum > 400, `${recallSum}`);
  });

  it('gives the same bits for the same seed, and others for another', async () => {
    const { data } = invented(4);
    const short = { ...recipe, epochs: 2 };
    const graph = async (seed: number) =>
      Buffer.from(headGraph(await trainTextSide({ recipe: short, data, seed, threads: 1 }), ['text']));
    const first = await graph(1);
    assert.ok(first.equals(await graph(1)));
    assert.ok(!first.equals(await graph(2)));
  });

  it('puts towers of several seeds beside each other, the first of which is that of the seed alone', async () => {
    const { data, test } = invented(6);
    const short = { ...recipe, epochs: 2, stored: 'float16' as const };
    const one = await trainTextSide({ recipe: short, data, seed: 1, threads: 1 });
    const wide = { ...short, towers: 2, text: { ...short.text, hidden: 2 * short.text.hidden } };
    const both = await trainTextSide({ recipe: wide, data, seed: 1, threads: 1 });
    const values = ({ parameters }: typeof one, name: string) => parameters.get(`text.${name}`)!;
    const hidden = values(one, 'hidden.weight');
    assert.deepEqual(values(both, 'hidden.weight').subarray(0, hidden.length), hidden);
    assert.equal(values(both, 'hidden.weight').length, 2 * hidden.length);
    const second = await trainTextSide({ recipe: short, data, seed: 1_000_004, threads: 1 });
    assert.deepEqual(values(both, 'hidden.weight').subarray(hidden.length), values(second, 'hidden.weight'));
    const [a, b, mean] = await Promise.all([one, second, both].map((side) => embed(headGraph(side, ['text']), test)));
    const agreement = (x: Float32Array, y: Float32Array) => dot(x, y) / PICTURES;
    assert.ok(agreement(mean!, a!) > agreement(a!, b!), 'the mean is nearer to each than they are to each other');
    assert.ok(agreement(mean!, b!) > agreement(a!, b!));
  });

  it('tells texts apart among the pictures of a batch just as well, where the recipe says so', async () => {
    const { data } = invented(7);
    const losses: number[] = [];
    const batches = { ...recipe, among: 'batch' as const };
    await trainTextSide({ recipe: batches, data, seed: 1, threads: 1, onEpoch: (_, loss) => void losses.push(loss) });
    const all: number[] = [];
    await trainTextSide({ recipe, data, seed: 1, threads: 1, onEpoch: (_, loss) => void all.push(loss) });
    assert.ok(losses.at(-1)! < losses[0]! / 2, losses.join(', '));
    // The right one of 300 is harder to tell than that of 60.
    assert.ok(all[0]! > losses[0]!, `${all[0]} among all, ${losses[0]} in a batch`);
  });

  it('refuses fewer captions than a batch', async () => {
    const { data } = invented(5);
    const training = trainTextSide({ recipe: { ...recipe, batch: 5000 }, data, seed: 1, threads: 1 });
    await assert.rejects(training, { code: 'invalid-input', message: /at least 5000 captions, got 900/ });
  });
});
