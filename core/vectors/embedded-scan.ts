import { float32, int64, loadOnnx } from '../onnx.ts';
import { OnnxGraph } from '../onnx-graph.ts';
import type { SlotMatrix } from './embedded-matrix.ts';

/** The best slots of a matrix, as far as float32 arithmetic can tell. */
export interface Candidates {
  readonly slots: number[];
  /**
   * No slot that is left out scores above this in exact arithmetic. -Infinity when none is left out.
   */
  readonly bound: number;
}

export interface Scan {
  readonly matrix: SlotMatrix;
  /** Unit vector. */
  readonly query: Float32Array;
  /** For each chunk what is added to its scores; a chunk without is passed over. */
  readonly masks: readonly (Float32Array | null)[];
  /** Candidates wanted of each chunk, at least 1. */
  readonly k: number;
  /** Slots with a higher score are left out, give or take the error of float32. Infinity for all. */
  readonly upper: number;
}

export interface Scanner {
  /** The matrix, masks and query must not change until the answer is there. */
  scan(scan: Scan): Promise<Candidates>;
  release(): Promise<void>;
}

/**
 * How far a float32 dot product of two unit vectors can be from their score: n u |a||b| with u = 2^-24 (Higham,
 * Accuracy and Stability of Numerical Algorithms, 3.1), doubled for the rounding of the bound itself, and what lengths
 * of 1 +- 1e-6 (see `unitVector`) and the clamping of scores to 1 make of it.
 */
function scoreError(dimension: number): number {
  return dimension * 2 ** -23 + 4e-6;
}

/**
 * The exact scan as an ONNX graph: scores = matrix x query + mask, those above `upper` put last, then the best k. The
 * matrix is read where it is, not copied. First pages have no `upper`, and a graph that spares its comparison: a sixth
 * of the time.
 */
export async function openScanner(dimension: number, threads: number): Promise<Scanner> {
  const [all, below] = await Promise.all(
    [false, true].map((bounded) => loadOnnx(scanGraph(dimension, bounded), { threads })),
  );
  return {
    async scan({ matrix, query, masks, k, upper }) {
      const error = scoreError(dimension);
      const slots: number[] = [];
      let bound = -Infinity;
      const bounded = upper < Infinity;
      const model = bounded ? below! : all!;
      const shared = {
        query: float32(query, [dimension, 1]),
        ...(bounded && { upper: float32(Float32Array.of(upper + error), []) }),
      };
      for (const [i, chunk] of [...matrix.chunks()].entries()) {
        const mask = masks[i];
        if (!mask || chunk.slots === 0) continue;
        const wanted = Math.min(k, chunk.slots);
        const answer = await model.run({
          ...shared,
          matrix: float32(chunk.vectors, [chunk.slots, dimension]),
          mask: float32(mask.subarray(0, chunk.slots), [chunk.slots]),
          k: int64([wanted], [1]),
        });
        const scores = answer.scores!.data as Float32Array;
        const offsets = answer.offsets!.data as BigInt64Array;
        let lowest = wanted < chunk.slots ? Infinity : -Infinity;
        for (const [j, score] of scores.entries()) {
          lowest = Math.min(lowest, score);
          if (score !== -Infinity) slots.push(chunk.first + Number(offsets[j]));
        }
        bound = Math.max(bound, lowest + error);
      }
      return { slots, bound };
    },
    async release() {
      await Promise.all([all!.release(), below!.release()]);
    },
  };
}

function scanGraph(dimension: number, bounded: boolean): Uint8Array {
  const graph = new OnnxGraph();
  const products = graph.op('MatMul', [
    graph.input('matrix', 'float32', ['slots', dimension]),
    graph.input('query', 'float32', [dimension, 1]),
  ]);
  const flat = graph.op('Reshape', [products, graph.ints([-1])]);
  const masked = graph.op('Add', [flat, graph.input('mask', 'float32', ['slots'])]);
  const scores = bounded ? notAbove(graph, masked) : masked;
  const best = graph.ops('TopK', [scores, graph.input('k', 'int64', [1])], 2, { axis: { int: 0 }, sorted: { int: 0 } });
  graph.output('scores', best[0]!, 'float32', ['found']);
  graph.output('offsets', best[1]!, 'int64', ['found']);
  return graph.toBytes({ name: 'exact-scan' });
}

function notAbove(graph: OnnxGraph, scores: string): string {
  const below = graph.op('LessOrEqual', [scores, graph.input('upper', 'float32', [])]);
  return graph.op('Where', [below, scores, graph.scalar(-Infinity)]);
}
