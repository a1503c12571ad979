import type { Preprocessing } from './preprocessor-config.ts';

/** Computes which pixels of a picture the model sees; decoding applies it. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Rect extends Size {
  readonly left: number;
  readonly top: number;
}

/** Enlarges source pixels [start, start + length) of an axis to outputs [from, from + size) of `target`. */
export interface Enlargement {
  /** Pixels of the whole axis, before and after enlarging. */
  readonly source: number;
  readonly target: number;
  readonly start: number;
  readonly from: number;
  readonly size: number;
}

/**
 * First the whole picture is reduced to `reduced`, then `window` is cut out, then axes that are too small are enlarged
 * to the edge of the square.
 */
export interface Plan {
  readonly reduced: Size;
  /** Inside `reduced`. */
  readonly window: Rect;
  /** Null when that axis of the window already has its final size. */
  readonly enlarge: { readonly x: Enlargement | null; readonly y: Enlargement | null };
}

/**
 * Plans resize and centre crop of an upright picture. Rounding is that of the reference implementations: the long edge
 * is rounded down (torchvision `resize`, transformers `get_resize_output_image_size`), and an odd rest of the crop goes
 * to the right and below (transformers `center_crop`; the golden data agree).
 *
 * Only the part that the crop needs is ever enlarged, so that a picture of 1 x 30,000 pixels costs nothing.
 */
export function planCrop(source: Size, { resize, crop: edge }: Pick<Preprocessing, 'resize' | 'crop'>): Plan {
  const resized = resizedSize(source, resize);
  const x = planAxis(source.width, resized.width, edge, resize.kernel);
  const y = planAxis(source.height, resized.height, edge, resize.kernel);
  return {
    reduced: { width: x.reduced, height: y.reduced },
    window: { left: x.start, top: y.start, width: x.length, height: y.length },
    enlarge: { x: x.enlarge, y: y.enlarge },
  };
}

/** Size of the whole picture after the manifest's resize, before the crop. */
function resizedSize({ width, height }: Size, { mode, size }: Preprocessing['resize']): Size {
  if (mode === 'squash') return { width: size, height: size };
  return width <= height
    ? { width: size, height: Math.floor((size * height) / width) }
    : { width: Math.floor((size * width) / height), height: size };
}

interface AxisPlan {
  readonly reduced: number;
  readonly start: number;
  readonly length: number;
  readonly enlarge: Enlargement | null;
}

function planAxis(source: number, target: number, edge: number, kernel: Kernel): AxisPlan {
  // `edge` is at most the resized shorter edge.
  const from = Math.floor((target - edge) / 2);
  if (target <= source) return { reduced: target, start: from, length: edge, enlarge: null };
  const reach = KERNEL_REACH[kernel];
  const start = Math.max(0, Math.floor(((from + 0.5) * source) / target - reach));
  const end = Math.min(source, Math.ceil(((from + edge - 0.5) * source) / target + reach));
  return { reduced: source, start, length: end - start, enlarge: { source, target, start, from, size: edge } };
}

export type Kernel = Preprocessing['resize']['kernel'];

/** Source pixels on each side that contribute to a value. */
export const KERNEL_REACH: Readonly<Record<Kernel, number>> = { bilinear: 1, bicubic: 2 };

/**
 * EXIF orientation (Exif 2.32, 4.6.4 A): upright (x, y) is stored at (x, y), swapped and then mirrored as it says.
 */
interface Turn {
  readonly swap: boolean;
  readonly flipX: boolean;
  readonly flipY: boolean;
}

const TURNS: readonly Turn[] = [
  { swap: false, flipX: false, flipY: false },
  { swap: false, flipX: true, flipY: false },
  { swap: false, flipX: true, flipY: true },
  { swap: false, flipX: false, flipY: true },
  { swap: true, flipX: false, flipY: false },
  { swap: true, flipX: false, flipY: true },
  { swap: true, flipX: true, flipY: true },
  { swap: true, flipX: true, flipY: false },
];

/** `orientation` is 1 to 8; anything else counts as 1, as in every viewer. */
function turnOf(orientation: number): Turn {
  return TURNS[orientation - 1] ?? TURNS[0]!;
}

/** Converts between the size as stored and upright. */
export function turnSize(size: Size, orientation: number): Size {
  return turnOf(orientation).swap ? { width: size.height, height: size.width } : size;
}

/** A rectangle of the upright picture as a rectangle of the stored one, whose size is given. */
export function storedRect(rect: Rect, stored: Size, orientation: number): Rect {
  const { swap, flipX, flipY } = turnOf(orientation);
  const { width, height } = swap ? { width: rect.height, height: rect.width } : rect;
  const [left, top] = swap ? [rect.top, rect.left] : [rect.left, rect.top];
  return {
    left: flipX ? stored.width - left - width : left,
    top: flipY ? stored.height - top - height : top,
    width,
    height,
  };
}

/**
 * Turns stored pixels upright.
 * @param stored size.height x size.width x 3
 */
export function turnUpright(stored: Uint8Array, size: Size, orientation: number): Uint8Array {
  const { swap, flipX, flipY } = turnOf(orientation);
  if (!swap && !flipX && !flipY) return stored;
  const upright = turnSize(size, orientation);
  // Walking one pixel to the right and one row down in the upright picture moves this far in the stored bytes.
  const [dx, dy] = [flipX ? -3 : 3, (flipY ? -3 : 3) * size.width];
  const [right, down] = swap ? [dy, dx] : [dx, dy];
  const first = 3 * ((flipY ? size.height - 1 : 0) * size.width + (flipX ? size.width - 1 : 0));
  const out = new Uint8Array(stored.length);
  for (let y = 0, to = 0; y < upright.height; y++) {
    for (let x = 0, from = first + y * down; x < upright.width; x++, from += right, to += 3) {
      out[to] = stored[from]!;
      out[to + 1] = stored[from + 1]!;
      out[to + 2] = stored[from + 2]!;
    }
  }
  return out;
}
