import { OnnxGraph } from '../../onnx/graph-builder.ts';
import { float32, int8, int64, loadOnnx, uint8 } from '../../onnx/onnx-session.ts';
import { loadOnce } from '../../util/load-once.ts';
import { encodeQuery, type QueryCode, ZERO_CODE } from './int8-codes.ts';
import type { SlotMatrix } from './matrix.ts';

/** The best slots of a matrix according to their codes. */
export interface Candidates {
  readonly slots: number[];
  /**
   * Upper bound for the exact score of every slot left out. -Infinity when none is left out.
   */
  readonly bound: number;
}

export interface Scan {
  readonly matrix: SlotMatrix;
  /** Unit vector. */
  readonly query: Float32Array;
  /** For each chunk, what is added to its scores; null skips the chunk. */
  readonly masks: readonly (Float32Array | null)[];
  /** Candidates wanted per chunk, at least 1. */
  readonly k: number;
  /** Slots with a higher score are left out, within the error of their codes. Infinity keeps all. */
  readonly upper: number;
}

export interface Scanner {
  /** The matrix, masks and query must not change until this resolves. */
  scan(scan: Scan): Promise<Candidates>;
  release(): Promise<void>;
}

/**
 * Maximum difference of a score from the cosine: with vectors v and q, and v' and q' as represented by their codes, v.q
 * - v'.q' = (v - v').q' + v.(q - q'), each at most the product of the lengths. Sums of codes are exact; the remainder
 * covers their conversion to float32, lengths of 1 +- 1e-6 (see `unitVector`) and the clamping of scores to 1.
 */
function scoreError(codeError: number, query: QueryCode): number {
  return codeError * query.length + query.error * (1 + 1e-6) + 5e-6;
}

/**
 * The scan as an ONNX graph over vectors with one byte per component: scores = ((codes - zero) x query) x step + mask,
 * those above `upper` put last, then the best k. The codes are read in place, not copied. First pages have no `upper`,
 * and use a graph without that comparison.
 */
export async function openScanner(dimension: number, threads: number): Promise<Scanner> {
  const all = await loadOnnx(scanGraph(dimension, false), { threads });
  const below = loadOnce(() => loadOnnx(scanGraph(dimension, true), { threads }));
  return {
    async scan({ matrix, query, masks, k, upper }) {
      const code = encodeQuery(query);
      const slots: number[] = [];
      let bound = -Infinity;
      const bounded = upper < Infinity;
      const model = bounded ? await below.get() : all;
      const shared = {
        query: int8(code.levels, [dimension, 1]),
        zero: uint8(Uint8Array.of(ZERO_CODE), []),
      };
      for (const [i, chunk] of [...matrix.chunks()].entries()) {
        const mask = masks[i];
        if (!mask || chunk.slots === 0) continue;
        const error = scoreError(chunk.codeError, code);
        const wanted = Math.min(k, chunk.slots);
        const answer = await model.run({
          ...shared,
          ...(bounded && { upper: float32(Float32Array.of((upper + error) / code.step), []) }),
          codes: uint8(chunk.codes, [chunk.slots, dimension]),
          steps: float32(chunk.steps, [chunk.slots]),
          mask: float32(mask.subarray(0, chunk.slots), [chunk.slots]),
          k: int64([wanted], [1]),
        });
        const scores = answer.scores!.data as Float32Array;
        const offsets = answer.offsets!.data as BigInt64Array;
        let lowest = wanted < chunk.slots ? Infinity : -Infinity;
        for (const [j, score] of scores.entries()) {
          lowest = Math.min(lowest, score * code.step);
          if (score !== -Infinity) slots.push(chunk.first + Number(offsets[j]));
        }
        bound = Math.max(bound, lowest + error);
      }
      return { slots, bound };
    },
    async release() {
      await Promise.all([all.release(), (await below.peek())?.release()]);
    },
  };
}

/** Scores are in steps of the query, the same unit for all of them. */
function scanGraph(dimension: number, bounded: boolean): Uint8Array {
  const graph = new OnnxGraph();
  const products = graph.op('MatMulInteger', [
    graph.input('codes', 'uint8', ['slots', dimension]),
    graph.input('query', 'int8', [dimension, 1]),
    graph.input('zero', 'uint8', []),
  ]);
  const sums = graph.op('Reshape', [products, graph.ints([-1])]);
  const scaled = graph.op('Mul', [graph.cast(sums, 'float32'), graph.input('steps', 'float32', ['slots'])]);
  const masked = graph.op('Add', [scaled, graph.input('mask', 'float32', ['slots'])]);
  const scores = bounded ? notAbove(graph, masked) : masked;
  const best = graph.ops('TopK', [scores, graph.input('k', 'int64', [1])], 2, { axis: { int: 0 }, sorted: { int: 0 } });
  graph.output('scores', best[0]!, 'float32', ['found']);
  graph.output('offsets', best[1]!, 'int64', ['found']);
  return graph.toBytes({ name: 'scan' });
}

function notAbove(graph: OnnxGraph, scores: string): string {
  const below = graph.op('LessOrEqual', [scores, graph.input('upper', 'float32', [])]);
  return graph.op('Where', [below, scores, graph.scalar(-Infinity)]);
}
