import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { SightlineError } from '../../core/errors.ts';
import { writeWhole } from '../../core/files/atomic-write.ts';

/** Named float32 arrays with a JSON header in one file: one line of JSON, then the values, little endian. */

const headerSchema = z.strictObject({
  format: z.literal(1),
  /** CRC-32 over all values. */
  crc: z.int(),
  tensors: z.array(z.strictObject({ name: z.string(), length: z.int().nonnegative() })),
  facts: z.record(z.string(), z.json()),
});

export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Other values to keep, as JSON. */
  readonly facts: Readonly<Record<string, z.core.util.JSONType>>;
}

/**
 * Writes a file atomically without copying the values, which are the largest data in training.
 * @throws {unavailable} if it cannot be written
 */
export async function writeCheckpoint(path: string, { tensors, facts }: Checkpoint): Promise<void> {
  const parts = [...tensors.values()].map(
    (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  const header = {
    format: 1,
    crc: parts.reduce((crc, part) => crc32(part, crc), 0),
    tensors: [...tensors].map(([name, { length }]) => ({ name, length })),
    facts,
  };
  await writeWhole(path, [Buffer.from(`${JSON.stringify(header)}\n`), ...parts]);
}

/**
 * Returns null if there is no such file.
 * @throws {schema-mismatch} if it is damaged or not a checkpoint
 */
export async function readCheckpoint(path: string): Promise<Checkpoint | null> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new SightlineError('unavailable', `cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (bytes === null) return null;
  const end = bytes.indexOf(0x0a);
  const header = headerSchema.safeParse(parseJson(bytes.toString('utf8', 0, Math.max(end, 0))));
  if (!header.success)
    throw new SightlineError('schema-mismatch', `${path}: expected a checkpoint, got something else`);
  const body = bytes.subarray(end + 1);
  const expected = header.data.tensors.reduce((sum, { length }) => sum + 4 * length, 0);
  if (body.length !== expected || crc32(body) !== header.data.crc) {
    throw new SightlineError(
      'schema-mismatch',
      `${path}: expected ${expected} bytes of values with CRC-32 ${header.data.crc}, ` +
        `got ${body.length} with ${crc32(body)}`,
    );
  }
  // Copied, because float32 needs an address that is a multiple of four.
  const values = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
  const tensors = new Map<string, Float32Array>();
  let at = 0;
  for (const { name, length } of header.data.tensors) {
    tensors.set(name, values.subarray(at, at + length));
    at += length;
  }
  return { tensors, facts: header.data.facts };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
