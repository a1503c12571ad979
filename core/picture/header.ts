import { type ImageRejection, SightlineError } from '../errors.ts';
import { allKeywords, exposureOf, METADATA_VERSION, readEmbedded } from '../metadata/embedded.ts';
import { NOTHING_KNOWN } from '../picture-fields.ts';
import type { PictureInfo } from '../ports.ts';
import { findPreview, RAW_TYPES, type RawFormat } from './camera-raw.ts';
import { CONTENT_TYPES, isTruncated, mendEnd, type PictureFormat, sniff } from './format.ts';
import { type Size, turnSize } from './geometry.ts';
import { type Metadata, readMetadata, rejection, type Source, translateFault } from './sharp.ts';
import { needsScaling, unreadableTiff } from './tiff-samples.ts';

/** Reads a picture's format and header, and refuses everything that can be refused without decoding. */

export interface DecodeLimits {
  /** Maximum bytes of a file. */
  readonly maxBytes: number;
  /** Maximum width times height, according to the header. */
  readonly maxPixels: number;
  /**
   * What to do with damaged or truncated files that still show something; `draw` leaves missing parts grey.
   * @default 'refuse'
   */
  readonly damaged?: 'refuse' | 'draw';
}

export interface Header {
  /** The source to decode: the file, or the preview of a camera raw file. */
  readonly source: Source;
  readonly format: PictureFormat;
  readonly metadata: Metadata;
  readonly orientation: number;
  /** Size of the source, before orientation. */
  readonly stored: Size;
  readonly frameBytes: number;
  readonly cmyk: boolean;
  /** The file ends early; whether pixels are missing is only known after decoding all of it. */
  readonly unfinished: boolean;
  readonly picture: PictureInfo;
}

/**
 * Maximum memory for decoding in addition to the file, in bytes. Plain JPEG and PNG are decoded row by row and need
 * very little unless their rows are very long; other forms (progressive, interlaced, WebP, AVIF, GIF, TIFF) need the
 * whole picture. Refused above this, however many pixels are allowed.
 */
const MAX_FRAME_BYTES = 256 * 1024 ** 2;
/** The same for HEIC, which phones write with up to 48 megapixels, and which is decoded in a temporary thread. */
const MAX_HEIC_BYTES = 600 * 1024 ** 2;
/**
 * Maximum rows of a plain picture that libvips holds to reduce it (docs/decisions/0011-decoding-pictures.md).
 */
const HELD_ROWS = { jpeg: 700, png: 1400 } as const;

/**
 * @throws {unreadable-image} with an {@link ImageRejection} in `details.reason`
 * @throws {too-large}
 */
export async function readHeader(bytes: Uint8Array, limits: DecodeLimits): Promise<Header> {
  const sniffed = checkBytes(bytes, limits);
  return sniffed.kind === 'raw'
    ? readRawHeader(bytes, sniffed.format, limits)
    : readFileHeader(bytes, sniffed.format, limits);
}

async function readFileHeader(bytes: Uint8Array, format: PictureFormat, limits: DecodeLimits): Promise<Header> {
  const type = CONTENT_TYPES[format];
  const damaged = limits.damaged === 'draw';
  const truncated = isTruncated(bytes, format);
  const source: Source = { bytes: mendEnd(bytes, format, truncated && !damaged), damaged };
  const unreadable = format === 'tiff' ? unreadableTiff(bytes) : null;
  if (unreadable !== null)
    throw rejection('unsupported-format', `expected colours or grey, got TIFF with ${unreadable}`);
  let metadata: Metadata;
  try {
    metadata = await readMetadata(source);
  } catch (error) {
    throw translateFault(error, type, truncated);
  }
  const stored = { width: metadata.width, height: metadata.pageHeight ?? metadata.height };
  const frameBytes = estimateFrameBytes(format, metadata, stored);
  checkSize(stored, frameBytes, type, limits);
  // The HEIF decoder applies the rotation; EXIF only repeats it.
  const orientation = format === 'heic' ? 1 : (metadata.orientation ?? 1);
  const { exif, xmp, iptc } = metadata;
  const embedded = readEmbedded(bytes, format, { exif: format === 'tiff' ? bytes : exif, xmp, iptc });
  return {
    source,
    format,
    metadata,
    orientation,
    stored,
    frameBytes,
    // Anything but 8 bits is left to libvips, which converts through a generic CMYK profile.
    cmyk: metadata.space === 'cmyk' && metadata.depth === 'uchar',
    unfinished: truncated && !damaged,
    picture: {
      ...NOTHING_KNOWN,
      contentType: type,
      ...turnSize(stored, orientation),
      ...embedded,
      metadataVersion: METADATA_VERSION,
    },
  };
}

/** The header of the camera's own JPEG in a raw file, with the raw file's data about the photo. */
async function readRawHeader(bytes: Uint8Array, raw: RawFormat, limits: DecodeLimits): Promise<Header> {
  const preview = findPreview(bytes);
  if (preview === null) {
    throw rejection(
      'unsupported-format',
      `expected a camera raw file with a large JPEG inside, got ${raw} without one`,
    );
  }
  const header = await readFileHeader(preview.jpeg, 'jpeg', limits);
  const orientation = preview.orientation ?? header.orientation;
  const own = readEmbedded(bytes, 'raw', preview.blocks);
  const { takenAt, takenFrom, camera, lens, keywords } = header.picture;
  const dated = own.takenAt === null ? { takenAt, takenFrom } : { takenAt: own.takenAt, takenFrom: own.takenFrom };
  return {
    ...header,
    orientation,
    picture: {
      ...header.picture,
      ...dated,
      contentType: RAW_TYPES[raw],
      ...turnSize(preview.photo, orientation),
      camera: own.camera ?? camera,
      lens: own.lens ?? lens,
      ...exposureOf(own, header.picture),
      keywords: allKeywords(own.keywords, keywords),
    },
  };
}

function checkBytes(bytes: Uint8Array, { maxBytes }: DecodeLimits) {
  if (bytes.length === 0) throw rejection('empty', 'expected a picture, got 0 bytes');
  if (bytes.length > maxBytes) {
    throw new SightlineError('too-large', `expected at most ${maxBytes} bytes, got ${bytes.length}`, {
      details: { reason: 'too-large' satisfies ImageRejection, maxBytes, bytes: bytes.length },
    });
  }
  const sniffed = sniff(bytes);
  if (sniffed.kind === 'picture' || sniffed.kind === 'raw') return sniffed;
  const expected = 'expected JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF or camera raw';
  throw sniffed.kind === 'unsupported'
    ? rejection('unsupported-format', `${expected}, got ${sniffed.name}`)
    : rejection('not-an-image', `${expected}, got bytes that are none of them`);
}

function checkSize({ width, height }: Size, frameBytes: number, type: string, { maxPixels }: DecodeLimits): void {
  const pixels = width * height;
  if (pixels === 0) throw rejection('corrupt', `expected at least 1 x 1 pixels, got ${width} x ${height}`);
  if (pixels > maxPixels) {
    throw rejection('too-many-pixels', `expected at most ${maxPixels} pixels, got ${width} x ${height}`);
  }
  const most = type === CONTENT_TYPES.heic ? MAX_HEIC_BYTES : MAX_FRAME_BYTES;
  if (frameBytes > most) {
    throw rejection(
      'too-many-pixels',
      `expected a picture that decodes within ${most} bytes, got ${width} x ${height} pixels ` +
        `in a form of ${type} that needs about ${frameBytes}`,
    );
  }
}

/**
 * Memory for decoding: for the whole picture, or for the rows held when decoding row by row. The factors are measured
 * growth of the process with pictures of 12 to 100 megapixels (docs/decisions/0011-decoding-pictures.md).
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
      // Usually far less, but a file may be one strip. Samples that are scaled here are held twice, and then as RGB.
      return pixels * (needsScaling(metadata) ? channels * sample * 2 + 3 : channels * sample);
    case 'avif':
      return pixels * 19 * sample;
    case 'heic':
      return pixels * 12;
    case 'webp':
      return pixels * 8.5;
    case 'gif':
      return pixels * 5;
  }
}
