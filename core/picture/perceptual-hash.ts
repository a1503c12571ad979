import type { RgbPixels } from './preprocess.ts';

/** What is seen in the pixels of a picture that were decoded for the model: nothing is decoded once more for it. */

/** Squares a side, whose mean brightness is compared. */
const GRID = 9;
/** Differences of brightness below this, of 255, are noise of flat areas. */
const NOISE = 1;

/**
 * A perceptual hash of 128 bits as 32 hexadecimal digits: whether each of 8 x 8 squares is darker than the one to its
 * right, and than the one below. A copy that was made smaller, compressed again or changed in colour differs in few
 * bits; see {@link hashDistance}. It is of what the model sees, so hashes compare where the preprocessing is the same.
 */
export function perceptualHash(pixels: RgbPixels): string {
  const mean = meanBrightness(pixels);
  const bits: boolean[] = [];
  for (const step of [1, GRID]) {
    for (let y = 0; y < GRID - 1; y++) {
      for (let x = 0; x < GRID - 1; x++) {
        const at = y * GRID + x;
        bits.push(mean[at + step]! - mean[at]! > NOISE);
      }
    }
  }
  let hex = '';
  for (let at = 0; at < bits.length; at += 4) {
    hex += bits
      .slice(at, at + 4)
      .reduce((digit, bit) => digit * 2 + (bit ? 1 : 0), 0)
      .toString(16);
  }
  return hex;
}

/** Mean of each square of the grid, row by row: 0 to 255. */
function meanBrightness({ data, width, height }: RgbPixels): Float64Array {
  const sums = new Float64Array(GRID * GRID);
  const counts = new Float64Array(GRID * GRID);
  for (let y = 0, from = 0; y < height; y++) {
    const row = Math.floor((y * GRID) / height) * GRID;
    for (let x = 0; x < width; x++, from += 3) {
      const square = row + Math.floor((x * GRID) / width);
      // ITU-R BT.601, in thousandths.
      sums[square]! += 299 * data[from]! + 587 * data[from + 1]! + 114 * data[from + 2]!;
      counts[square]! += 1000;
    }
  }
  return sums.map((sum, square) => sum / Math.max(1, counts[square]!));
}

/** Words of 32 bits that a hash has. */
export const HASH_WORDS = 4;
/** Hashes with fewer ones say nothing: they are of plain walls, fog, black frames. */
const FEWEST_ONES = 16;

/** The four words of a hash. */
export function hashWords(hash: string): number[] {
  return Array.from({ length: HASH_WORDS }, (_, word) => Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16));
}

/**
 * Bits in which two of the hashes whose words stand one behind the other differ, 0 to 128; no matter how many they are
 * beyond `enough`.
 */
export function bitsApart(words: Uint32Array, a: number, b: number, enough = Number.POSITIVE_INFINITY): number {
  let bits = 0;
  for (let word = 0; word < HASH_WORDS && bits <= enough; word++) {
    bits += ones(words[a * HASH_WORDS + word]! ^ words[b * HASH_WORDS + word]!);
  }
  return bits;
}

/** Bits in which two hashes differ, 0 to 128. */
export function hashDistance(a: string, b: string): number {
  return bitsApart(Uint32Array.from([...hashWords(a), ...hashWords(b)]), 0, 1);
}

/** Whether a hash is of a picture in which next to nothing can be told apart. */
export function isPlain(hash: string): boolean {
  return hashWords(hash).reduce((sum, word) => sum + ones(word), 0) < FEWEST_ONES;
}

function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
