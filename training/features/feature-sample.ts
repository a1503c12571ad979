import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Encoders } from '../../core/encode/encoders.ts';
import { SightlineError } from '../../core/errors.ts';
import { writeWhole } from '../../core/files/atomic-write.ts';
import type { EncodedPairs } from './extract.ts';
import { HalfMatrix } from './float16-matrix.ts';

/**
 * Encoder outputs of a few captioned pictures in files small enough to commit, so that a head can be evaluated without
 * the pictures: `sample.json` and one file per matrix, float16, little endian, row by row. Contains neither pictures
 * nor texts.
 */

const encoder = { encoder: z.string().min(1), key: z.string().regex(/^[0-9a-f]{16}$/) };

const sampleSchema = z.strictObject({
  format: z.literal(1),
  /** Source of the pictures, as text. */
  source: z.string().min(1),
  text: z.strictObject({ ...encoder, dimension: z.int().positive() }),
  image: z.strictObject({ ...encoder, outputs: z.record(z.string(), z.int().positive()) }),
  /** Captions of each picture, in order. */
  captions: z.array(z.int().positive()).min(1),
});

/** Content of sample.json. */
export type FeatureSample = z.infer<typeof sampleSchema>;

const SAMPLE_FILE = 'sample.json';
const CAPTIONS = 'captions';

/**
 * Writes the pictures' outputs as serving sees them and the captions' vectors; the description last.
 * @throws {unavailable}
 */
export async function writeFeatureSample(
  folder: string,
  pairs: EncodedPairs,
  { encoders, source }: { encoders: Encoders; source: string },
): Promise<FeatureSample> {
  const { text, image } = encoders;
  const sample: FeatureSample = {
    format: 1,
    source,
    text: { encoder: text.name, key: text.key, dimension: text.dimension },
    image: { encoder: image.name, key: image.key, outputs: { ...image.outputs } },
    captions: Array.from(pairs.firstCaption.subarray(1), (end, picture) => end - pairs.firstCaption[picture]!),
  };
  const matrices = { ...pairs.augmented[0]!, [CAPTIONS]: pairs.captions };
  for (const [name, matrix] of Object.entries(matrices)) {
    const values = matrix.read(0, matrix.rows);
    await writeWhole(matrixPath(folder, name), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  await writeWhole(join(folder, SAMPLE_FILE), `${JSON.stringify(sample)}\n`);
  return sample;
}

/**
 * Reads a sample.
 * @throws {schema-mismatch} if a file is missing, invalid, or has the wrong size
 */
export async function readFeatureSample(folder: string): Promise<{ sample: FeatureSample; pairs: EncodedPairs }> {
  const path = join(folder, SAMPLE_FILE);
  const parsed = sampleSchema.safeParse(JSON.parse((await readBytes(path)).toString('utf8')));
  if (!parsed.success) throw new SightlineError('schema-mismatch', `${path}: ${z.prettifyError(parsed.error)}`);
  const sample = parsed.data;
  const firstCaption = new Uint32Array(sample.captions.length + 1);
  for (const [picture, count] of sample.captions.entries()) firstCaption[picture + 1] = firstCaption[picture]! + count;
  const image: Record<string, HalfMatrix> = {};
  for (const [name, size] of Object.entries(sample.image.outputs)) {
    image[name] = await readMatrix(matrixPath(folder, name), sample.captions.length, size);
  }
  const captions = await readMatrix(matrixPath(folder, CAPTIONS), firstCaption.at(-1)!, sample.text.dimension);
  return { sample, pairs: { augmented: [image], captions, firstCaption } };
}

async function readMatrix(path: string, rows: number, columns: number): Promise<HalfMatrix> {
  const bytes = await readBytes(path);
  if (bytes.length !== rows * columns * 2) {
    throw new SightlineError(
      'schema-mismatch',
      `${path}: expected ${rows} x ${columns} float16 values, got ${bytes.length} bytes`,
    );
  }
  // Copied, because 16-bit values need an even address.
  return new HalfMatrix(rows, columns, new Float16Array(new Uint8Array(bytes).buffer));
}

function readBytes(path: string): Promise<Buffer> {
  return readFile(path).catch((error: Error) => {
    throw new SightlineError('schema-mismatch', `expected a feature sample, got ${error.message}`, { cause: error });
  });
}

function matrixPath(folder: string, name: string): string {
  return join(folder, `${name}.f16`);
}
