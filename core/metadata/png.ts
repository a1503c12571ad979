import { parseDate, parseWrittenDate } from './parse-date.ts';

/** Data in the text and time chunks of a PNG. Dates in the form of `parse-date.ts`. */
export interface PngTexts {
  /** From text chunks named "Creation Time" (PNG, 11.3.3.2). */
  readonly created: string | null;
  /** tIME: when the picture was last changed, in UTC. */
  readonly changed: string | null;
}

/** Reads only the chunks' headers and these few values; stops at broken structure. */
export function readPng(bytes: Uint8Array): PngTexts {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let created: string | null = null;
  let changed: string | null = null;
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const data = file.subarray(at + 8, at + 8 + length);
    if (type === 'tEXt' || type === 'iTXt') created ??= creationTime(type, data);
    else if (type === 'tIME' && data.length === 7) changed ??= changeTime(data);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  return { created, changed };
}

function creationTime(type: 'tEXt' | 'iTXt', data: Buffer): string | null {
  if (data.length > 1000 || !/^creation ?time\0/i.test(data.toString('latin1', 0, 14))) return null;
  const text = data.subarray(data.indexOf(0) + 1);
  if (type === 'tEXt') return parseWrittenDate(text.toString('latin1'));
  // Compression flag and method, language and translated keyword come first.
  if (text[0] !== 0) return null;
  const language = text.indexOf(0, 2);
  const keyword = text.indexOf(0, language + 1);
  return language < 0 || keyword < 0 ? null : parseWrittenDate(text.toString('utf8', keyword + 1));
}

function changeTime(data: Buffer): string | null {
  const [month, day, hour, minute, second] = data.subarray(2);
  return parseDate(`${data.readUInt16BE(0)}-${month}-${day} ${hour}:${minute}:${second}`, 'Z');
}
