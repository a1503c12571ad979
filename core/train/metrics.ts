import { float32, loadOnnx, type OnnxModel } from '../onnx.ts';
import { OnnxGraph } from '../onnx-graph.ts';
import { dot } from '../vector.ts';

/**
 * How well texts find their pictures and pictures their texts. The convention: text to picture, every caption is a query
 * and its picture the one right answer among all pictures of the split; picture to text, every picture is a query and
 * counts with the best rank that any of its captions reaches among all captions of the split. A wrong answer that scores
 * the same as the right one is ranked before it: ties count against us.
 */

/** Vectors of one split, of unit length. */
export interface EmbeddedPairs {
  /** [captions, dimension] */
  readonly texts: Float32Array;
  /** [pictures, dimension] */
  readonly images: Float32Array;
  /** Captions of picture p are rows firstCaption[p] to firstCaption[p + 1] - 1. */
  readonly firstCaption: Uint32Array;
  readonly dimension: number;
}

export interface DirectionFigures {
  readonly queries: number;
  /** Share of queries, in percent, with a right answer among the first k. */
  readonly recall: { readonly 1: number; readonly 5: number; readonly 10: number };
  readonly medianRank: number;
}

export interface Figures {
  readonly textToImage: DirectionFigures;
  readonly imageToText: DirectionFigures;
  /** The six recalls added up, 0 to 600. */
  readonly recallSum: number;
}

/** Scores closer than this are the same: float32 sums of another order differ by less. */
const TIE = 1e-6;
/** Scores in memory at once: 16 MB. */
const BLOCK_SCORES = 4 * 1024 ** 2;

/** Rank of the right answer of each query, from 1, in both directions. */
export async function ranks(
  pairs: EmbeddedPairs,
  options: { threads?: number } = {},
): Promise<{ textToImage: Uint32Array; imageToText: Uint32Array }> {
  const { texts, images, firstCaption, dimension } = pairs;
  const [captions, pictures] = [texts.length / dimension, images.length / dimension];
  const owner = new Uint32Array(captions);
  for (let p = 0; p < pictures; p++) owner.fill(p, firstCaption[p]!, firstCaption[p + 1]!);
  const row = (matrix: Float32Array, i: number) => matrix.subarray(i * dimension, (i + 1) * dimension);
  const own = Float64Array.from(owner, (picture, caption) => dot(row(texts, caption), row(images, picture)));
  const best = Float64Array.from({ length: pictures }, (_, p) =>
    own.subarray(firstCaption[p]!, firstCaption[p + 1]!).reduce((most, score) => Math.max(most, score), -2),
  );
  // Ahead of caption c: pictures other than its own. Ahead of picture p: captions of other pictures.
  const textToImage = new Uint32Array(captions).fill(1);
  const imageToText = new Uint32Array(pictures).fill(1);
  const onnx = await scorer(dimension, options.threads);
  try {
    const columns = Math.min(pictures, 4096);
    const rows = Math.max(1, Math.floor(BLOCK_SCORES / columns));
    for (let c0 = 0; c0 < captions; c0 += rows) {
      const c1 = Math.min(captions, c0 + rows);
      for (let p0 = 0; p0 < pictures; p0 += columns) {
        const p1 = Math.min(pictures, p0 + columns);
        const scores = await score(onnx, dimension, texts, [c0, c1], images, [p0, p1]);
        for (let c = c0, i = 0; c < c1; c++) {
          const [limit, mine] = [own[c]! - TIE, owner[c]!];
          for (let p = p0; p < p1; p++, i++) {
            if (p === mine) continue;
            if (scores[i]! >= limit) textToImage[c]!++;
            if (scores[i]! >= best[p]! - TIE) imageToText[p]!++;
          }
        }
      }
    }
  } finally {
    await onnx.release();
  }
  return { textToImage, imageToText };
}

/** The figures of a split. */
export async function evaluate(pairs: EmbeddedPairs, options: { threads?: number } = {}): Promise<Figures> {
  const { textToImage, imageToText } = await ranks(pairs, options);
  const figures = { textToImage: summarise(textToImage), imageToText: summarise(imageToText) };
  const sum = ({ recall }: DirectionFigures) => recall[1] + recall[5] + recall[10];
  return { ...figures, recallSum: sum(figures.textToImage) + sum(figures.imageToText) };
}

function summarise(found: Uint32Array): DirectionFigures {
  const within = (k: number) => (100 * found.reduce((count, rank) => count + (rank <= k ? 1 : 0), 0)) / found.length;
  const sorted = found.toSorted();
  const middle = (sorted.length - 1) / 2;
  return {
    queries: found.length,
    recall: { 1: within(1), 5: within(5), 10: within(10) },
    medianRank: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
  };
}

function scorer(dimension: number, threads: number | undefined): Promise<OnnxModel> {
  const graph = new OnnxGraph();
  const texts = graph.input('texts', 'float32', ['n', dimension]);
  const images = graph.input('images', 'float32', ['m', dimension]);
  graph.output('scores', graph.op('Gemm', [texts, images], { transB: { int: 1 } }), 'float32', ['n', 'm']);
  return loadOnnx(graph.toBytes({ name: 'scores' }), { threads, arena: true });
}

/** Scores [rows of texts, rows of images] of a block. */
async function score(
  onnx: OnnxModel,
  dimension: number,
  texts: Float32Array,
  [c0, c1]: readonly [number, number],
  images: Float32Array,
  [p0, p1]: readonly [number, number],
): Promise<Float32Array> {
  const answer = await onnx.run({
    texts: float32(texts.subarray(c0 * dimension, c1 * dimension), [c1 - c0, dimension]),
    images: float32(images.subarray(p0 * dimension, p1 * dimension), [p1 - p0, dimension]),
  });
  return answer.scores!.data as Float32Array;
}
