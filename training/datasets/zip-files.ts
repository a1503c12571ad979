import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, RandomAccessReader, type ZipFile } from 'yauzl';
import { SightlineError } from '../../core/errors.ts';
import type { ListedObject, ObjectStore } from '../../core/ports.ts';
import { archiveStem } from './picture-names.ts';
import type { SourceFile } from './source-files.ts';

/**
 * A zip in a folder or a bucket, read in place: its directory once, then each file by range on demand. A zip of any
 * size (including zip64) takes only the memory of the pictures in progress.
 */

/** The directory is read in blocks of this size. */
const WINDOW_BYTES = 1 << 20;
/** Masks of the Unix file mode in the upper half of the external attributes: file type, and symbolic link. */
const [TYPE_MASK, SYMLINK] = [0o170000, 0o120000];

/**
 * The files of a zip.
 * @throws {invalid-input} if it is not a zip, or is truncated
 */
export async function readZip(store: ObjectStore, object: ListedObject): Promise<SourceFile[]> {
  const reader = new StoreReader(store, object);
  try {
    // Names are kept as bytes, because yauzl would reject the whole archive for one bad name.
    const options = { lazyEntries: true, autoClose: false, decodeStrings: false };
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, object.bytes, options);
    const files: SourceFile[] = [];
    for await (const entry of zip.eachEntry()) {
      const file = fileOf(zip, entry, object);
      if (file !== null) files.push(file);
    }
    return files;
  } catch (error) {
    throw broken(object.key, 'a whole zip archive', error);
  } finally {
    reader.directoryIsRead();
  }
}

/** Null for folders and symbolic links. */
function fileOf(zip: ZipFile, entry: Entry, { key, etag }: ListedObject): SourceFile | null {
  const path = yauzl.getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  if (path.endsWith('/') || ((entry.externalFileAttributes >>> 16) & TYPE_MASK) === SYMLINK) return null;
  return {
    path,
    archive: archiveStem(key),
    bytes: entry.uncompressedSize,
    stamp: `${etag} ${entry.crc32.toString(16)} ${entry.uncompressedSize}`,
    open: () => contentOfEntry(zip, entry, `${key}/${path}`),
  };
}

async function* contentOfEntry(zip: ZipFile, entry: Entry, name: string): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  try {
    // yauzl limits the content to the size in the directory: a zip bomb cannot grow beyond its announced size.
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      checksum = crc32(chunk as Buffer, checksum);
      yield chunk as Buffer;
    }
  } catch (error) {
    throw broken(name, 'a file that can be unpacked', error);
  }
  if (checksum !== entry.crc32) throw broken(name, `CRC-32 ${entry.crc32.toString(16)}`, checksum.toString(16));
}

/** Remembers errors of the store; all others are faults of the archive. */
function broken(name: string, expected: string, got: unknown): unknown {
  if (got instanceof SightlineError) return got;
  const text = got instanceof Error ? got.message : String(got);
  return new SightlineError('invalid-input', `${name}: expected ${expected}, got: ${text}`, { cause: got });
}

class StoreReader extends RandomAccessReader {
  readonly #store: ObjectStore;
  readonly #object: ListedObject;
  #window: { readonly start: number; readonly bytes: Buffer } | null = null;
  #readingDirectory = true;

  constructor(store: ObjectStore, object: ListedObject) {
    super();
    this.#store = store;
    this.#object = object;
  }

  directoryIsRead(): void {
    this.#readingDirectory = false;
    this.#window = null;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#range(start, end));
  }

  /** Buffers reads: yauzl reads a few bytes at a time, and each read would be a request. */
  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.#slice(position, length).then(
      (bytes) => {
        bytes.copy(target, offset);
        done(null);
      },
      (error: Error) => done(error),
    );
  }

  async #slice(start: number, length: number): Promise<Buffer> {
    if (!this.#readingDirectory) return buffer(this.#range(start, start + length));
    const held = this.#window;
    const inside = held !== null && start >= held.start && start + length <= held.start + held.bytes.length;
    const window = inside ? held : await this.#fetchWindow(start, length);
    return window.bytes.subarray(start - window.start, start - window.start + length);
  }

  async #fetchWindow(start: number, length: number) {
    const end = Math.min(this.#object.bytes, start + Math.max(length, WINDOW_BYTES));
    this.#window = { start, bytes: await buffer(this.#range(start, end)) };
    return this.#window;
  }

  async *#range(start: number, end: number): AsyncGenerator<Uint8Array> {
    const { key, etag } = this.#object;
    const found = await this.#store.get(key, { range: { first: start, end: end - 1 }, ifMatch: etag });
    if (found === null) throw new SightlineError('not-found', `${key} is gone`);
    yield* found.body;
  }
}
