import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
