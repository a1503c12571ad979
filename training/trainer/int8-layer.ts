import type { OnnxGraph } from '../../core/onnx/graph-builder.ts';

/**
 * A linear layer with weights of one byte. Reading the weights is most of what a layer costs for a single vector, so a
 * quarter of the bytes is nearly a quarter of the time.
 *
 * Weights have a scale for each output, inputs one for each row, so that what becomes of a row does not depend on its
 * neighbours; sums of products are whole numbers, the same in any order and on any processor.
 */
export interface Int8Layer {
  /** [out, width] */
  readonly weight: Float32Array;
  /** [out] */
  readonly bias: Float32Array | null;
  readonly width: number;
}

/**
 * Largest weight. Processors without 8-bit dot products (x86 before VNNI) add two products in 16 bits and cut off what
 * is above: 2 * 255 * 64 still fits.
 */
const LARGEST_WEIGHT = 64;
/** Inputs are -127 to 127, shifted to be unsigned: the kernels for unsigned times signed are the fast ones. */
const LARGEST_INPUT = 127;
const SHIFT = 128;

/** Adds input [rows, width] times weight^T plus bias: [rows, out]. */
export function addInt8Layer(graph: OnnxGraph, input: string, { weight, bias, width }: Int8Layer): string {
  const { bytes, scales } = quantise(weight, width);
  const out = scales.length;
  const largest = graph.op('ReduceMax', [graph.op('Abs', [input])], { axes: { ints: [1] }, keepdims: { int: 1 } });
  const step = graph.op('Max', [graph.op('Mul', [largest, graph.scalar(1 / LARGEST_INPUT)]), graph.scalar(1e-12)]);
  const rounded = graph.op('Round', [graph.op('Div', [input, step])]);
  const unsigned = graph.cast(graph.op('Add', [rounded, graph.scalar(SHIFT)]), 'uint8');
  const zero = graph.bytes(Uint8Array.of(SHIFT), []);
  const sums = graph.op('MatMulInteger', [unsigned, graph.bytes(bytes, [width, out]), zero]);
  const products = graph.op('Mul', [graph.cast(sums, 'float32'), step]);
  const scaled = graph.op('Mul', [products, graph.weights(scales, [out])]);
  return bias === null ? scaled : graph.op('Add', [scaled, graph.weights(bias, [out])]);
}

/** The inverse of {@link quantise}, as far as there is one: bytes [width, out] to weights [out, width]. */
export function dequantise(
  bytes: Int8Array,
  scales: Float32Array,
  { out, width }: { readonly out: number; readonly width: number },
): Float32Array {
  return Float32Array.from({ length: out * width }, (_, at) => {
    const o = Math.floor(at / width);
    return bytes[(at % width) * out + o]! * scales[o]!;
  });
}

/**
 * Weights [out, width] as bytes [width, out], the form MatMulInteger takes, and what each output is to be multiplied
 * by.
 */
function quantise(weight: Float32Array, width: number): { bytes: Int8Array; scales: Float32Array } {
  const out = weight.length / width;
  const bytes = new Int8Array(weight.length);
  const scales = new Float32Array(out);
  for (let o = 0; o < out; o++) {
    const row = weight.subarray(o * width, (o + 1) * width);
    const scale = row.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12) / LARGEST_WEIGHT;
    scales[o] = scale;
    for (const [i, value] of row.entries()) bytes[i * out + o] = Math.round(value / scale);
  }
  return { bytes, scales };
}
