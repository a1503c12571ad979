import type { RgbPixels } from './preprocess.ts';

/** Computes a perceptual hash from the pixels decoded for the model, without decoding again. */

/** Number of squares per side whose mean brightness is compared. */
const GRID = 9;
/** Differences of brightness below this, of 255, are noise of flat areas. */
const NOISE = 1;

/**
 * A perceptual hash of 128 bits as 32 hexadecimal digits: whether each of 8 x 8 squares is darker than the one to its
 * right, and than the one below. A resized, recompressed or recoloured copy differs in few bits
 * (`near-duplicate-rule.ts`). It covers what the model sees, so hashes are comparable only with the same preprocessing.
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
