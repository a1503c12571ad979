import { float32, loadOnnx } from '../onnx.ts';
import { OnnxGraph } from '../onnx-graph.ts';
import { symmetricEigen } from './eigen.ts';
import type { PairSet } from './features.ts';
import { HalfMatrix, toHalf } from './half.ts';
import { columnMoments, covariance } from './moments.ts';
import type { HeadSpec, TowerInput } from './recipes.ts';

/**
 * What happens to encoder outputs before the first layer that is learned: fixed once from the training pairs, computed once a
 * row for training, and built into head.onnx by the same function, so that serving feeds raw encoder outputs.
 */

/** One encoder output made ready: x -> (first(x) - mean) * scale, or (first(x) - mean) projection^T. */
export interface PreparedInput {
  readonly spec: TowerInput;
  /** Columns of the encoder output, and of what comes out. */
  readonly width: number;
  readonly columns: number;
  /** Constants of the graph by name; which there are depends on the transform. */
  readonly constants: Readonly<Record<string, Constant>>;
}

export interface Constant {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** The inputs of each tower, side by side in this order. */
export type Preparation = Readonly<Record<'text' | 'image', readonly PreparedInput[]>>;

/** Text vectors of the classes that the logits stand for: [classes, text dimension]. */
export interface ClassNames {
  readonly vectors: Float32Array;
  readonly count: number;
}

/** Pairs as the towers take them. */
export interface PreparedPairs {
  /** [captions, width] */
  readonly texts: HalfMatrix;
  /** [pictures, width] for each view. */
  readonly images: readonly HalfMatrix[];
  /** Captions of picture p are rows firstCaption[p] to firstCaption[p + 1] - 1. */
  readonly firstCaption: Uint32Array;
  /** [pictures], a number that pictures share whose captions fit each other, too. */
  readonly groups: Float32Array;
}

/** Share of the mean eigenvalue added to each before whitening. */
const WHITENING_FLOOR = 1e-3;
/** Rows run at once: some megabytes. */
const ROWS = 1024;

export function preparedWidth(inputs: readonly PreparedInput[]): number {
  return inputs.reduce((sum, { columns }) => sum + columns, 0);
}

/** Learns means, scales and projections from the training pairs, all views together. */
export async function fitPreparation(spec: HeadSpec, pairs: PairSet, classes: ClassNames | null): Promise<Preparation> {
  const fit = (side: 'text' | 'image') =>
    Promise.all(
      spec[side].inputs.map((input) => {
        const rows = input.source === 'text' ? [pairs.captions] : pairs.views.map((view) => view[input.source]!);
        return fitInput(input, rows, classes);
      }),
    );
  return { text: await fit('text'), image: await fit('image') };
}

async function fitInput(
  spec: TowerInput,
  rows: readonly HalfMatrix[],
  classes: ClassNames | null,
): Promise<PreparedInput> {
  const width = rows[0]!.columns;
  const base: PreparedInput = { spec: { ...spec, transform: 'none' }, width, columns: width, constants: {} };
  const first = spec.first === 'class-names' ? withClassNames(base, classes) : base;
  if (spec.transform === 'none' || spec.transform === 'l2') return { ...first, spec };
  const seen = spec.first === 'none' ? rows : await Promise.all(rows.map((matrix) => prepareRows([first], [matrix])));
  const { mean, std } = columnMoments(seen);
  const constants = { ...first.constants, mean: { values: Float32Array.from(mean), shape: [mean.length] } };
  if (spec.transform === 'standardise') {
    const values = Float32Array.from(std, (s) => 1 / s);
    return { ...first, spec, constants: { ...constants, scale: { values, shape: [std.length] } } };
  }
  const columns = Math.min(spec.columns ?? mean.length, mean.length);
  const projection = await whitening(seen, mean, std, columns, spec.power ?? 1);
  return {
    ...{ spec, width, columns },
    constants: { ...constants, projection: { values: projection, shape: [columns, mean.length] } },
  };
}

function withClassNames(base: PreparedInput, classes: ClassNames | null): PreparedInput {
  if (classes === null || classes.count !== base.width) {
    throw new Error(`expected names of ${base.width} classes, got ${classes?.count ?? 'none'}`);
  }
  const columns = classes.vectors.length / classes.count;
  return { ...base, columns, constants: { classes: { values: classes.vectors, shape: [classes.count, columns] } } };
}

/** Adds the preparation of one tower; `inputs` are encoder outputs [rows, width] by name. */
export function addPreparation(
  graph: OnnxGraph,
  prepared: readonly PreparedInput[],
  inputs: Readonly<Record<string, string>>,
): string {
  const parts = prepared.map((input) => addInput(graph, input, inputs[input.spec.source]!));
  return parts.length === 1 ? parts[0]! : graph.op('Concat', parts, { axis: { int: 1 } });
}

/** Matrices are stored as float16, which halves head.onnx and changes cosines by less than 1e-3. */
export function addConstant(graph: OnnxGraph, { values, shape }: Constant): string {
  return shape.length < 2 ? graph.weights(values, shape) : graph.halfWeights(Uint16Array.from(values, toHalf), shape);
}

function addInput(graph: OnnxGraph, { spec, width, constants }: PreparedInput, raw: string): string {
  const constant = (name: string) => addConstant(graph, constants[name]!);
  const first = spec.first === 'class-names' ? addClassNames(graph, raw, constant('classes'), width) : raw;
  if (spec.transform === 'none') return first;
  if (spec.transform === 'l2') {
    const length = graph.op('ReduceL2', [first], { axes: { ints: [1] }, keepdims: { int: 1 } });
    return graph.op('Div', [first, graph.op('Max', [length, graph.scalar(1e-12)])]);
  }
  const centred = graph.op('Sub', [first, constant('mean')]);
  return spec.transform === 'standardise'
    ? graph.op('Mul', [centred, constant('scale')])
    : graph.op('Gemm', [centred, constant('projection')], { transB: { int: 1 } });
}

/** Classes that take part in naming a picture. */
const TOP_CLASSES = 10;

/**
 * The names of the likeliest classes, weighted by their probability among those (convex combination of semantic embeddings,
 * Norouzi et al. 2014): a text vector for the picture.
 */
function addClassNames(graph: OnnxGraph, logits: string, classes: string, width: number): string {
  // onnxruntime 1.30 ends the process (division by zero) on TopK over no rows, which is what serving feeds the tower that it
  // does not ask for. One more row, and away with it.
  const padding = graph.weights(new Float32Array(width), [1, width]);
  const [top] = graph.ops(
    'TopK',
    [graph.op('Concat', [logits, padding], { axis: { int: 0 } }), graph.ints([TOP_CLASSES])],
    2,
  );
  const least = graph.op('Slice', [
    graph.op('ReduceMin', [top!], { axes: { ints: [1] }, keepdims: { int: 1 } }),
    ...[graph.ints([0]), graph.ints([-1]), graph.ints([0])],
  ]);
  const kept = graph.op('Where', [graph.op('GreaterOrEqual', [logits, least]), logits, graph.scalar(-1e9)]);
  return graph.op('MatMul', [graph.op('Softmax', [kept], { axis: { int: 1 } }), classes]);
}

/** Encoder outputs, one matrix an input, through the preparation: [rows, width of all]. */
export async function prepareRows(
  prepared: readonly PreparedInput[],
  matrices: readonly HalfMatrix[],
): Promise<HalfMatrix> {
  const graph = new OnnxGraph();
  const sources = new Map(prepared.map(({ spec, width }, i) => [spec.source, { width, matrix: matrices[i]! }]));
  const inputs = Object.fromEntries(
    [...sources].map(([source, { width }]) => [source, graph.input(source, 'float32', ['n', width])]),
  );
  const columns = preparedWidth(prepared);
  graph.output('prepared', addPreparation(graph, prepared, inputs), 'float32', ['n', columns]);
  const onnx = await loadOnnx(graph.toBytes({ name: 'preparation' }));
  try {
    const rows = matrices[0]!.rows;
    const out = new HalfMatrix(rows, columns);
    for (let start = 0; start < rows; start += ROWS) {
      const count = Math.min(ROWS, rows - start);
      const feeds = [...sources].map(([source, { matrix, width }]) => [
        source,
        float32(matrix.block(start, count), [count, width]),
      ]);
      const answer = (await onnx.run(Object.fromEntries(feeds))).prepared!.data as Float32Array;
      for (let i = 0; i < count; i++) out.set(start + i, answer.subarray(i * columns, (i + 1) * columns));
    }
    return out;
  } finally {
    await onnx.release();
  }
}

/** All rows of a split, ready for the towers. */
export async function preparePairs(preparation: Preparation, pairs: PairSet): Promise<PreparedPairs> {
  const texts = await prepareRows(
    preparation.text,
    preparation.text.map(() => pairs.captions),
  );
  const images: HalfMatrix[] = [];
  for (const view of pairs.views) {
    images.push(
      await prepareRows(
        preparation.image,
        preparation.image.map(({ spec }) => view[spec.source]!),
      ),
    );
  }
  const groups = Float32Array.from(pairs.pictures, (_, i) => i);
  return { texts, images, firstCaption: pairs.firstCaption, groups };
}

/**
 * Principal components of the standardised columns, each divided by its variance to the power of `power` / 2: 1 makes all
 * equally large (whitening), 0 leaves them as they are. Rows of the projection take x - mean.
 */
async function whitening(
  matrices: readonly HalfMatrix[],
  mean: Float64Array,
  std: Float64Array,
  columns: number,
  power: number,
): Promise<Float32Array> {
  const n = mean.length;
  const { values, vectors } = symmetricEigen(await covariance(matrices, mean, std), n);
  const floor = WHITENING_FLOOR * (values.reduce((sum, value) => sum + value, 0) / n);
  const projection = new Float32Array(columns * n);
  for (let i = 0; i < columns; i++) {
    const scale = (Math.max(values[i]!, 0) + floor) ** (-power / 2);
    for (let c = 0; c < n; c++) projection[i * n + c] = (scale * vectors[i * n + c]!) / std[c]!;
  }
  return projection;
}
