import { plainText } from './exif.ts';
import { parseCompactDate } from './parse-date.ts';

/** IPTC data (IIM 4.2) of a picture. Dates in the form of `parse-date.ts`. */
export interface Iptc {
  readonly original: string | null;
  readonly digitized: string | null;
  readonly keywords: readonly string[];
}

const MAX_KEYWORDS = 100;

/** Reads a block, wrapped by Photoshop as in JPEG or bare as in TIFF. Broken data counts as absent. */
export function readIptc(block: Uint8Array): Iptc {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const found = new Map<string, string>();
  const keywords: string[] = [];
  for (let at = startOf(bytes); at >= 0 && at + 5 <= bytes.length && bytes[at] === 0x1c; ) {
    const name = `${bytes[at + 1]}:${bytes[at + 2]}`;
    const length = bytes.readUInt16BE(at + 3);
    // The highest bit announces a longer length; no field read here has one.
    if (length > 0x7fff) break;
    const value = bytes.subarray(at + 5, at + 5 + length);
    if (name === '2:25' && keywords.length < MAX_KEYWORDS) keywords.push(plainText(textOf(value)));
    else if (!found.has(name)) found.set(name, value.toString('latin1', 0, 32));
    at += 5 + length;
  }
  return {
    original: parseCompactDate(found.get('2:55') ?? '', found.get('2:60')),
    digitized: parseCompactDate(found.get('2:62') ?? '', found.get('2:63')),
    keywords: keywords.filter((keyword) => keyword !== ''),
  };
}

/** Position of the first data set: at the start, or in image resource 0x0404; -1 when there is none. */
function startOf(bytes: Buffer): number {
  if (bytes[0] === 0x1c) return 0;
  const resource = bytes.indexOf('8BIM\x04\x04', 0, 'latin1');
  if (resource < 0 || resource + 12 > bytes.length) return -1;
  // A name preceded by its length, padded to an even number of bytes, then the size.
  const name = bytes[resource + 6]! + 1;
  return resource + 6 + name + (name % 2) + 4;
}

/** Nearly all programs write UTF-8 now, though not all declare it; invalid UTF-8 is read as Latin-1. */
function textOf(value: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    return value.toString('latin1');
  }
}
