import sharp, { type Metadata, type Sharp } from 'sharp';
import { type ImageRejection, SightlineError } from '../errors.ts';
import { NOTHING_KNOWN } from '../picture-fields.ts';
import type { PictureInfo } from '../ports.ts';
import { enlarge } from './enlarge.ts';
import { takenAt } from './exif.ts';
import { type Kernel, type Plan, planCrop, type Size, storedRect, turnSize, turnUpright } from './geometry.ts';
import { CONTENT_TYPES, isTruncated, type PictureFormat, sniff } from './picture-format.ts';
import type { RgbPixels } from './preprocess.ts';
import type { Preprocessing } from './preprocessor-config.ts';

/** The one door to sharp: the bytes of a picture to the pixels a model sees, or to a thumbnail. */

// One picture is decoded by one thread; several at a time run in parallel on libuv's pool. That and no cache were the
// fastest and smallest of the settings tried (docs/decisions/0018-threads.md).
sharp.concurrency(1);
sharp.cache(false);
// Bytes from strangers reach these decoders only: SVG would fetch and draw, others are seldom looked at by anyone.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((loader) => `VipsForeignLoad${loader}`),
});

export interface DecodeLimits {
  /** Of the file. */
  readonly maxBytes: number;
  /** Width times height, as the header says. */
  readonly maxPixels: number;
}

/**
 * Most memory that decoding may need beside the file, in bytes. Plain JPEG and PNG are decoded row by row and need next
 * to nothing unless their rows are very long; what cannot be (progressive, interlaced, WebP, AVIF, GIF, TIFF) needs all of
 * the picture. Refused above this, however many pixels are allowed.
 */
const MAX_FRAME_BYTES = 256 * 1024 ** 2;
/** Pictures that need more than this are decoded one after the other, so that several at once stay within memory. */
const HEAVY_FRAME_BYTES = 64 * 1024 ** 2;
/** Rows of a plain picture that libvips holds while it makes it smaller, at most (docs/decisions/0011-decoding-pictures.md). */
const HELD_ROWS = { jpeg: 700, png: 1400 } as const;
/** Larger EXIF blocks cannot come from a camera: a JPEG segment ends here. */
const MAX_EXIF_BYTES = 65_536;

interface Header {
  readonly bytes: Uint8Array;
  readonly format: PictureFormat;
  readonly orientation: number;
  /** As stored, before orientation. */
  readonly stored: Size;
  readonly frameBytes: number;
  readonly cmyk: boolean;
  readonly picture: PictureInfo;
}

/**
 * Decodes a picture and cuts out what the model sees: EXIF orientation applied, transparency over white, first frame of
 * an animation, any colour space to 8-bit RGB. Colour profiles are ignored, as they were when the models were trained.
 * Resizing goes through all pixels of the file, not through a reduced JPEG decode, which would shift small pictures.
 *
 * Throws `unreadable-image` with an {@link ImageRejection} in `details.reason`, or `too-large`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  preprocessing: Preprocessing,
  limits: DecodeLimits,
): Promise<{ pixels: RgbPixels; picture: PictureInfo }> {
  const header = await readHeader(bytes, limits);
  if (isTruncated(bytes, header.format)) throw rejection('truncated', 'the file ends before the picture does');
  const pixels = await inTurn(header.frameBytes, () => decodeCrop(header, preprocessing, limits));
  return { pixels, picture: header.picture };
}

export interface Thumbnail extends Size {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/**
 * A small version of a picture: upright, at most `maxEdge` pixels along its longer edge and never enlarged, colours
 * converted to sRGB, all metadata gone. Throws as {@link decodeImage}.
 */
export async function thumbnail(
  bytes: Uint8Array,
  maxEdge: number,
  options: {
    limits: DecodeLimits;
    /** @default 'webp' */
    format?: 'webp' | 'jpeg';
    /** 1 to 100. @default 78 */
    quality?: number;
  },
): Promise<Thumbnail> {
  const { limits, format = 'webp', quality = 78 } = options;
  const header = await readHeader(bytes, limits);
  const { data, info } = await inTurn(header.frameBytes, () => {
    const small = open(bytes, limits)
      .autoOrient()
      .resize({ width: maxEdge, height: maxEdge, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb');
    const encoded = format === 'webp' ? small.webp({ quality, effort: 3 }) : small.jpeg({ quality, mozjpeg: false });
    return finish(header, encoded);
  });
  return { bytes: data, contentType: CONTENT_TYPES[format], width: info.width, height: info.height };
}

/** Everything that can be refused is refused here, before any pixel is decoded. */
async function readHeader(bytes: Uint8Array, limits: DecodeLimits): Promise<Header> {
  const format = checkBytes(bytes, limits);
  let metadata: Metadata;
  try {
    metadata = await sharp(bytes, { limitInputPixels: false, failOn: 'error' }).metadata();
  } catch (error) {
    throw translate(error, bytes, format);
  }
  const stored = { width: metadata.width, height: metadata.pageHeight ?? metadata.height };
  const pixels = stored.width * stored.height;
  if (pixels === 0)
    throw rejection('corrupt', `expected at least 1 x 1 pixels, got ${stored.width} x ${stored.height}`);
  if (pixels > limits.maxPixels) {
    throw rejection(
      'too-many-pixels',
      `expected at most ${limits.maxPixels} pixels, got ${stored.width} x ${stored.height}`,
    );
  }
  const frameBytes = estimateFrameBytes(format, metadata, stored);
  if (frameBytes > MAX_FRAME_BYTES) {
    throw rejection(
      'too-many-pixels',
      `expected a picture that decodes within ${MAX_FRAME_BYTES} bytes, got ${stored.width} x ${stored.height} pixels ` +
        `in a form of ${CONTENT_TYPES[format]} that needs about ${frameBytes}`,
    );
  }
  const orientation = metadata.orientation ?? 1;
  const exif = metadata.exif;
  return {
    ...{ bytes, format, orientation, stored, frameBytes },
    // Anything but 8 bits is left to libvips, which converts through a generic CMYK profile.
    cmyk: metadata.space === 'cmyk' && metadata.depth === 'uchar',
    picture: {
      ...NOTHING_KNOWN,
      contentType: CONTENT_TYPES[format],
      ...turnSize(stored, orientation),
      takenAt: exif === undefined || exif.length > MAX_EXIF_BYTES ? null : takenAt(exif),
    },
  };
}

function checkBytes(bytes: Uint8Array, { maxBytes }: DecodeLimits): PictureFormat {
  if (bytes.length === 0) throw rejection('empty', 'expected a picture, got 0 bytes');
  if (bytes.length > maxBytes) {
    throw new SightlineError('too-large', `expected at most ${maxBytes} bytes, got ${bytes.length}`, {
      details: { reason: 'too-large' satisfies ImageRejection, maxBytes, bytes: bytes.length },
    });
  }
  const sniffed = sniff(bytes);
  if (sniffed.kind === 'picture') return sniffed.format;
  const expected = 'expected JPEG, PNG, WebP, GIF, AVIF or TIFF';
  throw sniffed.kind === 'unsupported'
    ? rejection('unsupported-format', `${expected}, got ${sniffed.name}`)
    : rejection('not-an-image', `${expected}, got bytes that are none of them`);
}

/**
 * Memory that decoding takes: of the whole picture, or of the rows that are held when it goes row by row. The factors are
 * what the process grew by when pictures of 12 to 100 megapixels were decoded (docs/decisions/0011-decoding-pictures.md).
 */
function estimateFrameBytes(format: PictureFormat, metadata: Metadata, { width, height }: Size): number {
  const { channels, depth, isProgressive, chromaSubsampling } = metadata;
  const sample = depth === 'uchar' ? 1 : depth === 'ushort' ? 2 : 4;
  const pixels = width * height;
  if ((format === 'jpeg' || format === 'png') && !isProgressive) {
    return width * channels * sample * Math.min(height, HELD_ROWS[format]);
  }
  switch (format) {
    case 'jpeg':
      // libjpeg keeps a 16-bit coefficient per sample until the last scan; 4:2:0 has half as many samples.
      return pixels * 2.1 * (chromaSubsampling?.startsWith('4:2:0') ? 1.5 : channels);
    case 'png':
      return pixels * channels * sample * 1.4;
    case 'tiff':
      // Usually far less, but a file may be one strip.
      return pixels * channels * sample;
    case 'avif':
      return pixels * 19 * sample;
    case 'webp':
      return pixels * 8.5;
    case 'gif':
      return pixels * 5;
  }
}

let lastHeavy: Promise<unknown> = Promise.resolve();

/** Runs `work` at once, or after the other heavy ones when it is heavy itself. */
function inTurn<T>(frameBytes: number, work: () => Promise<T>): Promise<T> {
  if (frameBytes <= HEAVY_FRAME_BYTES) return work();
  const result = lastHeavy.then(work);
  lastHeavy = result.catch(() => undefined);
  return result;
}

/** Only serious faults and missing data count: many cameras write files that libjpeg merely frowns at. */
function open(bytes: Uint8Array, { maxPixels }: DecodeLimits, ignoreIcc = false): Sharp {
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', ignoreIcc });
}

/**
 * The crop is cut out in the stored orientation and turned afterwards: turning a whole picture first would need all of it
 * in memory and takes seven times as long at 12 megapixels. Resize and centre crop do not care.
 */
async function decodeCrop(header: Header, preprocessing: Preprocessing, limits: DecodeLimits): Promise<RgbPixels> {
  const { orientation, picture } = header;
  const { kernel, background } = preprocessing.resize;
  const plan = planCrop(picture, preprocessing);
  const stored = await decodeWindow(header, plan, kernel, limits);
  const upright = turnUpright(stored, turnSize(plan.window, orientation), orientation);
  const { data, size } = enlarge(upright, plan.window, plan.enlarge, kernel);
  const { edge } = plan;
  if (size.width === edge && size.height === edge) return { data, ...size };
  return { data: onCanvas(data, size, plan, background ?? [0, 0, 0]), width: edge, height: edge };
}

/** Reduces the picture as planned and cuts out the window, as RGB in the stored orientation. */
async function decodeWindow(header: Header, plan: Plan, kernel: Kernel, limits: DecodeLimits): Promise<Uint8Array> {
  const { bytes, cmyk, orientation } = header;
  const reduced = turnSize(plan.reduced, orientation);
  let pipeline = open(bytes, limits, true);
  // libvips would convert CMYK through a profile; models were trained on the plain formula, which needs the four inks.
  if (cmyk) pipeline = pipeline.pipelineColourspace('cmyk');
  pipeline = pipeline
    .flatten({ background: '#ffffff' })
    .resize({
      ...reduced,
      fit: 'fill',
      kernel: kernel === 'bicubic' ? 'cubic' : 'linear',
      fastShrinkOnLoad: false,
    })
    .extract(storedRect(plan.window, reduced, orientation))
    .toColourspace(cmyk ? 'cmyk' : 'srgb')
    .raw({ depth: 'uchar' });
  const { data, info } = await finish(header, pipeline);
  if (cmyk) return inksToRgb(data, info.channels);
  if (info.channels !== 3) throw new Error(`expected sharp to answer with 3 channels, got ${info.channels}`);
  return data;
}

/** Puts a picture that is smaller than the square onto it. */
function onCanvas(data: Uint8Array, size: Size, { edge, place }: Plan, background: readonly number[]): Uint8Array {
  const canvas = new Uint8Array(edge * edge * 3);
  for (let i = 0; i < canvas.length; i++) canvas[i] = background[i % 3]!;
  for (let row = 0; row < size.height; row++) {
    const from = row * size.width * 3;
    canvas.set(data.subarray(from, from + size.width * 3), 3 * ((place.top + row) * edge + place.left));
  }
  return canvas;
}

/** The conversion without a profile that Pillow does, too: each colour is what its ink and black leave of the light. */
function inksToRgb(inks: Uint8Array, channels: number): Uint8Array {
  const rgb = new Uint8Array((inks.length / channels) * 3);
  for (let from = 0, to = 0; from < inks.length; from += channels, to += 3) {
    const light = 255 - inks[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to + c] = Math.round(((255 - inks[from + c]!) * light) / 255);
  }
  return rgb;
}

async function finish(header: Header, pipeline: Sharp): ReturnType<typeof toBuffer> {
  try {
    return await toBuffer(pipeline);
  } catch (error) {
    throw translate(error, header.bytes, header.format);
  }
}

function toBuffer(pipeline: Sharp) {
  return pipeline.toBuffer({ resolveWithObject: true });
}

/** sharp tells its faults apart by their text only. */
function translate(error: unknown, bytes: Uint8Array, format: PictureFormat): SightlineError {
  const message = (error as Error).message.split('\n')[0]!.trim().replace(/:$/, '');
  if (/out of memory|unable to allocate/i.test(message)) {
    return new SightlineError('unavailable', `decoding failed: ${message}`, { cause: error });
  }
  if (/pixel limit/i.test(message)) return rejection('too-many-pixels', message, error);
  if (isTruncated(bytes, format) || /premature|truncat|unexpected end|end of (file|stream)|not enough/i.test(message)) {
    return rejection('truncated', `the file ends before the picture does: ${message}`, error);
  }
  if (/unsupported|not supported|unknown compression|no decod/i.test(message) && !/empty jpeg/i.test(message)) {
    return rejection(
      'unsupported-format',
      `${CONTENT_TYPES[format]} in a form that is not read here: ${message}`,
      error,
    );
  }
  return rejection('corrupt', `${CONTENT_TYPES[format]} that cannot be decoded: ${message}`, error);
}

function rejection(reason: ImageRejection, message: string, cause?: unknown): SightlineError {
  return new SightlineError('unreadable-image', message, { cause, details: { reason } });
}
