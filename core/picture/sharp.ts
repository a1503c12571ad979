import sharp, { type Metadata, type Sharp } from 'sharp';
import { type ImageRejection, SightlineError } from '../errors.ts';

/** The only user of sharp: configures it, opens pictures, and translates its faults. */

// One thread per picture; several pictures run in parallel on libuv's pool. This and no cache were the fastest and
// smallest of the settings tried (docs/decisions/0018-threads.md).
sharp.concurrency(1);
sharp.cache(false);
// Untrusted bytes reach only these decoders: SVG would fetch and draw, and others are rarely audited.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((loader) => `VipsForeignLoad${loader}`),
});

export type { Metadata, Sharp };

/** Input for sharp. */
export interface Source {
  /** A file, or raw pixels if `pixels` gives their size. */
  readonly bytes: Uint8Array;
  /** 8-bit sRGB, rows from the top. */
  readonly pixels?: { readonly width: number; readonly height: number };
  /** Frame of an animation. @default 0 */
  readonly frame?: number;
  /** Draws the intact parts of a damaged file. @default false */
  readonly damaged?: boolean;
}

/**
 * The header of a file, without a limit: the caller checks the size.
 * @throws {Error} of sharp
 */
export function readMetadata({ bytes, damaged }: Source): Promise<Metadata> {
  return sharp(bytes, { limitInputPixels: false, failOn: damaged ? 'none' : 'error' }).metadata();
}

/**
 * Opens a picture. Only serious faults and missing data are errors: many cameras write files that cause warnings in
 * libjpeg.
 * @param options.strict treats warnings as errors, too
 */
export function openPicture(
  source: Source,
  options: { maxPixels: number; ignoreIcc?: boolean; strict?: boolean },
): Sharp {
  const { bytes, pixels, frame = 0, damaged } = source;
  const { maxPixels: limitInputPixels, ignoreIcc = false, strict } = options;
  if (pixels !== undefined) return sharp(bytes, { limitInputPixels, raw: { ...pixels, channels: 3 } });
  const failOn = damaged ? 'none' : strict ? 'warning' : 'error';
  return sharp(bytes, { limitInputPixels, failOn, ignoreIcc, page: frame });
}

/** sharp's faults differ only by their text. `truncated` when the file's structure already shows it. */
export function translateFault(error: unknown, what: string, truncated: boolean): SightlineError {
  if (error instanceof SightlineError) return error;
  const message = (error as Error).message.split('\n')[0]!.trim().replace(/:$/, '');
  if (/out of memory|unable to allocate/i.test(message)) {
    return new SightlineError('unavailable', `decoding failed: ${message}`, { cause: error });
  }
  if (/pixel limit/i.test(message)) return rejection('too-many-pixels', message, error);
  const isCutOff = /premature|truncat|unexpected end|end of (file|stream)|not enough|got \d+ bytes, expected/i;
  if (truncated || isCutOff.test(message)) {
    return rejection('truncated', `the file ends before the picture does: ${message}`, error);
  }
  if (
    /unsupported|not (supported|configured)|unknown compression|no (decod|known route)/i.test(message) &&
    !/empty jpeg/i.test(message)
  ) {
    return rejection('unsupported-format', `${what} in a form that is not read here: ${message}`, error);
  }
  return rejection('corrupt', `${what} that cannot be decoded: ${message}`, error);
}

export function rejection(reason: ImageRejection, message: string, cause?: unknown): SightlineError {
  return new SightlineError('unreadable-image', message, { cause, details: { reason } });
}
