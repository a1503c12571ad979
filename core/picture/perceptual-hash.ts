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
  let hex = '';
  for (const step of [1, GRID]) {
    for (let y = 0; y < GRID - 1; y++) {
      let row = 0;
      for (let x = 0; x < GRID - 1; x++) {
        const at = y * GRID + x;
        row = row * 2 + (mean[at + step]! - mean[at]! > NOISE ? 1 : 0);
      }
      hex += row.toString(16).padStart(2, '0');
    }
  }
  return hex;
}

/** Mean of each square of the grid, row by row: 0 to 255. */
function meanBrightness({ data, width, height }: RgbPixels): Float64Array {
  const sums = new Float64Array(GRID * GRID);
  const counts = new Float64Array(GRID * GRID);
  // Where a column of squares begins: the first pixel x with floor(x * GRID / width) = column.
  const begin = (column: number) => Math.ceil((column * width) / GRID);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * GRID) / height) * GRID;
    for (let column = 0; column < GRID; column++) {
      const [from, to] = [begin(column), begin(column + 1)];
      let sum = 0;
      for (let at = (y * width + from) * 3, end = (y * width + to) * 3; at < end; at += 3) {
        // ITU-R BT.601, in thousandths.
        sum += 299 * data[at]! + 587 * data[at + 1]! + 114 * data[at + 2]!;
      }
      sums[row + column]! += sum;
      counts[row + column]! += 1000 * (to - from);
    }
  }
  return sums.map((sum, square) => sum / Math.max(1, counts[square]!));
}
