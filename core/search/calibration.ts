import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { readJsonFile } from '../files/json-file.ts';

/** What makes the cosines of a text side comparable: measured with a head, and stored in its folder. */

/** A bound on evidence: its value for a collection of one picture, and its growth with the logarithm of the size. */
const line = z.strictObject({ atOne: z.number(), perLog: z.number() });
const number16 = z.strictObject({ path: z.string().regex(/^[\w-]+\.f16$/), rows: z.int().positive() });
const number8 = z.strictObject({
  path: z.string().regex(/^[\w-]+\.i8$/),
  rows: z.int().positive(),
  /** Factor for each byte. */
  scale: z.number().positive(),
});

const schema = z.strictObject({
  format: z.literal(1),
  /** Divides cosines before exponentiation. */
  temperature: z.number().positive(),
  /** Evidence below this is poor; from `good` up it is good. */
  poor: line,
  good: line,
  /** Half floats [rows, dimension] beside this file, little endian: the texts that name other things. */
  others: number16,
  /** For pictures whose classes are known. */
  classes: z
    .strictObject({
      temperature: z.number().positive(),
      poor: line,
      good: line,
      /** Bytes [rows, size] beside this file: the text encoder's own output for the class names. */
      names: number8,
    })
    .optional(),
  /** Provenance, for people and reports. */
  madeOf: z.record(z.string(), z.json()),
});

export type CalibrationFile = z.infer<typeof schema>;

/** Thresholds of evidence for a fit. */
export interface Bounds {
  readonly poor: CalibrationFile['poor'];
  readonly good: CalibrationFile['good'];
}

/** Makes cosines of one text side comparable. */
export interface Calibration extends Bounds {
  readonly temperature: number;
  /** Unit vectors [n, dimension] of texts that name other things, one after the other. */
  readonly others: Float32Array;
  /** For pictures whose classes are known; null when it was not measured. */
  readonly classes: ClassCalibration | null;
}

export interface ClassCalibration extends Bounds {
  readonly temperature: number;
  /** Vectors [classes, size] of the names of classes in the text encoder's own space, one after the other. */
  readonly names: Float32Array;
  readonly count: number;
}

/** Prefix of the calibration files in the folder of a head. */
export const CALIBRATION = 'calibration-';

export function calibrationFile(encoder: string): string {
  return `${CALIBRATION}${encoder}.json`;
}

/**
 * The calibration of a text side; null when it has none, and then nothing is claimed about fit.
 * @throws {invalid-config} for a file that was not made by `sightline evaluate --calibrate`
 */
export async function loadCalibration(folder: string, encoder: string, dimension: number): Promise<Calibration | null> {
  const path = join(folder, calibrationFile(encoder));
  const advice = 'make it again: sightline evaluate --calibrate';
  const file = await readJsonFile(path, schema, advice);
  if (file === null) return null;
  const { temperature, poor, good, others } = file;
  const bytes = await readFile(join(folder, others.path));
  if (bytes.length !== 2 * others.rows * dimension) {
    const expected = 2 * others.rows * dimension;
    const message = `expected ${expected} bytes in ${join(folder, others.path)}, got ${bytes.length}; ${advice}`;
    throw new SightlineError('invalid-config', message);
  }
  const halves = new Float16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const classes = file.classes === undefined ? null : await loadClassNames(folder, file.classes);
  return { temperature, poor, good, others: Float32Array.from(halves), classes };
}

async function loadClassNames(
  folder: string,
  { names, ...rest }: NonNullable<CalibrationFile['classes']>,
): Promise<ClassCalibration> {
  const bytes = await readFile(join(folder, names.path));
  const values = Float32Array.from(new Int8Array(bytes), (value) => value * names.scale);
  return { ...rest, names: values, count: names.rows };
}
