import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { float32, loadOnnx, type OnnxModel } from '../../core/onnx/onnx-session.ts';

/** All scores of texts against pictures, block by block: a million of each would take four terabytes at once. */

/** Scores of texts c0 to c1 - 1 (rows) against pictures p0 to p1 - 1 (columns). */
export interface ScoreBlock {
  readonly c0: number;
  readonly c1: number;
  readonly p0: number;
  readonly p1: number;
  /** [c1 - c0, p1 - p0]; valid until the next block. */
  readonly scores: Float32Array;
}

export interface ScoreOptions {
  readonly threads?: number;
  /** Scores in memory at once. @default 4 Mi, 16 MB */
  readonly blockScores?: number;
}

const BLOCK_SCORES = 4 * 1024 ** 2;
const COLUMNS = 4096;

/** Dot products of two matrices [captions, dimension] and [pictures, dimension], in blocks. */
export async function* scoreBlocks(
  texts: Float32Array,
  images: Float32Array,
  dimension: number,
  { threads, blockScores = BLOCK_SCORES }: ScoreOptions = {},
): AsyncGenerator<ScoreBlock> {
  const [captions, pictures] = [texts.length / dimension, images.length / dimension];
  const columns = Math.max(1, Math.min(pictures, COLUMNS, blockScores));
  const rows = Math.max(1, Math.floor(blockScores / columns));
  const onnx = await loadScorer(dimension, threads);
  const part = (matrix: Float32Array, from: number, to: number) =>
    float32(matrix.subarray(from * dimension, to * dimension), [to - from, dimension]);
  try {
    for (let c0 = 0; c0 < captions; c0 += rows) {
      const c1 = Math.min(captions, c0 + rows);
      for (let p0 = 0; p0 < pictures; p0 += columns) {
        const p1 = Math.min(pictures, p0 + columns);
        const answer = await onnx.run({ texts: part(texts, c0, c1), images: part(images, p0, p1) });
        yield { c0, c1, p0, p1, scores: answer.scores!.data as Float32Array };
      }
    }
  } finally {
    await onnx.release();
  }
}

function loadScorer(dimension: number, threads: number | undefined): Promise<OnnxModel> {
  const graph = new OnnxGraph();
  const texts = graph.input('texts', 'float32', ['n', dimension]);
  const images = graph.input('images', 'float32', ['m', dimension]);
  graph.output('scores', graph.op('Gemm', [texts, images], { transB: { int: 1 } }), 'float32', ['n', 'm']);
  return loadOnnx(graph.toBytes({ name: 'scores' }), { threads, arena: true });
}
