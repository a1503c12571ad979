import { join } from 'node:path';
import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { float32, loadOnnx } from '../../core/onnx/onnx-session.ts';
import type { PairSet } from './extract.ts';
import { HalfMatrix, type HalfRows } from './float16-matrix.ts';
import { columnMoments } from './moments.ts';
import { type ScratchRows, writeScratch } from './scratch-rows.ts';

/**
 * The transform between encoder outputs and the first learned layer: fitted once on the training pairs, computed once
 * per row for training, and built into head.onnx by the same function, so that serving feeds raw encoder outputs.
 */

/** One encoder output as input of a tower. */
export interface TowerInput {
  /**
   * Name of an encoder output: `embedding` or an extra output for text encoders; a name from the manifest for image
   * encoders.
   */
  readonly source: string;
  /** If the encoder lacks this output, omit it instead of rejecting the encoder. @default false */
  readonly optional?: boolean;
  /** Preprocessing before the transform; `class-names` turns logits into a mean of the text vectors of class names. */
  readonly first: 'none' | 'class-names';
  /**
   * `l2`: normalises each row. `standardise`: each column to mean 0 and variance 1 over the training pairs.
   */
  readonly transform: 'none' | 'l2' | 'standardise';
}

/** The inputs of both towers, concatenated in this order. */
export type TowerInputs = Readonly<Record<'text' | 'image', { readonly inputs: readonly TowerInput[] }>>;

/** A fitted transform: x -> (first(x) - mean) * scale. */
export interface InputTransform {
  readonly spec: TowerInput;
  /** Position of the encoder output: columns from `start` on, of the graph's input `from`, which has `columns`. */
  readonly place: { readonly from: string; readonly columns: number; readonly start: number };
  /** Number of columns of the encoder output, and of the result. */
  readonly width: number;
  readonly columns: number;
  /** Named constants of the graph; they depend on the transform. */
  readonly constants: Readonly<Record<string, Constant>>;
}

export interface Constant {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** The inputs of each tower, concatenated in this order. */
export type FeatureTransform = Readonly<Record<'text' | 'image', readonly InputTransform[]>>;

/** Text vectors of the logits' classes: [classes, text dimension]. */
export interface ClassNames {
  readonly vectors: Float32Array;
  readonly count: number;
}

/** Pairs ready for the towers. */
export interface TransformedPairs {
  /** [captions, width] */
  readonly texts: HalfRows;
  /** [pictures, width] for each augmentation. */
  readonly images: readonly HalfRows[];
  /** Captions of picture p are rows firstCaption[p] to firstCaption[p + 1] - 1. */
  readonly firstCaption: Uint32Array;
  /** [pictures], equal for pictures whose captions also fit each other. */
  readonly groups: Float32Array;
  /** Removes the files with the rows. */
  close(): Promise<void>;
}

/** Rows per run: a few megabytes. */
const ROWS = 1024;

export function transformedWidth(inputs: readonly InputTransform[]): number {
  return inputs.reduce((sum, { columns }) => sum + columns, 0);
}

/** Graph input for the text encoder's vectors, with all their parts concatenated. */
const TEXT_INPUT = 'text';

/**
 * Fits means and scales on the training pairs, over all augmentations. `textOutputs` are the sizes of the
 * parts of a text vector, in order.
 */
export async function fitTransform(
  spec: TowerInputs,
  pairs: PairSet,
  { textOutputs, classes }: { textOutputs: Readonly<Record<string, number>>; classes: ClassNames | null },
): Promise<FeatureTransform> {
  const sizes = Object.entries(pairs.augmented[0]!).map(([name, { columns }]) => [name, columns] as const);
  const empty = emptyTransform(spec, { text: textOutputs, image: Object.fromEntries(sizes) });
  const text = empty.text.map((input) => fitInput(input, [pairs.captions], classes));
  const image = empty.image.map((input) => {
    const rows = pairs.augmented.map((outputs) => outputs[input.spec.source]!);
    return fitInput(input, rows, classes);
  });
  return { text: await Promise.all(text), image: await Promise.all(image) };
}

/** The unfitted transform; `outputs` are the sizes of the encoders' outputs, in order. */
export function emptyTransform(
  { text, image }: TowerInputs,
  outputs: Readonly<Record<'text' | 'image', Readonly<Record<string, number>>>>,
): FeatureTransform {
  const names = Object.keys(outputs.text);
  const total = (some: readonly string[]) => some.reduce((sum, name) => sum + outputs.text[name]!, 0);
  const empty = (spec: TowerInput, columns: number, place: InputTransform['place']): InputTransform => {
    return { spec, place, width: columns, columns, constants: {} };
  };
  return {
    text: text.inputs.map((spec) => {
      const start = total(names.slice(0, names.indexOf(spec.source)));
      return empty(spec, outputs.text[spec.source]!, { from: TEXT_INPUT, columns: total(names), start });
    }),
    image: image.inputs.map((spec) => {
      const columns = outputs.image[spec.source]!;
      return empty(spec, columns, { from: spec.source, columns, start: 0 });
    }),
  };
}

async function fitInput(
  { spec, ...given }: InputTransform,
  rows: readonly HalfRows[],
  classes: ClassNames | null,
): Promise<InputTransform> {
  const base: InputTransform = { ...given, spec: { ...spec, transform: 'none' } };
  const first = spec.first === 'class-names' ? withClassNames(base, classes) : base;
  if (spec.transform === 'none' || spec.transform === 'l2') return { ...first, spec };
  const asItIs = spec.first === 'none' && isWhole(base);
  const seen = asItIs ? rows : await Promise.all(rows.map((matrix) => transformRows([first], [matrix])));
  const { mean, std } = columnMoments(seen);
  const shape = [mean.length];
  const constants = {
    ...first.constants,
    mean: { values: Float32Array.from(mean), shape },
    scale: { values: Float32Array.from(std, (s) => 1 / s), shape },
  };
  return { ...first, spec, constants };
}

function isWhole({ place, width }: InputTransform): boolean {
  return place.columns === width;
}

function withClassNames(base: InputTransform, classes: ClassNames | null): InputTransform {
  if (classes === null || classes.count !== base.width) {
    throw new Error(`expected names of ${base.width} classes, got ${classes?.count ?? 'none'}`);
  }
  const columns = classes.vectors.length / classes.count;
  return { ...base, columns, constants: { classes: { values: classes.vectors, shape: [classes.count, columns] } } };
}

/** The graph inputs of a tower, with their numbers of columns. */
export function graphInputs(transforms: readonly InputTransform[]): Map<string, number> {
  return new Map(transforms.map(({ place }) => [place.from, place.columns]));
}

/** Adds the transform of one tower; `inputs` are those of {@link graphInputs}, [rows, columns] each. */
export function addTransform(
  graph: OnnxGraph,
  transforms: readonly InputTransform[],
  inputs: Readonly<Record<string, string>>,
): string {
  const parts = transforms.map((input) => addInput(graph, input, inputs[input.place.from]!));
  return parts.length === 1 ? parts[0]! : graph.op('Concat', parts, { axis: { int: 1 } });
}

/** Matrices are stored as float16, which halves head.onnx and changes cosines by less than 1e-3. */
export function addConstant(graph: OnnxGraph, { values, shape }: Constant): string {
  return shape.length < 2 ? graph.weights(values, shape) : graph.halfWeights(new Float16Array(values), shape);
}

function addInput(graph: OnnxGraph, input: InputTransform, given: string): string {
  const { spec, place, width, constants } = input;
  const raw = isWhole(input)
    ? given
    : graph.op('Slice', [given, graph.ints([place.start]), graph.ints([place.start + width]), graph.ints([1])]);
  const constant = (name: string) => addConstant(graph, constants[name]!);
  const first = spec.first === 'class-names' ? addClassNames(graph, raw, constant('classes'), width) : raw;
  if (spec.transform === 'none') return first;
  if (spec.transform === 'l2') {
    const length = graph.op('ReduceL2', [first], { axes: { ints: [1] }, keepdims: { int: 1 } });
    return graph.op('Div', [first, graph.op('Max', [length, graph.scalar(1e-12)])]);
  }
  const centred = graph.op('Sub', [first, constant('mean')]);
  return graph.op('Mul', [centred, constant('scale')]);
}

/** Number of classes used to name a picture. */
const TOP_CLASSES = 10;

/**
 * Names of the most likely classes, weighted by their probabilities (convex combination of semantic embeddings, Norouzi
 * et al. 2014): a text vector for the picture.
 */
function addClassNames(graph: OnnxGraph, logits: string, classes: string, width: number): string {
  // onnxruntime 1.30 crashes (division by zero) on TopK over zero rows, which serving feeds to the tower it does not
  // use.
  // A row is added before and removed after.
  const padding = graph.weights(new Float32Array(width), [1, width]);
  const padded = graph.op('Concat', [logits, padding], { axis: { int: 0 } });
  const [top, which] = graph
    .ops('TopK', [padded, graph.ints([TOP_CLASSES])], 2)
    .map((value) => graph.op('Slice', [value, graph.ints([0]), graph.ints([-1]), graph.ints([0])]));
  const shares = graph.op('Softmax', [top!], { axis: { int: 1 } });
  // Gathers ten rows of names instead of multiplying with all of them: most of their memory is never touched.
  const names = graph.op('Gather', [classes, which!], { axis: { int: 0 } });
  const weighted = graph.op('Mul', [names, graph.op('Unsqueeze', [shares, graph.ints([2])])]);
  return graph.op('ReduceSum', [weighted, graph.ints([1])], { keepdims: { int: 0 } });
}

/** Transforms encoder outputs, one matrix per graph input, in blocks of whole rows. */
async function* transformedBlocks(
  transforms: readonly InputTransform[],
  matrices: readonly HalfRows[],
): AsyncGenerator<Float32Array> {
  const graph = new OnnxGraph();
  const sources = new Map(transforms.map(({ place }, i) => [place.from, matrices[i]!]));
  const inputs = Object.fromEntries(
    [...graphInputs(transforms)].map(([name, width]) => [name, graph.input(name, 'float32', ['n', width])]),
  );
  const columns = transformedWidth(transforms);
  graph.output('transformed', addTransform(graph, transforms, inputs), 'float32', ['n', columns]);
  const onnx = await loadOnnx(graph.toBytes({ name: 'feature-transform' }));
  try {
    const { rows } = matrices[0]!;
    for (let start = 0; start < rows; start += ROWS) {
      const count = Math.min(ROWS, rows - start);
      const feeds = [...sources].map(([name, matrix]) => [
        name,
        float32(matrix.block(start, count), [count, matrix.columns]),
      ]);
      yield (await onnx.run(Object.fromEntries(feeds))).transformed!.data as Float32Array;
    }
  } finally {
    await onnx.release();
  }
}

/** All rows of transformed encoder outputs in memory: [rows, width of all]. */
export async function transformRows(
  transforms: readonly InputTransform[],
  matrices: readonly HalfRows[],
): Promise<HalfMatrix> {
  const columns = transformedWidth(transforms);
  const out = new HalfMatrix(matrices[0]!.rows, columns);
  let row = 0;
  for await (const block of transformedBlocks(transforms, matrices)) {
    for (let at = 0; at < block.length; at += columns) out.set(row++, block.subarray(at, at + columns));
  }
  return out;
}

/**
 * All rows of a split, ready for the towers, in files in `folder`: compared with four augmentations of 30,000 pictures,
 * a head in training is small.
 * @throws {unavailable}
 */
export async function transformPairs(
  transform: FeatureTransform,
  pairs: PairSet,
  folder: string,
): Promise<TransformedPairs> {
  const open: ScratchRows[] = [];
  const close = async () => {
    for (const rows of open) await rows.close();
  };
  const write = async (name: string, transforms: readonly InputTransform[], matrices: readonly HalfRows[]) => {
    const blocks = transformedBlocks(transforms, matrices);
    const written = await writeScratch(join(folder, `${name}.f16`), transformedWidth(transforms), blocks);
    open.push(written);
    return written.rows;
  };
  try {
    const captions = transform.text.map(() => pairs.captions);
    const texts = await write('texts', transform.text, captions);
    const images: HalfRows[] = [];
    for (const [a, augmented] of pairs.augmented.entries()) {
      const outputs = transform.image.map(({ spec }) => augmented[spec.source]!);
      images.push(await write(`images-${a}`, transform.image, outputs));
    }
    const groups = Float32Array.from(pairs.pictures, (_, i) => i);
    return { texts, images, firstCaption: pairs.firstCaption, groups, close };
  } catch (error) {
    await close();
    throw error;
  }
}
