import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { readJsonFile } from '../files/json-file.ts';
import { type SeenClass, unpackClasses } from '../picture/classes.ts';
import type { Filter, ReadText, VectorStore } from '../ports.ts';
import { dot } from '../vector-arithmetic.ts';
import type { FoundHit } from './rank-fusion.ts';

/**
 * How well a picture fits the words it was found by. The nearest picture need not show what was searched for. It does
 * if the query describes it better than other texts do: each picture is classified among a thousand other texts and the
 * query, and the result is compared with that of captioned pictures and their own captions
 * (docs/decisions/0047-honest-answers.md).
 */

export type Fit = 'good' | 'fair' | 'poor';

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

/**
 * How much more likely the query describes a picture than any of the other texts, as a logarithm: the log-odds of a
 * softmax over cosines, as in zero-shot classification (Radford et al. 2021, section 3.1).
 * @param cosine of query and picture
 * @param picture unit vector
 */
export function evidence(
  { temperature, others }: Pick<Calibration, 'temperature' | 'others'>,
  cosine: number,
  picture: Float32Array,
): number {
  let sum = 0;
  for (let at = 0; at < others.length; ) {
    let product = 0;
    for (let i = 0; i < picture.length; i++, at++) product += others[at]! * picture[i]!;
    sum += Math.exp(product / temperature);
  }
  return cosine / temperature - Math.log(sum);
}

/** Probability of classes that were not kept. */
const ELSEWHERE = 1e-4;

/**
 * How likely the query means each class: a softmax over the cosines of its own vector and those of their names.
 * @param own unit vector of the text encoder
 */
export function meantClasses(
  { temperature, names, count }: Pick<ClassCalibration, 'temperature' | 'names' | 'count'>,
  own: Float32Array,
): Float64Array {
  const size = names.length / count;
  const cosines = Float64Array.from({ length: count }, (_, c) => dot(own, names.subarray(c * size, (c + 1) * size)));
  const largest = cosines.reduce((most, value) => Math.max(most, value), -Infinity);
  const powers = cosines.map((cosine) => Math.exp((cosine - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** The log-likelihood that query and picture belong to the same class. */
export function classEvidence(meant: Float64Array, seen: readonly SeenClass[]): number {
  return Math.log(seen.reduce((sum, { index, share }) => sum + share * (meant[index] ?? 0), ELSEWHERE));
}

/**
 * The best of many pictures is nearer than the best of few, relevant or not, so the threshold grows with their number.
 * @param pictures number of pictures compared with the query
 */
export function fitOf({ poor, good }: Bounds, value: number, pictures: number): Fit {
  const bound = ({ atOne, perLog }: CalibrationFile['poor']) => atOne + perLog * Math.log(Math.max(1, pictures));
  if (value < bound(poor)) return 'poor';
  return value < bound(good) ? 'fair' : 'good';
}

/**
 * How well each hit fits the query text. A match by name is good, whatever the picture shows; nothing is claimed about
 * captions.
 * @param text its vector, and the text encoder's own output
 */
export async function fitOfHits(
  vectors: VectorStore,
  calibration: Calibration,
  { text, filter, hits }: { text: Pick<ReadText, 'vector' | 'own'>; filter: Filter; hits: readonly FoundHit[] },
): Promise<(Fit | undefined)[]> {
  const pictures = hits.filter(({ payload }) => payload.kind === 'image');
  if (pictures.length === 0) return hits.map(() => undefined);
  const [stored, count] = await Promise.all([vectors.vectors(pictures.map(({ id }) => id)), vectors.count(filter)]);
  const { classes } = calibration;
  const isKnown = pictures.some(({ payload }) => payload.kind === 'image' && payload.classes !== null);
  const meant = classes === null || !isKnown ? null : meantClasses(classes, text.own);
  return hits.map(({ id, why, payload }) => {
    const picture = stored.get(id);
    if (picture === undefined || payload.kind !== 'image') return undefined;
    if (why.some((reason) => reason !== 'meaning')) return 'good';
    const own = evidence(calibration, dot(text.vector, picture), picture);
    if (classes === null || meant === null || payload.classes === null) return fitOf(calibration, own, count);
    return fitOf(classes, own + classEvidence(meant, unpackClasses(payload.classes)), count);
  });
}

/** Number of top pictures that a result is judged by: the nearest one need not be the relevant one. */
export const JUDGED_BY = 5;

/** The best fit among the top pictures; undefined when none is known. */
export function bestFit(fits: readonly (Fit | undefined)[]): Fit | undefined {
  const known = fits.filter((fit) => fit !== undefined).slice(0, JUDGED_BY);
  return (['good', 'fair', 'poor'] as const).find((fit) => known.includes(fit));
}
