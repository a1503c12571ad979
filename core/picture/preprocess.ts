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
 */
export function toTensorData(
  pixels: RgbPixels,
  scaling: Pick<Preprocessing, 'mean' | 'std'>,
  layout: Layout,
): Float32Array {
  const { data, width, height } = pixels;
  const size = width * height;
  const out = new Float32Array(size * 3);
  const step = layout === 'nchw' ? 1 : 3;
  for (let channel = 0; channel < 3; channel++) {
    const scaled = lookup(scaling.mean[channel]!, scaling.std[channel]!);
    const first = layout === 'nchw' ? channel * size : channel;
    for (let i = 0, from = channel, to = first; i < size; i++, from += 3, to += step) out[to] = scaled[data[from]!]!;
  }
  return out;
}

function lookup(mean: number, std: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, value) => (value - mean) / std);
}
