import { decodeText } from '../files/decode-text.ts';
import { deviceName, plainText } from './exif.ts';
import { parseDate } from './parse-date.ts';

/** XMP data of a picture, embedded or in a sidecar. Dates in the form of `parse-date.ts`. */
export interface Xmp {
  /** When the shutter opened, or the content was created. */
  readonly original: string | null;
  /** When it was digitised. */
  readonly digitized: string | null;
  readonly camera: string | null;
  readonly lens: string | null;
  readonly keywords: readonly string[];
}

/** Dates come early; what follows may be the history of a picture's processing. UTF-8 bytes. */
const MAX_BYTES = 1024 ** 2;

/**
 * Reads an XMP packet (ISO 16684-1) by the usual prefixes of its properties, as attributes and as elements. Not an XML
 * parser: it expands only the five predefined entities, fetches nothing, and takes linear time.
 */
export function readXmp(packet: Uint8Array): Xmp {
  const text = decodeText(packet.subarray(0, MAX_BYTES));
  const first = (names: readonly string[]) => {
    for (const name of names) {
      const found = parseDate(property(text, name));
      if (found !== null) return found;
    }
    return null;
  };
  return {
    original: first(['exif:DateTimeOriginal', 'photoshop:DateCreated']),
    digitized: first(['xmp:CreateDate', 'xap:CreateDate', 'exif:DateTimeDigitized']),
    camera: deviceName(property(text, 'tiff:Make'), property(text, 'tiff:Model')),
    lens: deviceName('', property(text, 'exifEX:LensModel') || property(text, 'aux:Lens')),
    keywords: listOf(text, 'dc:subject'),
  };
}

/** The value of a simple property, or ''. */
function property(text: string, name: string): string {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
    const value = /^(?:\s{0,8}=\s{0,8}["']([^"']{1,200})["']|\s{0,8}>\s{0,8}([^<]{1,200})<)/.exec(
      text.slice(at + name.length, at + name.length + 240),
    );
    if (value !== null) return plainText(expandEntities(value[1] ?? value[2]!));
  }
  return '';
}

/** The items of an array property. */
function listOf(text: string, name: string): string[] {
  const from = text.indexOf(`<${name}`);
  const to = text.indexOf(`</${name}`, from);
  if (from < 0 || to < 0) return [];
  const items = text.slice(from, to).matchAll(/<rdf:li[^<>]{0,100}>([^<]{1,200})</g);
  return Array.from(items, ([, item]) => plainText(expandEntities(item!))).filter((item) => item !== '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function expandEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()]!;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
