import type { Preprocessing } from './preprocessor-config.ts';

/** A decoded picture: 8-bit sRGB, rows from the top, pixels from the left, three values each. */
export interface RgbPixels {
  /** height x width x 3 */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Increase it whenever decoding or preprocessing changes what a model sees of the same picture, so that old cached
 * features and stored vectors are not mixed with new ones.
 */
export const PIXEL_PIPELINE = 1;

export type Layout = 'nchw' | 'nhwc';

/**
 * Turns pixels into a model's input: (value - mean) / std per channel, in units of 0 to 255, as float32 of shape
 * [3, height, width] for `nchw` and [height, width, 3] for `nhwc`. A value is one of 256, so each is computed once.
 * Written into `out`: the system clears new memory page by page, which takes half as long as the scaling.
 */
export function toTensorData(
  { data, width, height }: RgbPixels,
  { mean, std }: Pick<Preprocessing, 'mean' | 'std'>,
  layout: Layout,
  out = new Float32Array(width * height * 3),
): Float32Array {
  const size = width * height;
  const [red, green, blue] = mean.map((one, channel) => lookup(one, std[channel]!));
  const [next, step] = layout === 'nchw' ? [size, 1] : [1, 3];
  for (let from = 0, to = 0; from < size * 3; from += 3, to += step) {
    out[to] = red![data[from]!]!;
    out[to + next] = green![data[from + 1]!]!;
    out[to + 2 * next] = blue![data[from + 2]!]!;
  }
  return out;
}

function lookup(mean: number, std: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, value) => (value - mean) / std);
}
