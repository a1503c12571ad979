import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { SightlineError } from '../errors.ts';
import { HalfMatrix } from './half.ts';

/**
 * Float16 rows by content hash in one append-only file, so that an interrupted extraction goes on where it was: 32 bytes of
 * SHA-256, 4 bytes of CRC-32 over hash and values (little endian), then the values. Records have one size, and the
 * checksum tells a half-written or damaged one.
 */

const HASH_BYTES = 32;
const CRC_BYTES = 4;
const FORMAT = 1;
const READ_BYTES = 8 * 1024 ** 2;

/** What made the rows: another description is another cache. */
export interface CacheDescription {
  /** Such as the encoder's key and the name of the view. */
  readonly made: Readonly<Record<string, unknown>>;
  readonly columns: number;
}

export interface Row {
  /** SHA-256 of what it was made from, lower-case hex. */
  readonly hash: string;
  readonly values: Float32Array;
}

export class RecordCache {
  readonly path: string;
  /** Records that failed their checksum when the cache was opened; they will be made again. */
  readonly damaged: number;
  readonly columns: number;
  readonly #file: FileHandle;
  /** Hash to the record's number in the file. */
  readonly #records: Map<string, number>;
  #count: number;
  /** Writes go one after the other: a record's number is its place in the file. */
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle, columns: number, found: Scan) {
    this.path = path;
    this.#file = file;
    this.columns = columns;
    this.#records = found.records;
    this.#count = found.count;
    this.damaged = found.damaged;
  }

  /** Opens or starts the cache in `folder`. Throws `schema-mismatch` when the folder holds one that something else made. */
  static async open(folder: string, description: CacheDescription): Promise<RecordCache> {
    await mkdir(folder, { recursive: true });
    await checkDescription(join(folder, 'cache.json'), description);
    const path = join(folder, 'rows.bin');
    // Read and write, made when missing, never truncated by opening.
    const file = await open(path, 'a+');
    try {
      const found = await scan(file, recordBytes(description.columns));
      // A tail shorter than a record is what an interrupted write left.
      await file.truncate(found.count * recordBytes(description.columns));
      return new RecordCache(path, file, description.columns, found);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get size(): number {
    return this.#records.size;
  }

  has(hash: string): boolean {
    return this.#records.has(hash);
  }

  /** Appends rows in one write. Throws `unavailable` when the disk does not take them. */
  append(rows: readonly Row[]): Promise<void> {
    const write = this.#lastWrite.then(() => this.#append(rows));
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }

  async #append(rows: readonly Row[]): Promise<void> {
    const bytes = recordBytes(this.columns);
    const out = Buffer.alloc(bytes * rows.length);
    for (const [i, { hash, values }] of rows.entries()) {
      const half = new HalfMatrix(1, this.columns);
      half.set(0, values);
      const start = i * bytes;
      out.write(hash, start, 'hex');
      out.set(new Uint8Array(half.bits.buffer), start + HASH_BYTES + CRC_BYTES);
      out.writeUInt32LE(checksum(out.subarray(start, start + bytes)), start + HASH_BYTES);
    }
    try {
      await this.#file.appendFile(out);
    } catch (error) {
      throw new SightlineError('unavailable', `cannot write to ${this.path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    for (const { hash } of rows) this.#records.set(hash, this.#count++);
  }

  /** The rows of these hashes, in order. Throws a plain Error for one that is not there: a bug. */
  async read(hashes: readonly string[]): Promise<HalfMatrix> {
    const bytes = recordBytes(this.columns);
    const rowBytes = this.columns * 2;
    const matrix = new HalfMatrix(hashes.length, this.columns);
    const target = new Uint8Array(matrix.bits.buffer);
    const wanted = new Map<number, number[]>();
    for (const [row, hash] of hashes.entries()) {
      const record = this.#records.get(hash);
      if (record === undefined) throw new Error(`expected a row for ${hash} in ${this.path}`);
      const rows = wanted.get(record);
      if (rows === undefined) wanted.set(record, [row]);
      else rows.push(row);
    }
    for await (const { record, data } of records(this.#file, bytes)) {
      for (const row of wanted.get(record) ?? []) target.set(data.subarray(HASH_BYTES + CRC_BYTES), row * rowBytes);
    }
    return matrix;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

interface Scan {
  readonly records: Map<string, number>;
  readonly count: number;
  readonly damaged: number;
}

async function scan(file: FileHandle, bytes: number): Promise<Scan> {
  const found = new Map<string, number>();
  let [count, damaged] = [0, 0];
  for await (const { record, data } of records(file, bytes)) {
    count = record + 1;
    if (data.readUInt32LE(HASH_BYTES) === checksum(data)) found.set(data.toString('hex', 0, HASH_BYTES), record);
    else damaged++;
  }
  return { records: found, count, damaged };
}

/** Whole records from the start; `data` is valid until the next one. */
async function* records(file: FileHandle, bytes: number): AsyncGenerator<{ record: number; data: Buffer }> {
  const perRead = Math.max(1, Math.floor(READ_BYTES / bytes));
  const buffer = Buffer.alloc(perRead * bytes);
  for (let record = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, record * bytes);
    const whole = Math.floor(bytesRead / bytes);
    for (let i = 0; i < whole; i++) yield { record: record + i, data: buffer.subarray(i * bytes, (i + 1) * bytes) };
    record += whole;
    if (whole === 0) return;
  }
}

function checksum(record: Buffer): number {
  return crc32(record.subarray(HASH_BYTES + CRC_BYTES), crc32(record.subarray(0, HASH_BYTES)));
}

function recordBytes(columns: number): number {
  return HASH_BYTES + CRC_BYTES + columns * 2;
}

async function checkDescription(path: string, description: CacheDescription): Promise<void> {
  const expected = `${JSON.stringify({ format: FORMAT, ...description }, null, 2)}\n`;
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new SightlineError('unavailable', `cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (found === null) {
    // Written aside and renamed: a description is there whole or not at all.
    const aside = `${path}.${process.pid}`;
    await writeFile(aside, expected);
    await rename(aside, path);
  } else if (found !== expected) {
    throw new SightlineError(
      'schema-mismatch',
      `${path}: expected a cache made by ${expected.trim()}, got ${found.trim()}`,
    );
  }
}

/** SHA-256 of a text in UTF-8: what its row is found by. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
