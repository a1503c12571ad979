import { type EmbeddedPairs, ownersOf, rankPairs } from '../training/metrics/ranking.ts';
import { Random } from '../training/random.ts';

/** Ranks of all right answers: scores in blocks from an ONNX graph, compared with plain loops without blocks. */

const DIMENSION = 64;
const CAPTIONS = 5;
const PICTURES = 2000;
const ROUNDS = 3;

export async function run(): Promise<void> {
  const pairs = randomPairs(PICTURES);
  const scores = PICTURES * PICTURES * CAPTIONS;
  const ways: readonly (readonly [string, () => Promise<unknown> | unknown])[] = [
    ['plain loops', () => plainRanks(pairs)],
    ['blocks, 1 thread', () => rankPairs(pairs, { threads: 1 })],
    ['blocks, 2 threads', () => rankPairs(pairs, { threads: 2 })],
    ['blocks, 2 threads, ten best kept', () => rankPairs(pairs, { threads: 2, top: 10 })],
  ];
  const table: Record<string, { 'million scores a second': string; ratio: string }> = {};
  let reference = 0;
  for (const [name, way] of ways) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = performance.now();
      await way();
      times.push(performance.now() - before);
    }
    const median = times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
    reference ||= median;
    table[name] = {
      'million scores a second': (scores / median / 1000).toFixed(0),
      ratio: (median / reference).toFixed(2),
    };
  }
  console.table(table);
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  console.log(
    `${PICTURES} pictures, ${PICTURES * CAPTIONS} captions: all scores at once would be ${megabytes(4 * scores)} MB; ` +
      `at most ${megabytes(process.resourceUsage().maxRSS * 1024)} MB were resident, Node and onnxruntime included`,
  );
}

/** Only text to picture: enough to compare plain loops on half of the work. */
function plainRanks({ texts, images, firstCaption, dimension }: EmbeddedPairs): Uint32Array {
  const owner = ownersOf(firstCaption);
  const score = (c: number, p: number) => {
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += texts[c * dimension + i]! * images[p * dimension + i]!;
    return sum;
  };
  const ranks = new Uint32Array(owner.length).fill(1);
  for (let c = 0; c < owner.length; c++) {
    const own = score(c, owner[c]!);
    for (let p = 0; p < images.length / dimension; p++) if (p !== owner[c] && score(c, p) >= own) ranks[c]!++;
  }
  return ranks;
}

/** Captions near their pictures, as with a trained head. */
function randomPairs(pictures: number): EmbeddedPairs {
  const random = new Random(1, 'bench');
  const images = new Float32Array(pictures * DIMENSION);
  const texts = new Float32Array(pictures * CAPTIONS * DIMENSION);
  for (let i = 0; i < images.length; i++) images[i] = random.normal();
  for (let c = 0; c < pictures * CAPTIONS; c++) {
    const p = Math.floor(c / CAPTIONS);
    for (let i = 0; i < DIMENSION; i++) texts[c * DIMENSION + i] = images[p * DIMENSION + i]! + 2 * random.normal();
  }
  const firstCaption = Uint32Array.from({ length: pictures + 1 }, (_, p) => p * CAPTIONS);
  return { texts: unit(texts), images: unit(images), firstCaption, dimension: DIMENSION };
}

function unit(matrix: Float32Array): Float32Array {
  for (let from = 0; from < matrix.length; from += DIMENSION) {
    const row = matrix.subarray(from, from + DIMENSION);
    const length = Math.hypot(...row);
    for (let i = 0; i < DIMENSION; i++) row[i]! /= length;
  }
  return matrix;
}
