import { type Enlargement, KERNEL_REACH, type Kernel, type Size } from './geometry.ts';

/**
 * Enlarges with the bilinear and bicubic (a = -0.5) kernels, bit for bit like Pillow. libvips 8.18 is not used, because
 * it shifts by half an output pixel: 2.4 of 255 on average on a photo enlarged 3.3 times and a cosine of 0.989 after
 * the encoder (docs/decisions/0011-decoding-pictures.md). It handles at most one crop of pixels.
 */

/** Contributions per output: as many as bicubic needs; bilinear leaves two with weight 0. */
const TAPS = 4;
/** Pillow's PRECISION_BITS: weights are integers in units of 2^-22, so that sums are exact and fit 32 bits. */
const BITS = 22;
const { imul } = Math;
const HALF = 1 << (BITS - 1);

/** For each output of an axis, TAPS source indices and weights. */
interface Taps {
  readonly outputs: number;
  readonly index: Int32Array;
  readonly weight: Int32Array;
}

/**
 * @param pixels size.height x size.width x 3
 * @returns the enlarged pixels and their size; first along rows, then along columns, rounded to 8 bits after each
 */
export function enlarge(
  pixels: Uint8Array,
  size: Size,
  { x, y }: { readonly x: Enlargement | null; readonly y: Enlargement | null },
  kernel: Kernel,
): { data: Uint8Array; size: Size } {
  let data = pixels;
  let { width, height } = size;
  if (x !== null) {
    data = enlargeRows(data, { width, height }, tapsOf(x, width, kernel));
    width = x.size;
  }
  if (y !== null) {
    data = enlargeColumns(data, width, tapsOf(y, height, kernel));
    height = y.size;
  }
  return { data, size: { width, height } };
}

function enlargeRows(data: Uint8Array, { width, height }: Size, { outputs, index, weight }: Taps): Uint8Array {
  const out = new Uint8ClampedArray(height * outputs * 3);
  const offset = index.map((i) => i * 3);
  for (let row = 0, to = 0; row < height; row++) {
    const start = row * width * 3;
    for (let t = 0; t < offset.length; t += TAPS) {
      const w0 = weight[t]!;
      const w1 = weight[t + 1]!;
      const w2 = weight[t + 2]!;
      const w3 = weight[t + 3]!;
      const a = start + offset[t]!;
      const b = start + offset[t + 1]!;
      const c = start + offset[t + 2]!;
      const d = start + offset[t + 3]!;
      for (let i = 0; i < 3; i++, to++) {
        out[to] =
          (HALF + imul(w0, data[a + i]!) + imul(w1, data[b + i]!) + imul(w2, data[c + i]!) + imul(w3, data[d + i]!)) >>
          BITS;
      }
    }
  }
  return bytesOf(out);
}

function enlargeColumns(data: Uint8Array, width: number, { outputs, index, weight }: Taps): Uint8Array {
  const stride = width * 3;
  const out = new Uint8ClampedArray(outputs * stride);
  for (let output = 0, to = 0; output < outputs; output++) {
    const t = output * TAPS;
    const w0 = weight[t]!;
    const w1 = weight[t + 1]!;
    const w2 = weight[t + 2]!;
    const w3 = weight[t + 3]!;
    const a = index[t]! * stride;
    const b = index[t + 1]! * stride;
    const c = index[t + 2]! * stride;
    const d = index[t + 3]! * stride;
    for (let i = 0; i < stride; i++, to++) {
      out[to] =
        (HALF + imul(w0, data[a + i]!) + imul(w1, data[b + i]!) + imul(w2, data[c + i]!) + imul(w3, data[d + i]!)) >>
        BITS;
    }
  }
  return bytesOf(out);
}

/** Indices are relative to the window's start; taps outside the picture are dropped and the others scaled up. */
function tapsOf({ source, target, start, from, size }: Enlargement, length: number, kernel: Kernel): Taps {
  const reach = KERNEL_REACH[kernel];
  const index = new Int32Array(size * TAPS);
  const weight = new Int32Array(size * TAPS);
  for (let output = 0; output < size; output++) {
    // Pixel centres are at half-integers; `first` is the leftmost source pixel within reach.
    const centre = ((from + output + 0.5) * source) / target;
    const first = Math.floor(centre - reach + 0.5);
    const weights = Array.from({ length: 2 * reach }, (_, t) =>
      first + t >= 0 && first + t < source ? KERNELS[kernel](first + t - centre + 0.5) : 0,
    );
    const sum = weights.reduce((total, value) => total + value);
    for (const [t, value] of weights.entries()) {
      weight[output * TAPS + t] = Math.round((value / sum) * 2 ** BITS);
      index[output * TAPS + t] = Math.min(Math.max(first + t - start, 0), length - 1);
    }
  }
  return { outputs: size, index, weight };
}

/** Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -0.5; and the triangle. */
const KERNELS: Readonly<Record<Kernel, (distance: number) => number>> = {
  bilinear: (distance) => Math.max(0, 1 - Math.abs(distance)),
  bicubic: (distance) => {
    const x = Math.abs(distance);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  },
};

function bytesOf(clamped: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(clamped.buffer, clamped.byteOffset, clamped.length);
}
