import type { Preprocessing } from '../../core/picture/preprocessor-config.ts';

/**
 * Reference implementation of decoding: Pillow's resize (Resample.c: an antialiased separable filter, rounded to 8 bits
 * after rows and after columns) of a whole picture, then the crop, written as plainly as possible.
 */

export interface Rgb {
  data: Uint8Array;
  width: number;
  height: number;
}

const bicubic = (x: number): number => {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
};
const bilinear = (x: number): number => Math.max(0, 1 - Math.abs(x));

interface Taps {
  readonly first: number;
  /** Fixed-point, with 22 fractional bits, of the input values from `first` on. */
  readonly weights: readonly number[];
}

/** What makes each output value of an axis resized from `from` to `to` pixels, as precompute_coeffs of Pillow. */
function tapsOf(from: number, to: number, kernel: 'bilinear' | 'bicubic'): Taps[] {
  const filter = kernel === 'bicubic' ? bicubic : bilinear;
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = (kernel === 'bicubic' ? 2 : 1) * stretch;
  return Array.from({ length: to }, (_, output) => {
    const centre = (output + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const last = Math.min(from, Math.floor(centre + support + 0.5));
    const weights: number[] = [];
    for (let i = first; i < last; i++) weights.push(filter((i - centre + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight);
    return { first, weights: weights.map((weight) => Math.round((weight / total) * 2 ** 22)) };
  });
}

/** One output value; neighbours on the axis lie `step` apart in `data`, the first of the axis at `at`. */
function sample({ first, weights }: Taps, data: Uint8Array, at: number, step: number): number {
  // Half a unit, for rounding.
  let sum = 2 ** 21;
  for (let i = 0; i < weights.length; i++) sum += weights[i]! * data[at + (first + i) * step]!;
  return Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
}

export function naiveResize(
  { data, width, height }: Rgb,
  to: { width: number; height: number },
  kernel: 'bilinear' | 'bicubic',
): Rgb {
  const rows = new Uint8Array(to.width * height * 3);
  for (const [x, taps] of tapsOf(width, to.width, kernel).entries()) {
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < 3; c++) rows[(y * to.width + x) * 3 + c] = sample(taps, data, y * width * 3 + c, 3);
    }
  }
  const out = new Uint8Array(to.width * to.height * 3);
  for (const [y, taps] of tapsOf(height, to.height, kernel).entries()) {
    for (let at = 0; at < to.width * 3; at++) out[y * to.width * 3 + at] = sample(taps, rows, at, to.width * 3);
  }
  return { data: out, ...to };
}

/** Resize and centre crop as in the manifest. */
export function naivePreprocess(picture: Rgb, { resize, crop }: Preprocessing): Rgb {
  const { mode, size, kernel } = resize;
  const [short, long] = [Math.min(picture.width, picture.height), Math.max(picture.width, picture.height)];
  let edges = { short: size, long: size };
  if (mode === 'shortest-edge') edges = { short: size, long: Math.floor((size * long) / short) };
  const to =
    picture.width <= picture.height
      ? { width: edges.short, height: edges.long }
      : { width: edges.long, height: edges.short };
  const resized = naiveResize(picture, to, kernel);
  const out = new Uint8Array(crop * crop * 3);
  const [left, top] = [to.width, to.height].map((length) => Math.floor((length - crop) / 2)) as [number, number];
  for (let y = 0; y < crop; y++) {
    for (let x = 0; x < crop; x++) {
      const from = ((y + top) * to.width + x + left) * 3;
      out.set(resized.data.subarray(from, from + 3), (y * crop + x) * 3);
    }
  }
  return { data: out, width: crop, height: crop };
}
