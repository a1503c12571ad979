import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { float32, loadOnnx } from '../../core/onnx/session.ts';
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

/** Covariance [n, n] of (x - mean) / scale over the rows of all matrices. */
export async function covariance(
  matrices: readonly HalfRows[],
  mean: Float64Array,
  scale: Float64Array,
): Promise<Float64Array> {
  const n = mean.length;
  const blocks = matrices.flatMap((matrix) =>
    Array.from({ length: Math.ceil(matrix.rows / ROWS) }, (_, i) => ({ matrix, start: i * ROWS })),
  );
  return crossProduct(n, n, blocks, ({ matrix, start }) => {
    const rows = Math.min(ROWS, matrix.rows - start);
    const block = matrix.block(start, rows);
    for (let i = 0; i < block.length; i++) block[i] = (block[i]! - mean[i % n]!) / scale[i % n]!;
    return { left: block, right: block, rows };
  });
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
  const starts = Array.from({ length: Math.ceil(total / ROWS) }, (_, i) => i * ROWS);
  const covariances = await crossProduct(columns, width, starts, (start) => {
    const rows = Math.min(ROWS, total - start);
    const right = new Float32Array(rows * width);
    let at = 0;
    for (const [index, matrix] of matrices.entries()) {
      const block = centred(index, start, rows);
      for (let r = 0; r < rows; r++) {
        right.set(block.subarray(r * matrix.columns, (r + 1) * matrix.columns), r * width + at);
      }
      at += matrix.columns;
    }
    return { left: centred(one, start, rows), right, rows };
  });
  return { mean, covariances };
}

/** Mean over all rows of left^T right [n, m], block by block. */
async function crossProduct<Block>(
  n: number,
  m: number,
  blocks: readonly Block[],
  load: (block: Block) => { left: Float32Array; right: Float32Array; rows: number },
): Promise<Float64Array> {
  const graph = new OnnxGraph();
  const left = graph.input('left', 'float32', ['rows', n]);
  const right = graph.input('right', 'float32', ['rows', m]);
  graph.output('product', graph.op('Gemm', [left, right], { transA: { int: 1 } }), 'float32', [n, m]);
  const onnx = await loadOnnx(graph.toBytes({ name: 'cross-product' }));
  try {
    const sum = new Float64Array(n * m);
    let count = 0;
    for (const block of blocks) {
      const { left: l, right: r, rows } = load(block);
      const answer = await onnx.run({ left: float32(l, [rows, n]), right: float32(r, [rows, m]) });
      const product = answer.product!.data as Float32Array;
      for (let i = 0; i < sum.length; i++) sum[i]! += product[i]!;
      count += rows;
    }
    return sum.map((value) => value / count);
  } finally {
    await onnx.release();
  }
}
