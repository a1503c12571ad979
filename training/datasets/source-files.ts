import type { ListedObject, ObjectStore } from '../../core/ports.ts';
import { everyItem } from '../../core/util/paginate.ts';

/** Files of a data set's source: in a folder or bucket, in its archives, or in a stream. */

export interface SourceFile {
  /** Path with forward slashes, relative to the folder or archive. Untrusted: check it with `unsafeName`. */
  readonly path: string;
  /** Name of its archive without extension, or null. */
  readonly archive: string | null;
  readonly bytes: number;
  /** Changes with the content, as far as can be told without reading it. */
  readonly stamp: string;
  /**
   * May be called at any time, and for several files concurrently.
   * @throws {invalid-input} if the archive is corrupt
   */
  open(): AsyncIterable<Uint8Array>;
}

/** An archive that can only be read from front to back. */
export interface Shard {
  readonly name: string;
  /**
   * Its files in order. `wanted` files are read into memory and can be opened from then on; the others are skipped.
   * @throws {invalid-input} if the archive is corrupt
   */
  files(wanted: (path: string, bytes: number) => boolean): AsyncIterable<SourceFile>;
}

export interface SourceFiles {
  /** Name for messages. */
  readonly name: string;
  readonly files: readonly SourceFile[];
  readonly shards: readonly Shard[];
}

/** The content of a file of at most `maxBytes`; null if it is longer. */
export async function contentOf(file: SourceFile, maxBytes: number): Promise<Uint8Array | null> {
  if (file.bytes > maxBytes) return null;
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of file.open()) {
    total += chunk.length;
    if (total > maxBytes) return null;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** The first bytes of a file. */
export async function headOf(file: SourceFile, bytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of file.open()) {
    chunks.push(chunk);
    total += chunk.length;
    if (total >= bytes) break;
  }
  return Buffer.concat(chunks).subarray(0, bytes);
}

/** The first line of a UTF-8 text, if it is shorter than 4 kB. */
export async function firstLine(file: SourceFile): Promise<string> {
  return new TextDecoder().decode(await headOf(file, 4096)).split('\n', 1)[0]!;
}

/** Wraps an object of a store as a file. */
export function storedFile(store: ObjectStore, { key, bytes, etag }: ListedObject): SourceFile {
  return { path: key, archive: null, bytes, stamp: etag, open: () => bodyOf(store, key, etag) };
}

/** The bytes of one version of an object; empty if it is gone. */
export async function* bodyOf(store: ObjectStore, key: string, etag: string): AsyncGenerator<Uint8Array> {
  const found = await store.get(key, { ifMatch: etag });
  if (found !== null) yield* found.body;
}

/** All objects of a store below `prefix`. */
export function listAll(store: ObjectStore, prefix: string): AsyncGenerator<ListedObject> {
  return everyItem((cursor) => store.list({ prefix, cursor, limit: 1000 }));
}
