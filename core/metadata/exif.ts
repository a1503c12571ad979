import { parseDate } from './date.ts';
import { numberOf, openTiff, readDirectory, type Tiff, type TiffDirectory, textOf } from './tiff.ts';

/** Tags of Exif 2.32, sections 4.6.3 to 4.6.6, and of TIFF/EP (time zone). */
const MAKE = 0x010f;
const MODEL = 0x0110;
const DATE_TIME = 0x0132;
const EXIF_DIRECTORY = 0x8769;
const GPS_DIRECTORY = 0x8825;
const TIME_ZONE = 0x882a;
const LENS_MAKE = 0xa433;
const LENS_MODEL = 0xa434;
/** Date and time, offset and fraction of a second of each. */
type DateTags = readonly [date: number, offset: number, fraction: number];
const ORIGINAL: DateTags = [0x9003, 0x9011, 0x9291];
const DIGITIZED: DateTags = [0x9004, 0x9012, 0x9292];
const CHANGED: DateTags = [DATE_TIME, 0x9010, 0x9290];
const GPS_TIME = 0x0007;
const GPS_DATE = 0x001d;

const MAIN = new Set([MAKE, MODEL, DATE_TIME, EXIF_DIRECTORY, GPS_DIRECTORY]);
const PHOTO = new Set([...ORIGINAL, ...DIGITIZED, ...CHANGED, TIME_ZONE, LENS_MAKE, LENS_MODEL]);
const GPS = new Set([GPS_TIME, GPS_DATE]);

/** What EXIF says of a picture. Dates as `date.ts` writes them. */
export interface Exif {
  /** When the shutter opened. */
  readonly original: string | null;
  /** When it became digital: of a scan, the day it was scanned. */
  readonly digitized: string | null;
  /** When the file was last changed. */
  readonly changed: string | null;
  /** By satellite, in UTC. */
  readonly gps: string | null;
  readonly camera: string | null;
  readonly lens: string | null;
}

const NOTHING: Exif = { original: null, digitized: null, changed: null, gps: null, camera: null, lens: null };

/**
 * Reads an EXIF block, with or without the letters "Exif" in front, or a whole TIFF file. What is broken counts as
 * absent, for broken blocks are common and no reason to refuse a picture.
 * @param photo a block of its own for the EXIF directory, where it is not in the other one (Canon CR3)
 */
export function readExif(block: Uint8Array, photo?: Uint8Array): Exif {
  // In JPEG the TIFF structure follows the letters "Exif" and two zero bytes.
  const tiff = openTiff(block, block[0] === 0x45 ? 6 : 0);
  if (tiff === null) return NOTHING;
  const main = readDirectory(tiff, tiff.first, MAIN);
  const below = (tag: number, wanted: ReadonlySet<number>) =>
    readDirectory(tiff, numberOf(tiff, main.entries.get(tag)) ?? tiff.view.byteLength, wanted);
  const separate = photo === undefined ? null : openTiff(photo);
  const inner = separate ?? tiff;
  const exif = separate === null ? below(EXIF_DIRECTORY, PHOTO) : readDirectory(separate, separate.first, PHOTO);
  const mainText = (tag: number) => textOf(tiff, main.entries.get(tag));
  const exifText = (tag: number) => textOf(inner, exif.entries.get(tag));
  const zone = numberOf(inner, exif.entries.get(TIME_ZONE));
  const hours = zone === null ? '' : `${zone < 0 ? '-' : '+'}${Math.abs(zone)}`;
  const date = (text: string, [, offset, fraction]: DateTags) =>
    parseDate(text, exifText(offset) || hours, exifText(fraction));
  return {
    original: date(exifText(ORIGINAL[0]), ORIGINAL),
    digitized: date(exifText(DIGITIZED[0]), DIGITIZED),
    changed: date(mainText(CHANGED[0]), CHANGED),
    gps: gpsDate(tiff, below(GPS_DIRECTORY, GPS)),
    camera: deviceName(mainText(MAKE), mainText(MODEL)),
    lens: deviceName(exifText(LENS_MAKE), exifText(LENS_MODEL)),
  };
}

/**
 * Maker and model as people say them: makers often begin the model with their name, and write more of it into the field
 * of the maker ("NIKON CORPORATION"). Null when there is no model.
 */
export function deviceName(maker: string, name: string): string | null {
  const [make, model] = [plainText(maker), plainText(name)];
  if (/^[-\s]*$/.test(model)) return null;
  const first = make.split(/[\s,]/)[0]!;
  return first === '' || model.toLowerCase().startsWith(first.toLowerCase()) ? model : `${make} ${model}`;
}

/** Text that every store takes. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
}

function gpsDate(tiff: Tiff, { entries }: TiffDirectory): string | null {
  const time = entries.get(GPS_TIME);
  const [hour, minute, second] = [0, 1, 2].map((index) => numberOf(tiff, time, index));
  const day = textOf(tiff, entries.get(GPS_DATE));
  if (hour == null || minute == null || second == null) return parseDate(day);
  return parseDate(
    `${day} ${[hour, minute, second].map((part) => `${Math.floor(part)}`.padStart(2, '0')).join(':')}`,
    'Z',
  );
}
