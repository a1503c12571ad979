import type { Head } from '../../core/encode/head.ts';
import type { HeadFile } from '../../core/encode/head-file.ts';
import type { Projection } from '../../core/encode/shared-space.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { dot, normalise } from '../../core/util/vector-arithmetic.ts';
import type { Tape, Value } from './autodiff.ts';
import { addInt8Layer, asStored } from './int8-layer.ts';
import type { HeadSpec, Recipe } from './recipes.ts';

/**
 * Cross-domain similarity local scaling (CSLS; Conneau et al. 2018, "Word translation without parallel data"): some
 * pictures are near to every text, and some texts to every picture. Such hubs rank too high everywhere, so half of the
 * mean cosine to the nearest neighbours of the other side is subtracted from every cosine. Stores compare by cosines
 * alone, so two components are added to the vectors of the towers, and their product does the subtraction:
 *
 *     text    [t, a, -r(t) / 2a]
 *     picture [v, -r(v) / 2a, a]        product: t.v - r(t) / 2 - r(v) / 2
 *
 * Neighbours are those in a bank of training captions, or of training pictures.
 */

/** Unit vectors of training captions and of training pictures, [n, dimension] each. */
export interface Banks {
  readonly text: Float32Array;
  readonly image: Float32Array;
}

/** The paper's number. */
const NEIGHBOURS = 10;
/** More find more, but cost time for every vector (docs/experiments.md, 2026-12-01). */
const BANK = 4096;
/** Added components. */
const ADDED = 2;
/** The constant component, a: small, since it brings two pictures nearer, but large beside r less its mean. */
const SCALE = 0.3;
/** Rows that the mean of r is taken of, which is subtracted from it for the same reason. */
const SAMPLE = 256;

/** Components of a joint vector. */
export function jointDimension({ dimension, localScaling }: HeadSpec): number {
  return dimension + (localScaling ? ADDED : 0);
}

/** Those of `rows` rows that represent them in a bank, evenly spaced and concatenated. */
export function bankOf(rows: number, read: (row: number) => Float32Array): Float32Array {
  const count = Math.min(rows, BANK);
  const all = Array.from({ length: count }, (_, i) => read(Math.floor((i * rows) / count)));
  const columns = all[0]?.length ?? 0;
  const bank = new Float32Array(count * columns);
  for (const [at, row] of all.entries()) bank.set(row, at * columns);
  return bank;
}

/** Adds the components of one side to unit rows [n, dimension]: unit rows [n, dimension + 2]. */
export function addLocalScaling(tape: Tape, side: 'text' | 'image', rows: Value, banks: Banks): Value {
  const { graph } = tape;
  const width = rows.shape[1] as number;
  const [own, other] = side === 'text' ? [banks.text, banks.image] : [banks.image, banks.text];
  const neighbours = Math.min(NEIGHBOURS, other.length / width);
  const cosines = addInt8Layer(graph, rows.name, { weight: other, bias: null, width });
  const [nearest] = graph.ops('TopK', [cosines, graph.ints([neighbours])], 2, { axis: { int: 1 } });
  const mean = graph.op('ReduceMean', [nearest!], { axes: { ints: [1] }, keepdims: { int: 1 } });
  const centred = graph.op('Sub', [mean, graph.scalar(meanOfNearest(own, other, { width, neighbours }))]);
  const scaled = graph.op('Mul', [centred, graph.scalar(-1 / (2 * SCALE))]);
  const withScaled = (vectors: string) => graph.op('Concat', [vectors, scaled], { axis: { int: 1 } });
  const withConstant = (vectors: string) => graph.op('Pad', [vectors, graph.ints([0, 0, 0, 1]), graph.scalar(SCALE)]);
  const joined = side === 'text' ? withScaled(withConstant(rows.name)) : withConstant(withScaled(rows.name));
  return tape.l2Normalise(tape.value(joined, [rows.shape[0]!, width + ADDED]));
}

/** The mean of r over a sample of `own`, from the vectors as the graph stores them. */
function meanOfNearest(
  own: Float32Array,
  other: Float32Array,
  { width, neighbours }: { readonly width: number; readonly neighbours: number },
): number {
  const [rows, bank] = [own, other].map((values) => rowsOf(asStored(values, width), width));
  const count = Math.min(SAMPLE, rows!.length);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const row = rows![Math.floor((i * rows!.length) / count)]!;
    const cosines = Float32Array.from(bank!, (one) => dot(row, one)).sort();
    sum += cosines.subarray(-neighbours).reduce((total, one) => total + one, 0) / neighbours;
  }
  return sum / count;
}

function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

/** The space in which the towers of a head have learned, without the added components. */
export interface LearnedSpace extends Pick<Projection, 'dimension' | 'projectTexts' | 'projectImages'> {
  /** Whether the head adds components to it. */
  readonly localScaling: boolean;
}

/** The learned space of a head that serving loads. */
export function learnedSpace(head: Head): LearnedSpace {
  const dimension = learnedDimension(head.info);
  if (dimension === head.dimension) return { ...head, localScaling: false };
  const learned = (vectors: readonly JointEmbedding[]) =>
    vectors.map((vector) => normalise(vector.subarray(0, dimension) as JointEmbedding));
  return {
    dimension,
    localScaling: true,
    projectTexts: async (texts) => learned(await head.projectTexts(texts)),
    projectImages: async (images) => learned(await head.projectImages(images)),
  };
}

/** Components of the learned space. */
export function learnedDimension({ dimension, training }: Pick<HeadFile, 'dimension' | 'training'>): number {
  const recipe = training.recipe as unknown as Recipe | undefined;
  return dimension - (recipe?.head?.localScaling ? ADDED : 0);
}
