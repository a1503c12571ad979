import type { ContentValues } from '../picture-fields.ts';
import { parseDate } from './parse-date.ts';
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
/** Tags of a date and time, its offset and its fraction of a second. */
type DateTags = readonly [date: number, offset: number, fraction: number];
const ORIGINAL: DateTags = [0x9003, 0x9011, 0x9291];
const DIGITIZED: DateTags = [0x9004, 0x9012, 0x9292];
const CHANGED: DateTags = [DATE_TIME, 0x9010, 0x9290];
const EXPOSURE_TIME = 0x829a;
const F_NUMBER = 0x829d;
const SENSITIVITY = 0x8827;
const FOCAL_LENGTH = 0x920a;
/** Letter of the hemisphere, and degrees, minutes and seconds. */
const LATITUDE = [0x0001, 0x0002] as const;
const LONGITUDE = [0x0003, 0x0004] as const;
const GPS_TIME = 0x0007;
const GPS_DATE = 0x001d;

const MAIN = new Set([MAKE, MODEL, DATE_TIME, EXIF_DIRECTORY, GPS_DIRECTORY]);
const EXPOSURE = [EXPOSURE_TIME, F_NUMBER, SENSITIVITY, FOCAL_LENGTH];
const PHOTO = new Set([...ORIGINAL, ...DIGITIZED, ...CHANGED, TIME_ZONE, LENS_MAKE, LENS_MODEL, ...EXPOSURE]);
const GPS = new Set([GPS_TIME, GPS_DATE, ...LATITUDE, ...LONGITUDE]);

/** How and where a picture was taken; see `picture-fields.ts` for units. */
export type Exposure = Pick<ContentValues, (typeof EXPOSURE_FIELDS)[number]>;

export const EXPOSURE_FIELDS = ['exposureTime', 'aperture', 'iso', 'focalLength', 'latitude', 'longitude'] as const;

/** EXIF data of a picture. Dates in the form of `parse-date.ts`. */
export interface Exif extends Exposure {
  /** When the shutter opened. */
  readonly original: string | null;
  /** When it was digitised: for a scan, the day it was scanned. */
  readonly digitized: string | null;
  /** When the file was last changed. */
  readonly changed: string | null;
  /** GPS time, in UTC. */
  readonly gps: string | null;
  readonly camera: string | null;
  readonly lens: string | null;
}

const NOTHING: Exif = {
  original: null,
  digitized: null,
  changed: null,
  gps: null,
  camera: null,
  lens: null,
  exposureTime: null,
  aperture: null,
  iso: null,
  focalLength: null,
  latitude: null,
  longitude: null,
};

/**
 * Reads an EXIF block, with or without the letters "Exif" at the start, or a whole TIFF file. Broken data counts as
 * absent: broken blocks are common and no reason to refuse a picture.
 * @param photo a separate block with the EXIF directory (Canon CR3)
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
  const above0 = (tag: number) => positive(numberOf(inner, exif.entries.get(tag)));
  const gps = below(GPS_DIRECTORY, GPS);
  return {
    original: date(exifText(ORIGINAL[0]), ORIGINAL),
    digitized: date(exifText(DIGITIZED[0]), DIGITIZED),
    changed: date(mainText(CHANGED[0]), CHANGED),
    gps: gpsDate(tiff, gps),
    camera: deviceName(mainText(MAKE), mainText(MODEL)),
    lens: deviceName(exifText(LENS_MAKE), exifText(LENS_MODEL)),
    exposureTime: above0(EXPOSURE_TIME),
    aperture: above0(F_NUMBER),
    iso: sensitivity(above0(SENSITIVITY)),
    focalLength: above0(FOCAL_LENGTH),
    ...place(tiff, gps),
  };
}

/**
 * Maker and model in common form: the model often begins with the maker's name, and the maker field often has a longer
 * one ("NIKON CORPORATION"). Null when there is no model.
 */
export function deviceName(maker: string, name: string): string | null {
  const [make, model] = [plainText(maker), plainText(name)];
  if (/^[-\s]*$/.test(model)) return null;
  const first = make.split(/[\s,]/)[0]!;
  return first === '' || model.toLowerCase().startsWith(first.toLowerCase()) ? model : `${make} ${model}`;
}

/** Text that every store can hold. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
}

function positive(number: number | null): number | null {
  return number !== null && number > 0 ? number : null;
}

/** Caps the value at the largest number that fits. */
function sensitivity(iso: number | null): number | null {
  return iso !== null && Number.isInteger(iso) && iso < 65_535 ? iso : null;
}

/** Both coordinates or neither. A camera without a position writes zeros, which is in the sea. */
function place(tiff: Tiff, { entries }: TiffDirectory): Pick<Exposure, 'latitude' | 'longitude'> {
  const degrees = ([letterTag, tag]: readonly [number, number], most: number, below: string) => {
    const [whole, minutes, seconds] = [0, 1, 2].map((index) => numberOf(tiff, entries.get(tag), index));
    const letter = textOf(tiff, entries.get(letterTag)).toUpperCase();
    if (whole == null || letter === '') return null;
    const value = Math.round((whole + (minutes ?? 0) / 60 + (seconds ?? 0) / 3600) * 1e6) / 1e6;
    return value <= most ? (letter === below ? -value : value) : null;
  };
  const [latitude, longitude] = [degrees(LATITUDE, 90, 'S'), degrees(LONGITUDE, 180, 'W')];
  const isKnown = latitude !== null && longitude !== null && (latitude !== 0 || longitude !== 0);
  return isKnown ? { latitude, longitude } : { latitude: null, longitude: null };
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
