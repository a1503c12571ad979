import { crc32 } from 'node:zlib';

/** Zip archives without compression: photos are compressed already (PKWARE, "APPNOTE.TXT" 6.3.10). */

export interface ZipFile {
  /** Path in the archive, from `archiveFileNames`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly modified: Date;
}

/** Names are UTF-8 (general purpose bit 11). */
const UTF8 = 0x0800;
/** Version of the format needed: 4.5 for 64-bit numbers, otherwise 2.0, the first with folders. */
const [PLAIN, ZIP64] = [20, 45];
const [MAX_16, MAX_32] = [0xffff, 0xffffffff];
const encoder = new TextEncoder();

/**
 * An archive, piece by piece, with at most one file in memory. Zip64 above 4 GB or 65,535 files; each file must be
 * smaller than 4 GB.
 */
export async function* zipped(files: AsyncIterable<ZipFile> | Iterable<ZipFile>): AsyncGenerator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const { name, bytes, modified } of files) {
    const fields = { crc: crc32(bytes), size: bytes.byteLength, name: encoder.encode(name), modified };
    const header = localHeader(fields);
    directory.push(directoryEntry(fields, offset));
    yield header;
    yield bytes;
    offset += header.byteLength + bytes.byteLength;
  }
  yield* directory;
  yield directoryEnd(
    directory.length,
    offset,
    directory.reduce((sum, { byteLength }) => sum + byteLength, 0),
  );
}

interface Fields {
  readonly crc: number;
  readonly size: number;
  readonly name: Uint8Array;
  readonly modified: Date;
}

function localHeader({ crc, size, name, modified }: Fields): Uint8Array {
  const extra = timestamp(modified);
  const fixed = [u32(0x04034b50), u16(PLAIN), u16(UTF8), u16(0), dosTime(modified), u32(crc), u32(size), u32(size)];
  return join(...fixed, u16(name.byteLength), u16(extra.byteLength), name, extra);
}

function directoryEntry({ crc, size, name, modified }: Fields, offset: number): Uint8Array {
  const isFar = offset >= MAX_32;
  const extra = isFar ? join(timestamp(modified), u16(1), u16(8), u64(offset)) : timestamp(modified);
  return join(
    u32(0x02014b50),
    u16(isFar ? ZIP64 : PLAIN),
    u16(isFar ? ZIP64 : PLAIN),
    u16(UTF8),
    u16(0),
    dosTime(modified),
    u32(crc),
    u32(size),
    u32(size),
    u16(name.byteLength),
    u16(extra.byteLength),
    // No comment, one disk, no attributes.
    new Uint8Array(10),
    u32(Math.min(offset, MAX_32)),
    name,
    extra,
  );
}

function directoryEnd(count: number, start: number, length: number): Uint8Array {
  const end = join(
    u32(0x06054b50),
    u32(0),
    u16(Math.min(count, MAX_16)),
    u16(Math.min(count, MAX_16)),
    u32(Math.min(length, MAX_32)),
    u32(Math.min(start, MAX_32)),
    u16(0),
  );
  if (count < MAX_16 && length < MAX_32 && start < MAX_32) return end;
  const end64 = [u32(0x06064b50), u64(44), u16(ZIP64), u16(ZIP64), u32(0), u32(0), u64(count), u64(count), u64(length)];
  return join(...end64, u64(start), u32(0x07064b50), u32(0), u64(start + length), u32(1), end);
}

/** "Extended timestamp": the seconds since 1970 of the last change, because {@link dosTime} has no zone. */
function timestamp(modified: Date): Uint8Array {
  const seconds = Math.min(Math.max(Math.floor(modified.getTime() / 1000), 0), 0x7fffffff);
  return join(u16(0x5455), u16(5), Uint8Array.of(1), u32(seconds));
}

/** Time and date in steps of two seconds, from 1980. In UTC: the reader's time zone is unknown. */
function dosTime(modified: Date): Uint8Array {
  const year = Math.min(Math.max(modified.getUTCFullYear() - 1980, 0), 127);
  const time = (modified.getUTCHours() << 11) | (modified.getUTCMinutes() << 5) | (modified.getUTCSeconds() >> 1);
  return join(u16(time), u16((year << 9) | ((modified.getUTCMonth() + 1) << 5) | modified.getUTCDate()));
}

const u16 = (value: number) => Uint8Array.of(value & 0xff, value >> 8);
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
