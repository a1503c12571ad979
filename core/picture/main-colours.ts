import { COLOURS, type Colour } from './colour-names.ts';
import type { RgbPixels } from './preprocess.ts';

/** Finds the main colours of a picture in the pixels decoded for the model. */

/** Bits per channel used to name a pixel: the table has 32,768 colours. */
const BITS = 5;
const SHIFT = 8 - BITS;
/** Names, by their index in the table. */
const NAMES: readonly Colour[] = COLOURS.filter((colour) => colour !== 'monochrome');
const NAMELESS = NAMES.length;

/** Minimum share of the pixels for a main colour. Black, white, grey and brown are in most pictures. */
const LEAST_SHARE = 0.15;
const LEAST_PLAIN_SHARE = 0.3;
const PLAIN: readonly Colour[] = ['black', 'white', 'grey', 'brown'];

/** Maximum difference of red and blue from the brightness, of 255, for a grey pixel: JPEG adds some. */
const MOST_TINT = 6;
/** Maximum share of coloured pixels in a monochrome picture, such as a date in its corner. */
const MOST_TINTED = 0.01;

/** Samples one of this many pixels: the others are like their neighbours. */
const EVERY = 3;

/** The main colours, in the order of {@link COLOURS}; plus `monochrome` when there is no colour at all. */
export function coloursOf({ data }: RgbPixels): Colour[] {
  table ??= makeTable();
  const names = table;
  const counts = new Uint32Array(NAMELESS + 1);
  let [pixels, tinted] = [0, 0];
  for (let at = 0; at < data.length; at += 3 * EVERY, pixels++) {
    const r = data[at]!;
    const g = data[at + 1]!;
    const b = data[at + 2]!;
    counts[names[((r >> SHIFT) << (2 * BITS)) | ((g >> SHIFT) << BITS) | (b >> SHIFT)]!]!++;
    const brightness = (299 * r + 587 * g + 114 * b) / 1000;
    if (Math.abs(b - brightness) > MOST_TINT || Math.abs(r - brightness) > MOST_TINT) tinted++;
  }
  const isMonochrome = tinted <= MOST_TINTED * pixels;
  return COLOURS.filter((colour) => {
    if (colour === 'monochrome') return isMonochrome;
    const least = PLAIN.includes(colour) ? LEAST_PLAIN_SHARE : LEAST_SHARE;
    return counts[NAMES.indexOf(colour)]! >= least * pixels;
  });
}

let table: Uint8Array | undefined;

/** The index of each colour's name in {@link NAMES}; takes a few milliseconds. */
function makeTable(): Uint8Array {
  const names = new Uint8Array(2 ** (3 * BITS));
  const channel = (value: number) => ((value & (2 ** BITS - 1)) + 0.5) / 2 ** BITS;
  for (let at = 0; at < names.length; at++) {
    const name = nameOf(channel(at >> (2 * BITS)), channel(at >> BITS), channel(at));
    names[at] = name === null ? NAMELESS : NAMES.indexOf(name);
  }
  return names;
}

/** Upper bound of each vivid colour's hue, in degrees of OKLCH; after the last it is red again. */
const HUES: readonly (readonly [number, Colour])[] = [
  [12, 'pink'],
  [40, 'red'],
  [78, 'orange'],
  [115, 'yellow'],
  [190, 'green'],
  [288, 'blue'],
  [330, 'purple'],
  [360, 'pink'],
];

/** The common name of a colour; null between two names. Channels from 0 to 1. */
export function nameOf(r: number, g: number, b: number): Colour | null {
  const { lightness, chroma, hue } = oklch(r, g, b);
  if (lightness < 0.2 || (lightness < 0.3 && chroma < 0.05)) return 'black';
  if (lightness > 0.87 && chroma < 0.03) return 'white';
  const isWarm = hue > 20 && hue < 110;
  if (chroma < (isWarm ? 0.03 : 0.035)) return 'grey';
  const name = HUES.find(([upTo]) => hue < upTo)![1];
  if (isWarm && chroma < 0.12 && lightness < 0.68) return hue < 100 ? 'brown' : null;
  if (isWarm && chroma < 0.085) return null;
  if (name === 'red' && lightness > 0.72) return 'pink';
  if (name === 'orange' && lightness < 0.58) return hue < 50 ? 'red' : 'brown';
  if (name === 'pink' && lightness < 0.5) return hue > 180 ? 'purple' : 'red';
  if (name === 'green' || name === 'blue') return chroma < 0.06 ? null : name;
  return name;
}

/** sRGB to OKLCH (Ottosson 2020, "A perceptual color space for image processing"). */
function oklch(r: number, g: number, b: number): { lightness: number; chroma: number; hue: number } {
  const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const [x, y, z] = [linear(r), linear(g), linear(b)];
  const l = Math.cbrt(0.4122214708 * x + 0.5363325363 * y + 0.0514459929 * z);
  const m = Math.cbrt(0.2119034982 * x + 0.6806995451 * y + 0.1073969566 * z);
  const s = Math.cbrt(0.0883024619 * x + 0.2817188376 * y + 0.6299787005 * z);
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const c = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  const hue = (Math.atan2(c, a) * 180) / Math.PI;
  return {
    lightness: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    chroma: Math.hypot(a, c),
    hue: hue < 0 ? hue + 360 : hue,
  };
}
