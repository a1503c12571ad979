import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from './errors.ts';
import type { FoundHit } from './fusion.ts';
import { readJsonFile } from './json-file.ts';
import type { Filter, VectorStore } from './ports.ts';
import type { JointEmbedding } from './types.ts';
import { dot } from './vector-arithmetic.ts';

/**
 * How well a picture fits the words it was found by. The nearest picture of a query is not yet one that shows what was
 * asked for. What tells is whether the words name the picture better than other words would: each picture is asked
 * which of a thousand things it shows, the query being one more of them, and its answer is compared with those that
 * captioned pictures gave to words which people had written of them (docs/decisions/0047-honest-answers.md).
 */

export type Fit = 'good' | 'fair' | 'poor';

/** A bound on evidence: what it is in a collection of one picture, and how it grows with the logarithm of its size. */
const line = z.strictObject({ atOne: z.number(), perLog: z.number() });
const number16 = z.strictObject({ path: z.string().regex(/^[\w-]+\.f16$/), rows: z.int().positive() });

const schema = z.strictObject({
  format: z.literal(1),
  /** Divides cosines before they are exponents. */
  temperature: z.number().positive(),
  /** Evidence below is poor, from `good` on good. */
  poor: line,
  good: line,
  /** Half floats [rows, dimension] beside this file, little endian: the texts that name other things. */
  others: number16,
  /** For people and reports. */
  madeOf: z.record(z.string(), z.json()),
});

export type CalibrationFile = z.infer<typeof schema>;

/** What makes cosines of one text side comparable. */
export interface Calibration {
  readonly temperature: number;
  readonly poor: CalibrationFile['poor'];
  readonly good: CalibrationFile['good'];
  /** Unit vectors [n, dimension] of texts that name other things, one after the other. */
  readonly others: Float32Array;
}

/** How the names of the files in the folder of a head begin that say what cosines of its text sides mean. */
export const CALIBRATION = 'calibration-';

export function calibrationFile(encoder: string): string {
  return `${CALIBRATION}${encoder}.json`;
}

/**
 * The calibration of a text side; null when it has none, and no claims are made then.
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
  return { temperature, poor, good, others: Float32Array.from(halves) };
}

/**
 * How much more likely a picture is to be called by the query than by any of the other texts, as a logarithm: the
 * log-odds of a softmax over cosines, as in zero-shot classification (Radford et al. 2021, section 3.1).
 * @param cosine of query and picture
 * @param picture unit vector
 */
export function evidence({ temperature, others }: Calibration, cosine: number, picture: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < others.length; ) {
    let product = 0;
    for (let i = 0; i < picture.length; i++, at++) product += others[at]! * picture[i]!;
    sum += Math.exp(product / temperature);
  }
  return cosine / temperature - Math.log(sum);
}

/**
 * The best of many pictures is nearer than the best of few, whether it shows what was asked for or not; so more is
 * asked of it.
 * @param pictures that the query was compared with
 */
export function fitOf({ poor, good }: Calibration, value: number, pictures: number): Fit {
  const bound = ({ atOne, perLog }: CalibrationFile['poor']) => atOne + perLog * Math.log(Math.max(1, pictures));
  if (value < bound(poor)) return 'poor';
  return value < bound(good) ? 'fair' : 'good';
}

/**
 * How well each hit fits the text that is looked for. What is called by its words is good, whatever it shows; nothing
 * is claimed of captions.
 * @param text its vector
 */
export async function fitOfHits(
  vectors: VectorStore,
  calibration: Calibration,
  { text, filter, hits }: { text: JointEmbedding; filter: Filter; hits: readonly FoundHit[] },
): Promise<(Fit | undefined)[]> {
  const pictures = hits.filter(({ payload }) => payload.kind === 'image');
  if (pictures.length === 0) return hits.map(() => undefined);
  const [stored, count] = await Promise.all([vectors.vectors(pictures.map(({ id }) => id)), vectors.count(filter)]);
  return hits.map(({ id, why }) => {
    const picture = stored.get(id);
    if (picture === undefined) return undefined;
    if (why.some((reason) => reason !== 'meaning')) return 'good';
    return fitOf(calibration, evidence(calibration, dot(text, picture), picture), count);
  });
}

/** The best of them; undefined when none is known. */
export function bestFit(fits: readonly (Fit | undefined)[]): Fit | undefined {
  return (['good', 'fair', 'poor'] as const).find((fit) => fits.includes(fit));
}
