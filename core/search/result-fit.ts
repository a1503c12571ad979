import { type SeenClass, unpackClasses } from '../picture/top-classes.ts';
import type { Filter, ReadText, VectorStore } from '../ports.ts';
import { dot } from '../util/vector-arithmetic.ts';
import type { Bounds, Calibration, CalibrationFile, ClassCalibration } from './calibration.ts';
import type { FoundHit } from './rank-fusion.ts';

/**
 * How well a picture fits the words it was found by. The nearest picture need not show what was searched for. It does
 * if the query describes it better than other texts do: each picture is classified among a thousand other texts and the
 * query, and the result is compared with that of captioned pictures and their own captions
 * (docs/decisions/0047-honest-answers.md).
 */

/** Best first. */
export const FITS = ['good', 'fair', 'poor'] as const;
export type Fit = (typeof FITS)[number];

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
  return FITS.find((fit) => known.includes(fit));
}
