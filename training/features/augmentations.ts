import type { RgbPixels } from '../../core/picture/preprocess.ts';
import type { Preprocessing } from '../../core/picture/preprocessor-config.ts';
import { Random } from '../random.ts';

/**
 * Variants of each picture, encoded once and cached, so that a head sees more than one vector per picture. `full` is
 * exactly what serving sees. The others are made from the same decoded and resized pixels.
 */
export interface Augmentation {
  readonly name: string;
  /** Flipped horizontally. */
  readonly flip: boolean;
  /** A crop at a random position, resized to a random size in this range times the model's input; null for none. */
  readonly zoom: { readonly from: number; readonly to: number } | null;
}

export const FULL: Augmentation = { name: 'full', flip: false, zoom: null };
export const FLIPPED: Augmentation = { name: 'flipped', flip: true, zoom: null };

/** Random crop number `n`; every second one is mirrored. */
export function randomWindow(n: number): Augmentation {
  return { name: `window-${n}`, flip: n % 2 === 1, zoom: { from: 1.05, to: 1.5 } };
}

/** The size to request from the decoder, and the position of the model's square in the result. */
export interface AugmentationPlan {
  readonly preprocessing: Preprocessing;
  /** Corner of the square of `preprocessing.crop` that is cut out of the decoded pixels. */
  readonly left: number;
  readonly top: number;
  readonly flip: boolean;
}

/** Plans the augmentation of one picture, deterministically. `sha256` is that of the picture. */
export function planAugmentation(
  augmentation: Augmentation,
  preprocessing: Preprocessing,
  sha256: string,
): AugmentationPlan {
  if (augmentation.zoom === null) return { preprocessing, left: 0, top: 0, flip: augmentation.flip };
  const random = new Random(0, `${augmentation.name} ${sha256}`);
  const { crop, resize } = preprocessing;
  const { from, to } = augmentation.zoom;
  const size = Math.round(crop * (from + (to - from) * random.uniform()));
  return {
    // The decoder returns the whole resized square; the crop is taken from it.
    preprocessing: { ...preprocessing, resize: { ...resize, size }, crop: size },
    left: random.below(size - crop + 1),
    top: random.below(size - crop + 1),
    flip: augmentation.flip,
  };
}

/** Cuts the model's square of `edge` pixels out of the decoded pixels, mirrored if planned. */
export function cutAugmented(pixels: RgbPixels, plan: AugmentationPlan, edge: number): RgbPixels {
  if (!plan.flip && pixels.width === edge && pixels.height === edge) return pixels;
  const data = new Uint8Array(edge * edge * 3);
  for (let y = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++) {
      const from = 3 * ((plan.top + y) * pixels.width + plan.left + (plan.flip ? edge - 1 - x : x));
      const to = 3 * (y * edge + x);
      for (let c = 0; c < 3; c++) data[to + c] = pixels.data[from + c]!;
    }
  }
  return { data, width: edge, height: edge };
}
