/**
 * The one thing that is wanted of EXIF: when the picture was taken. Read by hand, because a general reader that
 * materialises every tag can be made to need gigabytes by a 64 kB block of overlapping tags
 * (docs/decisions/0012-reading-exif.md).
 */

/** Tags of Exif 2.32, sections 4.6.3 and 4.6.5. */
const EXIF_DIRECTORY = 0x8769;
const DATE_TIME_ORIGINAL = 0x9003;
const DATE_TIME_DIGITIZED = 0x9004;
const OFFSET_TIME_ORIGINAL = 0x9011;
const OFFSET_TIME_DIGITIZED = 0x9012;

/**
 * When the picture was taken as ISO 8601 in UTC, or null when the block does not say or is broken. A local time without
 * an offset is taken as UTC: nothing better is known, and it sorts right.
 */
export function takenAt(exif: Uint8Array): string | null {
  try {
    const block = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
    // In JPEG the TIFF structure follows the letters "Exif" and two zero bytes.
    const start = block.getUint32(0) === 0x45786966 ? 6 : 0;
    const order = block.getUint16(start);
    if (order !== 0x4949 && order !== 0x4d4d) return null;
    const tiff = { block, start, little: order === 0x4949 };
    const directory = findTag(tiff, block.getUint32(start + 4, tiff.little), EXIF_DIRECTORY);
    if (directory === null) return null;
    const photo = block.getUint32(directory + 8, tiff.little);
    return (
      parseDate(readText(tiff, photo, DATE_TIME_ORIGINAL), readText(tiff, photo, OFFSET_TIME_ORIGINAL)) ??
      parseDate(readText(tiff, photo, DATE_TIME_DIGITIZED), readText(tiff, photo, OFFSET_TIME_DIGITIZED))
    );
  } catch (error) {
    // An offset outside the block: the block is broken, which is common and no reason to refuse the picture.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

interface Tiff {
  readonly block: DataView;
  /** Offsets count from here. */
  readonly start: number;
  readonly little: boolean;
}

/** Position of a tag's 12-byte entry in the directory at `offset`, or null. */
function findTag({ block, start, little }: Tiff, offset: number, tag: number): number | null {
  const entries = block.getUint16(start + offset, little);
  for (let i = 0; i < entries; i++) {
    const at = start + offset + 2 + i * 12;
    if (block.getUint16(at, little) === tag) return at;
  }
  return null;
}

/** The first 32 characters of an ASCII value, or '' when the tag is not there. */
function readText(tiff: Tiff, directory: number, tag: number): string {
  const { block, start, little } = tiff;
  const at = findTag(tiff, directory, tag);
  if (at === null || block.getUint16(at + 2, little) !== 2) return '';
  const count = block.getUint32(at + 4, little);
  const from = count <= 4 ? at + 8 : start + block.getUint32(at + 8, little);
  let text = '';
  for (let i = 0; i < Math.min(count, 32); i++) {
    const code = block.getUint8(from + i);
    if (code === 0) break;
    text += String.fromCharCode(code);
  }
  return text;
}

/** "2024:05:01 13:45:00" and "+02:00" to ISO 8601; null for dates that do not exist, such as the common 0000:00:00. */
function parseDate(text: string, offset: string): string | null {
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)/.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const exists =
    local.getUTCFullYear() === year &&
    local.getUTCMonth() === month - 1 &&
    local.getUTCDate() === day &&
    local.getUTCHours() === hour;
  if (!exists || minute > 59 || second > 60) return null;
  const zone = /^([+-])(\d\d):(\d\d)/.exec(offset);
  const minutes = zone === null ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
  return new Date(local.getTime() - minutes * 60_000).toISOString();
}
