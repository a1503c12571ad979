import type { SourceFile } from './source-files.ts';

/** Text from other programs: with a byte order mark, or in UTF-16 as written by Excel and Notepad. */

const MARKS: readonly (readonly [string, readonly number[]])[] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];
const LONGEST_MARK = 3;

/** Converts a file to UTF-8 without a byte order mark. Invalid bytes are passed on. */
export function asUtf8(file: SourceFile): SourceFile {
  const { path, archive, bytes, stamp } = file;
  return { path, archive, bytes, stamp, open: () => transcoded(file.open()) };
}

/** The same text as UTF-8 without a byte order mark. Invalid bytes are passed on unchanged. */
export async function* transcoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | null = new Uint8Array();
  let decoder: TextDecoder | null = null;
  const decode = (bytes: Uint8Array) =>
    decoder === null ? bytes : Buffer.from(decoder.decode(bytes, { stream: true }));
  const begin = (bytes: Uint8Array) => {
    const [encoding, mark] = MARKS.find(([, bom]) => bom.every((byte, i) => bytes[i] === byte)) ?? ['utf-8', []];
    decoder = encoding === 'utf-8' ? null : new TextDecoder(encoding);
    return decode(bytes.subarray(mark.length));
  };
  for await (const chunk of chunks) {
    if (start === null) yield decode(chunk);
    else {
      start = Buffer.concat([start, chunk]);
      if (start.length < LONGEST_MARK) continue;
      yield begin(start);
      start = null;
    }
  }
  if (start !== null) yield begin(start);
  // An incomplete character at the end becomes an invalid byte, so that the reader notices.
  if (decoder !== null && (decoder as TextDecoder).decode() !== '') yield Uint8Array.of(0xff);
}
