import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { HalfRows } from './float16-matrix.ts';

/**
 * Float16 rows by content hash, concatenated: 32 bytes of SHA-256, 4 bytes of CRC-32 over hash and values (little
 * endian), then the values. All records have the same size; the checksum reveals half-written or damaged ones.
 */

const HASH_BYTES = 32;
const CRC_BYTES = 4;
const READ_BYTES = 8 * 1024 ** 2;

export interface Row {
  /** SHA-256 of its source, lower-case hex. */
  readonly hash: string;
  readonly values: Float32Array;
}

export function recordBytes(columns: number): number {
  return HASH_BYTES + CRC_BYTES + columns * 2;
}

/** Rows of a file. */
export function encodeRows(rows: readonly Row[], columns: number): Buffer {
  const bytes = recordBytes(columns);
  const out = Buffer.alloc(bytes * rows.length);
  for (const [i, { hash, values }] of rows.entries()) {
    const start = i * bytes;
    out.write(hash, start, 'hex');
    out.set(new Uint8Array(new Float16Array(values).buffer), start + HASH_BYTES + CRC_BYTES);
    out.writeUInt32LE(checksum(out.subarray(start, start + bytes)), start + HASH_BYTES);
  }
  return out;
}

export interface StoredRecord {
  /** Its number in the file. */
  readonly record: number;
  readonly hash: string;
  readonly isWhole: boolean;
}

/** All whole records; a shorter tail remains from an interrupted write. */
export async function* readRecords(file: FileHandle, columns: number): AsyncGenerator<StoredRecord> {
  const bytes = recordBytes(columns);
  const perRead = Math.max(1, Math.floor(READ_BYTES / bytes));
  const buffer = Buffer.alloc(perRead * bytes);
  for (let record = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, record * bytes);
    const whole = Math.floor(bytesRead / bytes);
    for (let i = 0; i < whole; i++) {
      const data = buffer.subarray(i * bytes, (i + 1) * bytes);
      yield {
        record: record + i,
        hash: data.toString('hex', 0, HASH_BYTES),
        isWhole: data.readUInt32LE(HASH_BYTES) === checksum(data),
      };
    }
    record += whole;
    if (whole === 0) return;
  }
}

/** Location of a record. */
export interface RecordPlace {
  readonly part: { readonly file: FileHandle };
  readonly record: number;
}

/**
 * Columns `from` to `to` of these records as the rows of a matrix, each read from its file on demand, so that a data
 * set of any size takes almost no memory. `hashes` are the expected hashes; `changed` creates the error that is thrown
 * if a record has another one.
 */
export function recordRows(
  places: readonly RecordPlace[],
  hashes: readonly string[],
  { columns, from = 0, to = columns }: { columns: number; from?: number; to?: number },
  changed: () => Error,
): HalfRows {
  const width = to - from;
  const expected = Buffer.from(hashes.join(''), 'hex');
  const head = HASH_BYTES + CRC_BYTES;
  const record = Buffer.alloc(head + to * 2);
  return new HalfRows(places.length, width, (start, count) => {
    const values = new Float16Array(count * width);
    const out = new Uint8Array(values.buffer);
    for (let i = 0; i < count; i++) {
      const { part, record: number } = places[start + i]!;
      const read = readSync(part.file.fd, record, 0, record.length, number * recordBytes(columns));
      const hash = (start + i) * HASH_BYTES;
      if (read < record.length || record.compare(expected, hash, hash + HASH_BYTES, 0, HASH_BYTES) !== 0)
        throw changed();
      out.set(record.subarray(head + from * 2), i * width * 2);
    }
    return values;
  });
}

function checksum(record: Buffer): number {
  return crc32(record.subarray(HASH_BYTES + CRC_BYTES), crc32(record.subarray(0, HASH_BYTES)));
}
