import { numberOf, openTiff, readDirectory } from '../metadata/tiff.ts';
import { type Metadata, openPicture, type Source } from './sharp.ts';

/** TIFF files with samples of other than 8 or 16 bits, or extra bands: scaled by a rule, or refused by name. */

/** Tags of TIFF 6.0, section 8 and following. */
const BITS = 0x0102;
const COMPRESSION = 0x0103;
const PHOTOMETRIC = 0x0106;
const SAMPLES = 0x0115;
const SAMPLE_FORMAT = 0x0153;
const WANTED = new Set([BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, SAMPLE_FORMAT]);

/** Grey, RGB, palettes, inks and YCbCr. */
const DRAWN: readonly number[] = [0, 1, 2, 3, 5, 6];
const WHOLE_BITS: readonly number[] = [1, 2, 4, 8, 16, 32];
/** None, CCITT, LZW, JPEG in both forms, Deflate in both, PackBits: what libvips, as sharp has it, unpacks. */
const COMPRESSIONS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 32_773, 32_946];
const OTHER_COMPRESSIONS: Readonly<Record<number, string>> = { 34925: 'LZMA', 50000: 'ZSTD', 50001: 'WebP' };

/** Describes a TIFF that libvips would draw wrongly or call broken; null for others. */
export function unreadableTiff(bytes: Uint8Array): string | null {
  const tiff = openTiff(bytes);
  if (tiff === null) return null;
  const { entries } = readDirectory(tiff, tiff.first, WANTED);
  const value = (tag: number, otherwise: number) => numberOf(tiff, entries.get(tag)) ?? otherwise;
  const photometric = value(PHOTOMETRIC, 2);
  const samples = value(SAMPLES, 1);
  const format = value(SAMPLE_FORMAT, 1);
  const compression = value(COMPRESSION, 1);
  if (!COMPRESSIONS.includes(compression)) {
    return `compression by ${OTHER_COMPRESSIONS[compression] ?? `the method ${compression}`}`;
  }
  if (photometric >= 8 && photometric <= 10) return 'CIELAB colours';
  // JPEG converts its own YCbCr; otherwise libvips would show luminance as red.
  if (photometric === 6 && ![6, 7].includes(compression)) return 'YCbCr colours outside JPEG';
  if (photometric === 5 && samples > 4) return `${samples} inks`;
  if (photometric <= 1 && samples > 2) return `${samples} bands of no stated colour`;
  if (format === 5 || format === 6) return 'complex numbers as samples';
  if (!DRAWN.includes(photometric)) return `colours of the kind ${photometric}`;
  const bits = value(BITS, 1);
  if (format === 3 && bits === 16) return 'floating-point samples of 16 bits';
  return WHOLE_BITS.includes(bits) ? null : `samples of ${bits} bits`;
}

/** Whether libvips would clip the samples, or treat extra bands as transparency. */
export function needsScaling({ space, channels, depth, icc }: Metadata): boolean {
  // With a profile, floating-point samples are linear light, and libvips treats them that way.
  if (depth === 'float') return icc === undefined || channels < 3;
  return !['uchar', 'ushort'].includes(depth) || (space !== 'cmyk' && channels > 4);
}

/**
 * Converts such samples to 8-bit RGB, in height x width x 3 bytes.
 *
 * Colours keep their zero and are divided by the nominal maximum of their number type: 1 (even if some highlights are
 * brighter), 255, 65,535 or 2^32 - 1, or by the actual maximum if that is far from all of these. Grey with values
 * outside 0 to 255 is more often a measurement than a photo, and is stretched from minimum to maximum.
 * @throws {Error} of sharp
 */
export async function scaleSamples(source: Source, metadata: Metadata, maxPixels: number): Promise<Uint8Array> {
  const { space, depth } = metadata;
  const plain = depth === 'uchar' || depth === 'ushort';
  const { data, info } = await openPicture(source, { maxPixels, ignoreIcc: true })
    .pipelineColourspace(space)
    .toColourspace(space)
    .raw({ depth: plain ? depth : 'float' })
    .toBuffer({ resolveWithObject: true });
  const samples = depth === 'uchar' ? data : new (plain ? Uint16Array : Float32Array)(data.buffer, data.byteOffset);
  const colours = info.channels >= 3 ? 3 : 1;
  const [low, high] = plain ? [0, depth === 'uchar' ? 255 : 65_535] : rangeOf(samples, info.channels, colours);
  const rgb = new Uint8Array((samples.length / info.channels) * 3);
  const factor = high > low ? 255 / (high - low) : 0;
  for (let from = 0, to = 0; to < rgb.length; from += info.channels, to += 3) {
    for (let c = 0; c < 3; c++) {
      // NaN becomes 0.
      rgb[to + c] = Math.min(255, Math.max(0, Math.round((samples[from + (c % colours)]! - low) * factor)));
    }
  }
  return rgb;
}

function rangeOf(samples: ArrayLike<number>, channels: number, colours: number): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]!;
    if (i % channels >= colours || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (colours === 1 && (low < 0 || high > 255 || (high > 1 && high <= 16))) return [low, high];
  const whole = [1, 255, 65_535, 2 ** 32].find((limit) => high <= limit * (limit === 1 ? 16 : 1));
  return [0, whole === undefined || high < whole / 16 ? high : whole];
}
