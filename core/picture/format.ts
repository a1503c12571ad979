/** Detects formats from the content: file names and declared types are unreliable. */

import { RAW_TYPES, type RawFormat, rawFormat } from './camera-raw.ts';

export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'heic' | 'tiff';

export const CONTENT_TYPES: Readonly<Record<PictureFormat, string>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  heic: 'image/heic',
  tiff: 'image/tiff',
};

export type Sniffed =
  | { readonly kind: 'picture'; readonly format: PictureFormat }
  /** A camera raw file, with a JPEG inside. */
  | { readonly kind: 'raw'; readonly format: RawFormat }
  /** A picture or document in an unsupported format. */
  | { readonly kind: 'unsupported'; readonly name: string }
  | { readonly kind: 'unknown' };

/** [offset, signature as Latin-1, format] */
const READ: readonly (readonly [number, string, PictureFormat])[] = [
  [0, '\xff\xd8\xff', 'jpeg'],
  [0, '\x89PNG\r\n\x1a\n', 'png'],
  [0, 'GIF87a', 'gif'],
  [0, 'GIF89a', 'gif'],
  [0, 'II*\0', 'tiff'],
  [0, 'MM\0*', 'tiff'],
  [0, 'II+\0', 'tiff'],
  [0, 'MM\0+', 'tiff'],
];

const REFUSED: readonly (readonly [string, string])[] = [
  ['%PDF-', 'PDF'],
  ['8BPS', 'PSD'],
  ['\xff\x0a', 'JPEG XL'],
  ['\0\0\0\x0cJXL \r\n\x87\n', 'JPEG XL'],
  ['\0\0\0\x0cjP  \r\n\x87\n', 'JPEG 2000'],
  ['\xff\x4f\xff\x51', 'JPEG 2000'],
  ['#?RADIANCE', 'Radiance HDR'],
  ['v/1\x01', 'OpenEXR'],
  ['qoif', 'QOI'],
  ['II\x1a\0\0\0HEAPCCDR', 'CRW'],
  ['FOVb', 'X3F'],
  ['\0MRM', 'MRW'],
];

/** Detects the format of a file from its first bytes. */
export function sniff(bytes: Uint8Array): Sniffed {
  const raw = rawFormat(bytes);
  if (raw !== null) return { kind: 'raw', format: raw };
  const head = latin1(bytes, 0, 512);
  for (const [offset, signature, format] of READ) {
    if (head.startsWith(signature, offset)) return { kind: 'picture', format };
  }
  if (head.startsWith('RIFF') && head.startsWith('WEBP', 8)) return { kind: 'picture', format: 'webp' };
  if (head.startsWith('ftyp', 4)) return sniffIsoMedia(bytes, head);
  // Many texts begin with these two letters, but without the four reserved zero bytes of a bitmap header.
  if (/^BM[\s\S]{4}\0{4}/.test(head)) return { kind: 'unsupported', name: 'BMP' };
  // A font's resources begin with the same four bytes, but have no pictures to count.
  if (head.startsWith('\0\0\x01\0') && !head.startsWith('\0\0', 4)) return { kind: 'unsupported', name: 'ICO' };
  for (const [signature, name] of REFUSED) if (head.startsWith(signature)) return { kind: 'unsupported', name };
  const text = head.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (/^<svg[\s>]/i.test(text) || (/^<(\?xml|!--|!doctype svg)/i.test(text) && isSvg(bytes))) {
    return { kind: 'unsupported', name: 'SVG' };
  }
  return { kind: 'unknown' };
}

/**
 * The MIME type of a file by its first bytes; `application/octet-stream` when it is no picture that can be indexed, so
 * that a browser downloads markup instead of running it.
 */
export function contentTypeOf(head: Uint8Array): string {
  const found = sniff(head);
  if (found.kind === 'picture') return CONTENT_TYPES[found.format];
  return found.kind === 'raw' ? RAW_TYPES[found.format] : 'application/octet-stream';
}

/** HEIF family (ISO/IEC 23008-12): the brands in the first box say which codec is inside. */
function sniffIsoMedia(bytes: Uint8Array, head: string): Sniffed {
  const size = Math.min(head.length, bytes.length < 4 ? 0 : view(bytes).getUint32(0));
  const brands = [head.slice(8, 12)];
  for (let at = 16; at + 4 <= size; at += 4) brands.push(head.slice(at, at + 4));
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return { kind: 'picture', format: 'avif' };
  if (brands.some((brand) => /^(hei[cmsx]|hev[cmsx]|mif1|msf1)$/.test(brand)))
    return { kind: 'picture', format: 'heic' };
  return { kind: 'unknown' };
}

function isSvg(bytes: Uint8Array): boolean {
  return /<svg[\s>]/i.test(latin1(bytes, 0, 4096));
}

/**
 * Whether the file ends before its picture, judged by its structure. The decoder does not always notice, because it
 * reads only the rows it needs. Also false when the structure is broken in another way.
 */
export function isTruncated(bytes: Uint8Array, format: PictureFormat): boolean {
  switch (format) {
    case 'jpeg':
      return isTruncatedJpeg(bytes);
    case 'png':
      return isTruncatedPng(bytes);
    case 'webp':
      return bytes.length < 12 || view(bytes).getUint32(4, true) + 8 > bytes.length;
    case 'gif':
      return isTruncatedGif(bytes);
    case 'avif':
    case 'heic':
      return isTruncatedIsoMedia(bytes);
    case 'tiff':
      return isTruncatedTiff(bytes);
  }
}

/**
 * The file with its end or brand repaired: many programs omit the last bytes of JPEG and PNG, and some give an animated
 * AVIF only the sequence brand, which libvips does not know. Pixels may still be missing.
 */
export function mendEnd(bytes: Uint8Array, format: PictureFormat, truncated: boolean): Uint8Array {
  if (format === 'avif' && latin1(bytes, 8, 4) === 'avis') {
    const renamed = Buffer.from(bytes);
    renamed.write('avif', 8, 'latin1');
    return renamed;
  }
  if (!truncated) return bytes;
  if (format === 'jpeg') return Buffer.concat([bytes, Buffer.from('ffd9', 'hex')]);
  if (format !== 'png') return bytes;
  let end = 8;
  for (let next = end; next <= bytes.length; next = end + 12 + view(bytes).getUint32(end)) {
    end = next;
    if (end + 12 > bytes.length) break;
  }
  return Buffer.concat([bytes.subarray(0, end), Buffer.from('0000000049454e44ae426082', 'hex')]);
}

/**
 * ITU T.81, B.1: segments up to the start of the scan, then coded data in which 0xFFD9 can only be the end of image.
 */
function isTruncatedJpeg(bytes: Uint8Array): boolean {
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return false;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xda)
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\xff\xd9', at, 'latin1') < 0;
    const standalone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += standalone ? 2 : 2 + view(bytes).getUint16(at + 2);
  }
  return true;
}

/** PNG, 5.3: length, type, data and checksum per chunk, up to IEND. */
function isTruncatedPng(bytes: Uint8Array): boolean {
  for (let at = 8; at + 12 <= bytes.length; ) {
    if (latin1(bytes, at + 4, 4) === 'IEND') return false;
    at += 12 + view(bytes).getUint32(at);
  }
  return true;
}

/** GIF89a: header, colour table and blocks, up to the end of the first frame, which is all that is read. */
function isTruncatedGif(bytes: Uint8Array): boolean {
  const tableBytes = (packed: number) => (packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0);
  const skipSubBlocks = (from: number) => {
    let at = from;
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1;
    return at + 1;
  };
  let at = 13 + tableBytes(bytes[10] ?? 0);
  while (at < bytes.length) {
    if (bytes[at] === 0x21) at = skipSubBlocks(at + 2);
    else if (bytes[at] === 0x2c) return skipSubBlocks(at + 11 + tableBytes(bytes[at + 9] ?? 0)) > bytes.length;
    else return false;
  }
  return true;
}

/**
 * ISO/IEC 14496-12, 4.2: a size and a type per box. Motion photos are followed by a film, in a box or not, or by other
 * data of a phone: the picture is in the boxes before.
 */
function isTruncatedIsoMedia(bytes: Uint8Array): boolean {
  let at = 0;
  let type = '';
  while (at + 8 <= bytes.length) {
    type = latin1(bytes, at + 4, 4);
    if (at > 0 && type === 'ftyp') return false;
    let size = view(bytes).getUint32(at);
    if (size === 1 && at + 16 <= bytes.length) size = Number(view(bytes).getBigUint64(at + 8));
    if (size === 0) return false;
    if (size < 8) return false;
    at += size;
  }
  return at > bytes.length && /^(ftyp|meta|mdat|moov)$/.test(type);
}

/** TIFF 6.0, section 2: the offset of the first directory. */
function isTruncatedTiff(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return true;
  const little = bytes[0] === 0x49;
  const big = view(bytes).getUint16(2, little) === 43;
  if (big && bytes.length < 16) return true;
  const directory = big ? Number(view(bytes).getBigUint64(8, little)) : view(bytes).getUint32(4, little);
  return directory >= bytes.length;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function latin1(bytes: Uint8Array, from: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', from, from + length);
}
