import type { OnnxGraph } from '../../core/onnx/graph-builder.ts';

/**
 * A linear layer with int8 weights. For a single vector, most of a layer's time goes into reading its weights, so a
 * quarter of the bytes takes nearly a quarter of the time.
 * Weights have one scale per output, inputs one per row, so that the result for a row does not depend on other rows;
 * sums of products are integers, the same in any order and on any processor.
 */
export interface Int8Layer {
  /** [out, width] */
  readonly weight: Float32Array;
  /** [out] */
  readonly bias: Float32Array | null;
  readonly width: number;
}

/**
 * Largest weight. Processors without 8-bit dot products (x86 before VNNI) add two products in 16 bits with saturation:
 * 2 * 255 * 64 still fits.
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

/** Weights [out, width] as a layer stores them. */
export function asStored(weight: Float32Array, width: number): Float32Array {
  const { bytes, scales } = quantise(weight, width);
  return dequantise(bytes, scales, { out: scales.length, width });
}

/** Approximate inverse of {@link quantise}: bytes [width, out] to weights [out, width]. */
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

/** Weights [out, width] as bytes [width, out], the layout of MatMulInteger, and the factor for each output. */
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
