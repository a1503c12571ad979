import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { float32, loadOnnx } from '../../../core/onnx/onnx-session.ts';
import type { JointEmbedding } from '../../../core/types.ts';
import { HalfMatrix } from '../../../training/features/float16-matrix.ts';
import { evaluate } from '../../../training/metrics/retrieval-metrics.ts';
import { Random } from '../../../training/random.ts';
import { TEXT_SIDE, type TextSideRecipe } from '../../../training/trainer/recipes.ts';
import { trainTextSide } from '../../../training/trainer/text-side.ts';
import type { TextSideData } from '../../../training/trainer/text-side-data.ts';
import { normaliseRows } from '../../../training/trainer/text-side-data.ts';
import { headGraph } from '../../../training/trainer/write-head.ts';

const DIMENSION = 8;
const WIDTH = 12;
const PICTURES = 300;
const PHRASES = 30;
const recipe: TextSideRecipe = {
  ...TEXT_SIDE,
  text: { ...TEXT_SIDE.text, hidden: 64, inputDropout: 0, hiddenDropout: 0.1 },
  batch: 60,
  epochs: 12,
  learningRate: 5e-3,
  // Synthetic captions are pulled to the pictures themselves: a stronger pull would leave little to learn from pairs.
  pull: 3,
  warmupSteps: 5,
  average: 0.9,
};

function random(length: number, own: Random): Float32Array {
  return Float32Array.from({ length }, () => own.normal());
}

/**
 * Random pictures, each with captions in three languages; each language transforms the picture's vector differently.
 */
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
      pictures: PICTURES,
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
    // Chance would be 11.
    assert.ok(recallSum > 400, `${recallSum}`);
  });

  it('brings phrases, which have no picture, to the vector of another text', async () => {
    const { data } = invented(7);
    const own = new Random(7, 'phrases');
    const vectors = random(PHRASES * DIMENSION, own);
    normaliseRows(vectors, DIMENSION);
    const vectorOf = (p: number) => vectors.slice(p * DIMENSION, (p + 1) * DIMENSION) as JointEmbedding;
    const turn = random(DIMENSION * WIDTH, own);
    const texts = Float32Array.from({ length: PHRASES * WIDTH }, (_, at) =>
      vectorOf(Math.floor(at / WIDTH)).reduce((sum, value, d) => sum + value * turn[d * WIDTH + (at % WIDTH)]!, 0),
    );
    const rows = data.captions.rows;
    const captions = new HalfMatrix(rows + PHRASES, WIDTH);
    captions.values.set(data.captions.values);
    captions.values.set(texts, rows * WIDTH);
    const numbers = [...Array(PHRASES).keys()];
    const withPhrases: TextSideData = {
      ...data,
      captions,
      languages: [...data.languages, { lang: 'phrases', first: rows, end: rows + PHRASES }],
      pictureOf: Uint32Array.from([...data.pictureOf, ...numbers.map((p) => PICTURES + p)]),
      captionsOf: [...data.captionsOf, ...numbers.map((p) => [rows + p])],
      images: [...data.images, ...numbers.map((p) => [vectorOf(p)])],
      targets: Float32Array.from([...data.targets, ...vectors]),
    };
    const cosine = async (given: TextSideData) => {
      const side = await trainTextSide({
        recipe: { ...recipe, pull: 30, balance: 0 },
        data: given,
        seed: 1,
        threads: 1,
      });
      const found = await embed(headGraph(side, ['text']), texts);
      return found.reduce((sum, value, at) => sum + value * vectors[at]!, 0) / PHRASES;
    };
    const [without, learned] = [await cosine(data), await cosine(withPhrases)];
    assert.ok(without < 0.3 && learned > 0.6, `${without}, ${learned}`);
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

  it('goes a part of the way from a side that it goes on from', async () => {
    const { data } = invented(6);
    const short = { ...recipe, epochs: 2 };
    const start = await trainTextSide({ recipe: short, data, seed: 1, threads: 1 });
    const sideAt = (way: number) => trainTextSide({ recipe: { ...short, way }, data, start, seed: 2, threads: 1 });
    const [half, whole] = [await sideAt(0.5), await sideAt(1)];
    const values = ({ parameters }: typeof start) => parameters.get('text.hidden.weight')!;
    let moved = 0;
    for (const [i, from] of values(start).entries()) {
      const to = values(whole)[i]!;
      moved = Math.max(moved, Math.abs(to - from));
      assert.ok(Math.abs(values(half)[i]! - (from + to) / 2) < 1e-6);
    }
    assert.ok(moved > 0.01, `${moved}`);
  });

  it('refuses fewer captions than a batch', async () => {
    const { data } = invented(5);
    const training = trainTextSide({ recipe: { ...recipe, batch: 5000 }, data, seed: 1, threads: 1 });
    await assert.rejects(training, { code: 'invalid-input', message: /at least 5000 captions, got 900/ });
  });
});
