import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sha256OfFile } from '../../core/encode/model-files.ts';
import { SightlineError } from '../../core/errors.ts';
import { writeWhole } from '../../core/files/atomic-write.ts';
import { unavailable } from '../../core/files/file-errors.ts';
import type { HalfRows } from './float16-matrix.ts';
import { encodeRows, type Row, readRecords, recordBytes, recordRows } from './record-file.ts';

export type { Row } from './record-file.ts';

/**
 * Float16 rows by content hash, so that an interrupted extraction can resume. New rows are appended to `rows.bin`.
 * Sealing turns it into `segments/SHA-256.bin`, which never changes again: segments can be copied between machines, and
 * two caches are merged by exchanging missing segments (shared-cache.ts).
 */

const FORMAT = 1;
const ROWS = 'rows.bin';
const SEGMENTS = 'segments';
const SEGMENT = /^[0-9a-f]{64}\.bin$/;

/** Describes how the rows were made; a different description means a different cache. */
export interface CacheDescription {
  /** Such as the encoder's key and the name of the augmentation. */
  readonly made: Readonly<Record<string, unknown>>;
  readonly columns: number;
}

interface Part {
  readonly path: string;
  readonly file: FileHandle;
}

export class RecordCache {
  readonly folder: string;
  readonly description: CacheDescription;
  /** Records with a wrong checksum; they will be recomputed. */
  damaged = 0;
  /** Bytes of rows that are not in a segment yet. */
  unsealedBytes = 0;
  /** Location of a row: part and record number. */
  readonly #positions = new Map<string, { readonly part: Part; readonly record: number }>();
  readonly #segments = new Map<string, Part>();
  #rows: Part;
  /** Writes are sequential, because a record's number is its position in the file. */
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, description: CacheDescription, rows: Part) {
    this.folder = folder;
    this.description = description;
    this.#rows = rows;
  }

  /**
   * Opens or creates the cache in `folder`.
   * @throws {schema-mismatch} if the folder holds a cache with another description
   */
  static async open(folder: string, description: CacheDescription): Promise<RecordCache> {
    await mkdir(join(folder, SEGMENTS), { recursive: true }).catch((error: unknown) => {
      throw unavailable(error, 'make', folder);
    });
    await checkDescription(join(folder, 'cache.json'), description);
    const cache = new RecordCache(folder, description, await openRows(folder));
    try {
      for (const name of await readdir(join(folder, SEGMENTS))) {
        if (SEGMENT.test(name)) await cache.#addSegment(name);
        // An unfinished download.
        else await unlink(join(folder, SEGMENTS, name)).catch(() => {});
      }
      const count = await cache.#index(cache.#rows);
      cache.unsealedBytes = count * recordBytes(description.columns);
      // Remains of an interrupted write after the last whole record.
      await cache.#rows.file.truncate(cache.unsealedBytes);
      return cache;
    } catch (error) {
      await cache.close();
      throw error;
    }
  }

  get size(): number {
    return this.#positions.size;
  }

  /** Names of the sealed files, which are the SHA-256 of their content. */
  get segments(): readonly string[] {
    return [...this.#segments.keys()];
  }

  has(hash: string): boolean {
    return this.#positions.has(hash);
  }

  /**
   * Appends rows in one write.
   * @throws {unavailable} if writing fails
   */
  append(rows: readonly Row[]): Promise<void> {
    return this.#inTurn(async () => {
      const { columns } = this.description;
      const out = encodeRows(rows, columns);
      try {
        await this.#rows.file.appendFile(out);
      } catch (error) {
        throw unavailable(error, 'write', this.#rows.path);
      }
      let record = this.unsealedBytes / recordBytes(columns);
      for (const { hash } of rows) this.#positions.set(hash, { part: this.#rows, record: record++ });
      this.unsealedBytes += out.length;
    });
  }

  /**
   * Columns `from` to `to` (default all) of the rows with these hashes, in order, readable until the cache is closed.
   * @throws {unavailable} on reading, if another process changed the file
   * @throws {Error} for an unknown hash: a bug
   */
  rows(hashes: readonly string[], part: { from?: number; to?: number } = {}): HalfRows {
    const positions = hashes.map((hash) => {
      const position = this.#positions.get(hash);
      if (position === undefined) throw new Error(`expected a row for ${hash} in ${this.folder}`);
      return position;
    });
    const changed = () => changedMeanwhile(this.folder);
    return recordRows(positions, hashes, { columns: this.description.columns, ...part }, changed);
  }

  /**
   * Seals the appended rows into a segment, if there are any.
   * @throws {unavailable}
   */
  seal(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.unsealedBytes === 0) return;
      const { path, file } = this.#rows;
      try {
        await file.sync();
        const name = `${await sha256OfFile(path)}.bin`;
        const sealed = { path: join(this.folder, SEGMENTS, name), file };
        await rename(path, sealed.path);
        for (const [hash, { part, record }] of this.#positions) {
          if (part === this.#rows) this.#positions.set(hash, { part: sealed, record });
        }
        this.#segments.set(name, sealed);
        this.#rows = await openRows(this.folder);
        this.unsealedBytes = 0;
      } catch (error) {
        throw unavailable(error, 'seal', path);
      }
    });
  }

  /**
   * Adds a segment that another cache sealed.
   * @throws {unavailable} if the bytes do not match the name
   */
  async adopt(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const aside = join(this.folder, SEGMENTS, `${randomUUID()}.part`);
    const hash = createHash('sha256');
    const hashed = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    };
    try {
      await pipeline(bytes, hashed, createWriteStream(aside));
      const actual = `${hash.digest('hex')}.bin`;
      if (actual !== name) throw new SightlineError('unavailable', `${name}: expected these bytes, got ${actual}`);
      await rename(aside, this.pathOf(name));
    } catch (error) {
      await unlink(aside).catch(() => {});
      throw unavailable(error, 'write', aside);
    }
    await this.#addSegment(name);
  }

  pathOf(segment: string): string {
    return join(this.folder, SEGMENTS, segment);
  }

  async close(): Promise<void> {
    for (const { file } of [this.#rows, ...this.#segments.values()]) await file.close();
  }

  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#lastWrite.then(write);
    this.#lastWrite = turn.catch(() => undefined);
    return turn;
  }

  async #addSegment(name: string): Promise<void> {
    const path = this.pathOf(name);
    const part = { path, file: await open(path, 'r') };
    this.#segments.set(name, part);
    await this.#index(part);
  }

  /** Indexes the rows of a part; returns its number of records, including damaged ones. */
  async #index(part: Part): Promise<number> {
    let count = 0;
    for await (const { record, hash, isWhole } of readRecords(part.file, this.description.columns)) {
      count = record + 1;
      if (isWhole) this.#positions.set(hash, { part, record });
      else this.damaged++;
    }
    return count;
  }
}

/** Opens for reading and writing; creates the file, never truncates it. */
async function openRows(folder: string): Promise<Part> {
  const path = join(folder, ROWS);
  try {
    return { path, file: await open(path, 'a+') };
  } catch (error) {
    throw unavailable(error, 'open', path);
  }
}

/** Content of `cache.json`, here and in a bucket. */
export function describeCache(description: CacheDescription): string {
  return `${JSON.stringify({ format: FORMAT, ...description }, null, 2)}\n`;
}

export function otherCache(path: string, expected: string, found: string): SightlineError {
  return new SightlineError(
    'schema-mismatch',
    `${path}: expected a cache made by ${expected.trim()}, got ${found.trim()}`,
  );
}

async function checkDescription(path: string, description: CacheDescription): Promise<void> {
  const expected = describeCache(description);
  try {
    const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (found === null) await writeWhole(path, expected);
    else if (found !== expected) throw otherCache(path, expected, found);
  } catch (error) {
    throw unavailable(error, 'read or write', path);
  }
}

function changedMeanwhile(folder: string): SightlineError {
  return new SightlineError('unavailable', `${folder} changed while it was read: is another process writing there?`);
}

/** SHA-256 of a text in UTF-8, the key of its row. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
