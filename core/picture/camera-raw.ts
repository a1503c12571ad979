import { numberOf, openTiff, readDirectory, type Tiff, type TiffDirectory, textOf } from '../metadata/tiff.ts';
import type { Size } from './geometry.ts';

/**
 * Camera raw files are not developed: each contains the camera's own JPEG of the photo, which cameras and file managers
 * show. It is found by searching for JPEGs, because manufacturers put it into proprietary notes without complete
 * documentation. Nothing here copies bytes, and every search is bounded.
 */

export type RawFormat = 'CR2' | 'CR3' | 'NEF' | 'ARW' | 'DNG' | 'RAF' | 'ORF' | 'RW2' | 'PEF' | 'SRW' | 'camera raw';

/** MIME types, as most programs name them. */
export const RAW_TYPES: Readonly<Record<RawFormat, string>> = {
  CR2: 'image/x-canon-cr2',
  CR3: 'image/x-canon-cr3',
  NEF: 'image/x-nikon-nef',
  ARW: 'image/x-sony-arw',
  DNG: 'image/x-adobe-dng',
  RAF: 'image/x-fujifilm-raf',
  ORF: 'image/x-olympus-orf',
  RW2: 'image/x-panasonic-rw2',
  PEF: 'image/x-pentax-pef',
  SRW: 'image/x-samsung-srw',
  'camera raw': 'image/x-dcraw',
};

const MAKE = 0x010f;
const WIDTH = 0x0100;
const HEIGHT = 0x0101;
const COMPRESSION = 0x0103;
const PHOTOMETRIC = 0x0106;
const STRIPS = 0x0111;
const ORIENTATION = 0x0112;
const TILES = 0x0144;
const SUB_DIRECTORIES = 0x014a;
const EXIF_DIRECTORY = 0x8769;
const DNG_VERSION = 0xc612;
/** Size of the photo, in the EXIF directory. */
const PIXELS = [0xa002, 0xa003] as const;
/** Borders of the photo on Panasonic's sensor: top, left, bottom, right. Its JPEG is much smaller. */
const BORDERS = [4, 5, 6, 7] as const;
const WANTED = new Set([
  MAKE,
  WIDTH,
  HEIGHT,
  COMPRESSION,
  PHOTOMETRIC,
  STRIPS,
  ORIENTATION,
  TILES,
  SUB_DIRECTORIES,
  EXIF_DIRECTORY,
  DNG_VERSION,
  ...BORDERS,
]);
/** Photometric interpretations of sensor data: a colour filter array, and linear light. */
const SENSOR = [32_803, 34_892];
/** Compressions that only raw files have: Sony, Pentax, Samsung, Nikon. */
const RAW_COMPRESSIONS = [32_767, 32_769, 32_770, 34_713, 65_535];
const MAKERS: readonly (readonly [RegExp, RawFormat])[] = [
  [/^nikon/i, 'NEF'],
  [/^sony/i, 'ARW'],
  [/^canon/i, 'CR2'],
  [/^(pentax|ricoh)/i, 'PEF'],
  [/^samsung/i, 'SRW'],
];
const MAX_DIRECTORIES = 32;
/** Maximum JPEGs examined. By chance, 32 MB of sensor data contain two JPEG signatures. */
const MAX_CANDIDATES = 256;
/** Smaller ones are thumbnails, which are not good enough for search. Longer edge in pixels. */
const MIN_PREVIEW_EDGE = 400;

/** The raw format of the bytes, or null. TIFF files, even from cameras, are not raw. */
export function rawFormat(bytes: Uint8Array): RawFormat | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(32, bytes.length)).toString('latin1');
  if (head.startsWith('FUJIFILMCCD-RAW')) return 'RAF';
  if (/^(IIR[OS]|MMOR)/.test(head)) return 'ORF';
  if (head.startsWith('IIU\0')) return 'RW2';
  if (head.slice(4, 12) === 'ftypcrx ') return 'CR3';
  if (/^II\*\0.{4}CR/s.test(head)) return 'CR2';
  // Phase One and Leaf write a TIFF of a thumbnail; the rest is in a structure of their own behind these letters. Of
  // other TIFF files, the pixels may begin here: those of an even grey are the same letter four times, too.
  if (/^(II\*\0.{4}IIII.waR|MM\0\*.{4}MMMMRaw)/s.test(head)) return 'camera raw';
  const tiff = /^(II\*\0|MM\0\*)/.test(head) ? openTiff(bytes) : null;
  if (tiff === null) return null;
  const directories = allDirectories(tiff);
  if (directories[0]?.entries.has(DNG_VERSION)) return 'DNG';
  if (!directories.some((directory) => isSensor(tiff, directory))) return null;
  const make = textOf(tiff, directories[0]!.entries.get(MAKE));
  return MAKERS.find(([maker]) => maker.test(make))?.[1] ?? 'camera raw';
}

export interface Preview {
  /** A complete JPEG, perhaps with other bytes after it. */
  readonly jpeg: Uint8Array;
  /** Blocks with the camera's EXIF, unless it is in the JPEG. */
  readonly blocks: { readonly exif?: Uint8Array; readonly photo?: Uint8Array };
  /** Size of the JPEG, as stored. */
  readonly size: Size;
  /** Size of the photo, as stored: that of the sensor's picture if the file gives it and its shape matches. */
  readonly photo: Size;
  /** From the raw file's EXIF; null when only the JPEG has it. */
  readonly orientation: number | null;
}

/** The largest JPEG in a raw file that shows the photo; null when there are only thumbnails. */
export function findPreview(bytes: Uint8Array): Preview | null {
  const blocks = exifBlocks(bytes);
  const tiff = blocks.exif === undefined ? null : openTiff(blocks.exif);
  const directories = tiff === null ? [] : allDirectories(tiff);
  const sensors = tiff === null ? [] : directories.filter((directory) => isSensor(tiff, directory));
  const sensorParts = new Set(sensors.flatMap((directory) => partsOf(tiff!, directory)));
  const found = largestJpeg(bytes, sensorParts);
  if (found === null || Math.max(found.size.width, found.size.height) < MIN_PREVIEW_EDGE) return null;
  const sizes =
    tiff === null
      ? []
      : [
          ...sensors.map((directory) => sizeOf(tiff, directory)),
          ...directories.map((directory) => sizeWithin(tiff, directory)),
          exifSize(tiff, directories),
        ];
  const photo = sizes.find((size) => isSameShape(size, found.size)) ?? found.size;
  const orientation = tiff === null ? null : numberOf(tiff, directories[0]?.entries.get(ORIENTATION));
  return { jpeg: bytes.subarray(found.at), blocks, size: found.size, photo, orientation };
}

/** The file itself if it has TIFF structure; for CR3 the boxes CMT1 and CMT2 near its beginning. */
function exifBlocks(bytes: Uint8Array): Preview['blocks'] {
  if (openTiff(bytes) !== null) return { exif: bytes };
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256 * 1024));
  const box = (name: string) => {
    const at = head.indexOf(name, 0, 'latin1');
    return at < 4 ? undefined : bytes.subarray(at + 4, at - 4 + head.readUInt32BE(at - 4));
  };
  return head.toString('latin1', 4, 8) === 'ftyp' ? { exif: box('CMT1'), photo: box('CMT2') } : {};
}

/** All readable directories of the chain, with subdirectories. */
function allDirectories(tiff: Tiff): TiffDirectory[] {
  const waiting = [tiff.first];
  const seen = new Set<number>();
  const directories: TiffDirectory[] = [];
  while (waiting.length > 0 && directories.length < MAX_DIRECTORIES) {
    const offset = waiting.shift()!;
    if (offset === 0 || seen.has(offset)) continue;
    seen.add(offset);
    const directory = readDirectory(tiff, offset, WANTED);
    directories.push(directory);
    const below = directory.entries.get(SUB_DIRECTORIES);
    for (let i = 0; i < Math.min(below?.count ?? 0, MAX_DIRECTORIES); i++) waiting.push(numberOf(tiff, below, i) ?? 0);
    waiting.push(directory.next);
  }
  return directories;
}

function isSensor(tiff: Tiff, { entries }: TiffDirectory): boolean {
  return (
    SENSOR.includes(numberOf(tiff, entries.get(PHOTOMETRIC)) ?? 0) ||
    RAW_COMPRESSIONS.includes(numberOf(tiff, entries.get(COMPRESSION)) ?? 0)
  );
}

function sizeOf(tiff: Tiff, { entries }: TiffDirectory, [width, height] = [WIDTH, HEIGHT]): Size {
  return { width: numberOf(tiff, entries.get(width)) ?? 0, height: numberOf(tiff, entries.get(height)) ?? 0 };
}

function sizeWithin(tiff: Tiff, { entries }: TiffDirectory): Size {
  const [top, left, bottom, right] = BORDERS.map((tag) => numberOf(tiff, entries.get(tag)) ?? 0);
  return { width: right! - left!, height: bottom! - top! };
}

function exifSize(tiff: Tiff, directories: readonly TiffDirectory[]): Size {
  const offset = numberOf(tiff, directories[0]?.entries.get(EXIF_DIRECTORY));
  return sizeOf(tiff, readDirectory(tiff, offset ?? tiff.view.byteLength, new Set(PIXELS)), [...PIXELS]);
}

/** Positions of the strips or tiles of a directory. In lossy DNG they are separate JPEGs in linear light. */
function partsOf(tiff: Tiff, { entries }: TiffDirectory): number[] {
  const parts: number[] = [];
  for (const tag of [STRIPS, TILES]) {
    const entry = entries.get(tag);
    for (let i = 0; i < Math.min(entry?.count ?? 0, 10_000); i++) parts.push(numberOf(tiff, entry, i) ?? 0);
  }
  return parts;
}

function largestJpeg(bytes: Uint8Array, except: ReadonlySet<number>): { at: number; size: Size } | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const begin = Buffer.from([0xff, 0xd8, 0xff]);
  let largest: { at: number; size: Size } | null = null;
  let looked = 0;
  for (let at = file.indexOf(begin); at >= 0 && looked < MAX_CANDIDATES; at = file.indexOf(begin, at + 3)) {
    looked += 1;
    const size = except.has(at) ? null : jpegSize(file, at);
    if (size !== null && size.width * size.height > (largest?.size.width ?? 0) * (largest?.size.height ?? 0)) {
      largest = { at, size };
    }
  }
  return largest;
}

/** The size of a baseline or progressive JPEG of three colours (ITU T.81, B.2.2); null for lossless ones of sensors. */
function jpegSize(file: Buffer, start: number): Size | null {
  let at = start + 2;
  for (let segments = 0; segments < 100 && at + 10 <= file.length && file[at] === 0xff; segments++) {
    const marker = file[at + 1]!;
    if (marker >= 0xc0 && marker <= 0xc2) {
      const size = { width: file.readUInt16BE(at + 7), height: file.readUInt16BE(at + 5) };
      return file[at + 4] === 8 && file[at + 9] === 3 && size.width > 0 && size.height > 0 ? size : null;
    }
    if (marker === 0xff) at += 1;
    else if (marker < 0xc4 || marker > 0xfe || marker === 0xd9 || marker === 0xda) return null;
    else at += 2 + file.readUInt16BE(at + 2);
  }
  return null;
}

/** Previews are slightly cropped, and never larger. */
function isSameShape(photo: Size, preview: Size): boolean {
  const ratio = (photo.width * preview.height) / (photo.height * preview.width);
  return photo.width >= preview.width * 0.98 && ratio > 0.95 && ratio < 1.05;
}
