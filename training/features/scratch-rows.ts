import { readSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unavailable } from '../../core/files/file-errors.ts';
import { HalfRows } from './float16-matrix.ts';

/** Rows in a temporary file, for data too large for memory. */
export interface ScratchRows {
  readonly rows: HalfRows;
  /** Removes the file. */
  close(): Promise<void>;
}

/**
 * Writes blocks of whole rows as float16.
 * @throws {unavailable} if writing fails
 */
export async function writeScratch(
  path: string,
  columns: number,
  blocks: AsyncIterable<Float32Array>,
): Promise<ScratchRows> {
  const file = await mkdir(dirname(path), { recursive: true })
    .then(() => open(path, 'w+'))
    .catch((error: unknown) => {
      throw unavailable(error, 'write', path);
    });
  // Where open files can be deleted, it is deleted at once, so that a killed process leaves nothing; elsewhere, on
  // close.
  await rm(path).catch(() => {});
  const close = async () => {
    await file.close();
    await rm(path, { force: true });
  };
  try {
    let rows = 0;
    for await (const block of blocks) {
      await file.appendFile(new Uint8Array(new Float16Array(block).buffer));
      rows += block.length / columns;
    }
    let buffer = new Float16Array(columns);
    const read = (start: number, count: number) => {
      if (buffer.length < count * columns) buffer = new Float16Array(count * columns);
      const length = count * columns * 2;
      const got = readSync(file.fd, new Uint8Array(buffer.buffer, 0, length), 0, length, start * columns * 2);
      if (got < length) throw new Error(`${path}: expected ${length} bytes from row ${start} on, got ${got}`);
      return buffer.subarray(0, count * columns);
    };
    return { rows: new HalfRows(rows, columns, read), close };
  } catch (error) {
    await close();
    throw unavailable(error, 'write', path);
  }
}
