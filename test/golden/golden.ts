import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EncodedPairs } from '../../training/features/extract.ts';
import type { FeatureSample } from '../../training/features/feature-sample.ts';
import { HalfMatrix } from '../../training/features/float16-matrix.ts';

/** Reads recorded outputs and compares with them. */

export const MODELS = fileURLToPath(new URL('../../models', import.meta.url));

/** models/ and the folders named in SIGHTLINE_EXTRA_MODELS. */
export const MODEL_DIRS = [
  MODELS,
  ...(process.env.SIGHTLINE_EXTRA_MODELS ?? '').split(delimiter).filter((dir) => dir !== ''),
];

/** Why tests of an encoder cannot run here, or false if they can: the value of node:test's `skip`. */
export function missingModel(folder: string): string | false {
  if (MODEL_DIRS.some((dir) => existsSync(join(dir, folder)))) return false;
  return `models/${folder} is not part of the repository; SIGHTLINE_EXTRA_MODELS names a folder that has it`;
}

export function goldenPath(...parts: string[]): string {
  return fileURLToPath(new URL(parts.join('/'), import.meta.url));
}

export function readGolden(...parts: string[]): Buffer {
  return readFileSync(goldenPath(...parts));
}

/** A little-endian float32 matrix as its rows. */
export function readRows(columns: number, ...parts: string[]): Float32Array[] {
  const bytes = readGolden(...parts);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return Array.from({ length: all.length / columns }, (_, row) => all.slice(row * columns, (row + 1) * columns));
}

export function readJson<T>(...parts: string[]): T {
  return JSON.parse(readGolden(...parts).toString('utf8')) as T;
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}

export function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length;
}

/** What `npm run head-sample` wrote, of 170 photos of COCO. */
export function readSample(): { sample: FeatureSample; pairs: EncodedPairs } {
  const sample = readJson<FeatureSample>('head-sample', 'sample.json');
  const matrix = (name: string, rows: number, columns: number) => {
    // Copied, because 16-bit values need an even address.
    const bytes = new Uint8Array(readGolden('head-sample', `${name}.f16`));
    return new HalfMatrix(rows, columns, new Float16Array(bytes.buffer));
  };
  const firstCaption = new Uint32Array(sample.captions.length + 1);
  for (const [picture, count] of sample.captions.entries()) firstCaption[picture + 1] = firstCaption[picture]! + count;
  const image: Record<string, HalfMatrix> = {};
  for (const [name, size] of Object.entries(sample.image.outputs)) {
    image[name] = matrix(name, sample.captions.length, size);
  }
  const captions = matrix('captions', firstCaption.at(-1)!, sample.text.dimension);
  return { sample, pairs: { augmented: [image], captions, firstCaption } };
}
