// npm run bench -- head
// The head's share of the time for a vector, and the gain from int8 weights.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEncoders } from '../core/encode/encoder-pair.ts';
import { loadHead } from '../core/encode/head.ts';
import { headBytes } from '../core/encode/head-file.ts';
import { float32, loadOnnx } from '../core/onnx/onnx-session.ts';
import { type FeatureTransform, transformedWidth } from '../training/features/feature-transform.ts';
import { Random } from '../training/random.ts';
import { headParameters, initialise } from '../training/trainer/head-graph.ts';
import { type HeadSpec, RECIPES, recipeFor } from '../training/trainer/recipes.ts';
import { headGraph } from '../training/trainer/write-head.ts';
import { interleaved, median } from './support/measuring.ts';

const models = fileURLToPath(new URL('../models', import.meta.url));
const ROUNDS = 400;
const FOUR = 4;

type Work = () => Promise<unknown>;

export async function run(): Promise<void> {
  const encoders = await loadEncoders({ modelDirs: [models], threads: 1 });
  const sizes = { text: encoders.text.outputs, image: encoders.image.outputs };
  const text = new Float32Array(encoders.text.dimension).map(() => Math.random());
  const picture = Object.fromEntries(
    Object.entries(sizes.image).map(([name, size]) => [name, new Float32Array(size).map(() => Math.random())]),
  );
  const committed = await loadHead(join(models, encoders.profile.head ?? 'head-compact'), encoders);
  await encoders.close();
  const heads: Record<string, { bytes: number; text: Work; picture: Work; four: Work }> = {
    'the committed head': {
      bytes: headBytes(committed.info),
      text: () => committed.projectTexts([text]),
      picture: () => committed.projectImages([picture]),
      four: () => committed.projectImages(Array(FOUR).fill(picture)),
    },
  };
  for (const stored of ['float16', 'int8'] as const) {
    heads[`best, weights stored as ${stored}`] = await madeUpHead(stored, sizes, text, picture);
  }
  const works = Object.entries(heads).flatMap(([name, head]) =>
    (['text', 'picture', 'four'] as const).map((work) => [`${name}: ${work}`, head[work]] as const),
  );
  const times = await interleaved(ROUNDS, Object.fromEntries(works));
  const ms = (work: string) => median(times[work]!);
  console.log('milliseconds on one thread, medians; wanted <= 0.3 a vector');
  console.table(
    Object.fromEntries(
      Object.entries(heads).map(([name, { bytes }]) => [
        name,
        {
          'one text': ms(`${name}: text`).toFixed(3),
          'one picture': ms(`${name}: picture`).toFixed(3),
          [`a picture of ${FOUR}`]: (ms(`${name}: four`) / FOUR).toFixed(3),
          MB: (bytes / 1e6).toFixed(1),
        },
      ]),
    ),
  );
}

/** An untrained head of the default recipe: its cost does not depend on the values. */
async function madeUpHead(
  stored: HeadSpec['stored'],
  sizes: Readonly<Record<'text' | 'image', Readonly<Record<string, number>>>>,
  text: Float32Array,
  picture: Readonly<Record<string, Float32Array>>,
): Promise<{ bytes: number; text: Work; picture: Work; four: Work }> {
  const names = { text: Object.keys(sizes.text), image: Object.keys(sizes.image), classNames: true };
  const spec = { ...recipeFor(RECIPES.best!, names).head, stored };
  const random = new Random(1, 'bench');
  const transform = madeUpTransform(spec, sizes, random);
  const widths = { text: transformedWidth(transform.text), image: transformedWidth(transform.image) };
  const bytes = headGraph({ spec, transform, parameters: initialise(headParameters(spec, widths), random) });
  const onnx = await loadOnnx(bytes, { threads: 1 });
  const feeds = (texts: number, pictures: number) => ({
    text: float32(repeat(text, texts), [texts, text.length]),
    ...Object.fromEntries(
      spec.image.inputs.map(({ source }) => [
        source,
        float32(repeat(picture[source]!, pictures), [pictures, picture[source]!.length]),
      ]),
    ),
  });
  const project = (texts: number, pictures: number) => {
    const ready = feeds(texts, pictures);
    return () => onnx.run(ready, [texts > 0 ? 'text_embedding' : 'image_embedding']);
  };
  return { bytes: bytes.length, text: project(1, 0), picture: project(0, 1), four: project(0, FOUR) };
}

function madeUpTransform(
  spec: HeadSpec,
  sizes: Readonly<Record<'text' | 'image', Readonly<Record<string, number>>>>,
  random: Random,
): FeatureTransform {
  const normal = (...shape: number[]) => ({
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
  });
  const total = Object.values(sizes.text).reduce((sum, size) => sum + size, 0);
  let start = 0;
  const text = spec.text.inputs.map((input) => {
    const width = sizes.text[input.source]!;
    const place = { from: 'text', columns: total, start };
    start += width;
    return { spec: input, place, width, columns: width, constants: { mean: normal(width), scale: normal(width) } };
  });
  const image = spec.image.inputs.map((input) => {
    const width = sizes.image[input.source]!;
    const columns = input.first === 'none' ? width : sizes.text.embedding!;
    const constants = { mean: normal(columns), scale: normal(columns), classes: normal(width, columns) };
    return { spec: input, place: { from: input.source, columns: width, start: 0 }, width, columns, constants };
  });
  return { text, image };
}

function repeat(values: Float32Array, times: number): Float32Array {
  return Float32Array.from({ length: values.length * times }, (_, i) => values[i % values.length]!);
}
