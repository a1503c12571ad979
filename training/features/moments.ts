import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { float32, loadOnnx } from '../../core/onnx/onnx-session.ts';
import type { HalfRows } from './float16-matrix.ts';

/** Means, spreads and covariances of the columns of large matrices. */

/** Rows per block: a few megabytes. */
const ROWS = 1024;
/** Constant columns are not scaled. */
const LEAST_STD = 1e-6;

/**
 * Mean and standard deviation of each column over the rows of all matrices; the deviation of a constant column is 1.
 */
export function columnMoments(matrices: readonly HalfRows[]): { mean: Float64Array; std: Float64Array } {
  const columns = matrices[0]!.columns;
  const [sum, squares] = [new Float64Array(columns), new Float64Array(columns)];
  const row = new Float32Array(columns);
  let count = 0;
  for (const matrix of matrices) {
    for (let r = 0; r < matrix.rows; r++, count++) {
      matrix.copyRow(r, row, 0);
      for (let c = 0; c < columns; c++) {
        sum[c]! += row[c]!;
        squares[c]! += row[c]! ** 2;
      }
    }
  }
  const mean = sum.map((value) => value / count);
  const std = squares.map((value, c) => {
    const deviation = Math.sqrt(Math.max(0, value / count - mean[c]! ** 2));
    return deviation < LEAST_STD ? 1 : deviation;
  });
  return { mean, std };
}

/**
 * Mean of several matrices with the same rows, side by side, and the covariance of the columns of one of them with all
 * columns: `covariances` [columns of matrices[one], all columns].
 */
export async function jointCovariance(
  matrices: readonly HalfRows[],
  one: number,
): Promise<{ mean: Float64Array; covariances: Float64Array }> {
  const means = matrices.map((matrix) => columnMoments([matrix]).mean);
  const mean = Float64Array.from(means.flatMap((values) => [...values]));
  const [width, columns, total] = [mean.length, matrices[one]!.columns, matrices[one]!.rows];
  const centred = (index: number, start: number, rows: number) => {
    const block = matrices[index]!.block(start, rows);
    const own = means[index]!;
    for (let i = 0; i < block.length; i++) block[i]! -= own[i % own.length]!;
    return block;
  };
  const graph = new OnnxGraph();
  const left = graph.input('left', 'float32', ['rows', columns]);
  const right = graph.input('right', 'float32', ['rows', width]);
  graph.output('product', graph.op('Gemm', [left, right], { transA: { int: 1 } }), 'float32', [columns, width]);
  const onnx = await loadOnnx(graph.toBytes({ name: 'cross-product' }));
  const sum = new Float64Array(columns * width);
  for (let start = 0; start < total; start += ROWS) {
    const rows = Math.min(ROWS, total - start);
    const all = new Float32Array(rows * width);
    let at = 0;
    for (const [index, matrix] of matrices.entries()) {
      const block = centred(index, start, rows);
      for (let r = 0; r < rows; r++) {
        all.set(block.subarray(r * matrix.columns, (r + 1) * matrix.columns), r * width + at);
      }
      at += matrix.columns;
    }
    const own = centred(one, start, rows);
    const answer = await onnx.run({ left: float32(own, [rows, columns]), right: float32(all, [rows, width]) });
    for (const [i, product] of (answer.product!.data as Float32Array).entries()) sum[i]! += product;
  }
  await onnx.release();
  return { mean, covariances: sum.map((value) => value / total) };
}
