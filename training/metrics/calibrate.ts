import type { SeenClass } from '../../core/picture/classes.ts';
import {
  type Bounds,
  type Calibration,
  classEvidence,
  evidence,
  fitOf,
  JUDGED_BY,
  meantClasses,
} from '../../core/search/result-fit.ts';
import { dot } from '../../core/vector-arithmetic.ts';
import { Random } from '../random.ts';

/**
 * Bounds on evidence (see `core/search/result-fit.ts`), from captioned pictures that the head never saw. The queries
 * are single words that most people wrote of a picture, since what people type is nearer to them than a caption is;
 * they are asked in collections of several sizes that hold a picture they were written of.
 */

/** A word and the pictures that most of their captions say it of. */
export interface AgreedWord {
  readonly word: string;
  readonly pictures: readonly number[];
}

/** A word counts when three of five captions have it, and at least two do. */
const AGREEMENT = 0.6;
/** Shorter ones are articles and prepositions. */
const SHORTEST = 3;
/** Words that name nothing (the most frequent ones of English captions that are longer than two letters). */
const EMPTY = new Set(
  (
    'the and with are for from that this his her its their they them there one two three four into onto over near ' +
    'while some other another through behind front next very has have had been being who which not out off down up ' +
    'several around across along between under above each'
  ).split(' '),
);

/** The words of pictures with several captions. */
export function agreedWords(pictures: readonly { readonly captions: readonly string[] }[]): AgreedWord[] {
  const found = new Map<string, number[]>();
  for (const [picture, { captions }] of pictures.entries()) {
    const counts = new Map<string, number>();
    for (const caption of captions) {
      for (const word of new Set(caption.toLowerCase().match(/\p{L}+/gu) ?? [])) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
    for (const [word, count] of counts) {
      if (count < Math.max(2, AGREEMENT * captions.length) || word.length < SHORTEST || EMPTY.has(word)) continue;
      found.set(word, [...(found.get(word) ?? []), picture]);
    }
  }
  return [...found].map(([word, shown]) => ({ word, pictures: shown }));
}

/** Sizes of the collections; larger ones than there are pictures are left out. */
const SIZES = [10, 20, 50, 100, 200, 500, 1000];
/** Queries asked for each size, about. */
const QUERIES = 5000;
/** Share of the words of a picture that may be called poor, by cosines alone and with classes; half are good. */
const POOR_SHARE = { cosines: 0.15, classes: 0.3 };
const GOOD_SHARE = 0.5;
/** What cosines are divided by: encoders that were trained at different temperatures spread theirs differently. */
const TEMPERATURES = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15];
/**
 * The text encoder's own cosines are divided by this share of their deviation among the names of the classes. Words of
 * captions do not tell which share is best: from a third to two thirds they find the same.
 */
const OWN_SHARE = 0.43;

export interface CalibrationInput {
  readonly words: readonly AgreedWord[];
  /** [words, dimension] */
  readonly texts: Float32Array;
  /** [pictures, dimension] */
  readonly images: Float32Array;
  /** [n, dimension] Texts that name other things. */
  readonly others: Float32Array;
  readonly dimension: number;
  /** What the encoders themselves say; null when the image encoder's classes have no names. */
  readonly classes: ClassInput | null;
  readonly seed: number;
}

export interface ClassInput {
  /** Unit vectors of the words in the text encoder's own space. */
  readonly words: readonly Float32Array[];
  /** [count, size] The same of the names of the classes. */
  readonly names: Float32Array;
  readonly count: number;
  /** What each picture is taken for. */
  readonly seen: readonly (readonly SeenClass[])[];
}

export interface Calibrated extends Calibration {
  /** Share of words that no picture shows which are poor, over all sizes. */
  readonly caught: number;
}

/**
 * The bounds are straight lines, over the logarithm of the size, through quantiles of evidence; the temperature of
 * cosines is the one that tells most of the words apart that no picture shows.
 */
export function calibrate(input: CalibrationInput): Calibrated {
  const { dimension, images, words, texts, others, classes } = input;
  const rowOf = (matrix: Float32Array, i: number) => matrix.subarray(i * dimension, (i + 1) * dimension);
  const pictures = images.length / dimension;
  const cosines = words.map((_, w) =>
    Float32Array.from({ length: pictures }, (_, i) => dot(rowOf(texts, w), rowOf(images, i))),
  );
  const asked = askCollections(new Random(input.seed, 'collections'), words, cosines);
  const byCosine = best(
    TEMPERATURES.map((temperature) => {
      const evidenceOf = cosineEvidence(input, temperature, cosines);
      return { temperature, evidenceOf, ...bounds(asked, evidenceOf, POOR_SHARE.cosines) };
    }),
  );
  const { temperature, poor, good, caught, evidenceOf } = byCosine;
  const own = { temperature, poor, good, others };
  if (classes === null) return { ...own, classes: null, caught };
  const { names, count } = classes;
  const ownTemperature = Math.max(1e-3, OWN_SHARE * deviationAmong(names, count));
  const also = evidenceOfClasses(classes, ownTemperature);
  const both: EvidenceOf = (word, picture) => evidenceOf(word, picture) + also(word, picture);
  const byClass = bounds(asked, both, POOR_SHARE.classes);
  const known = { temperature: ownTemperature, poor: byClass.poor, good: byClass.good, names, count };
  return { ...own, classes: known, caught: byClass.caught };
}

function best<T extends { readonly caught: number }>(all: readonly T[]): T {
  return all.reduce((most, one) => (one.caught > most.caught ? one : most));
}

/** A word asked in a collection: the nearest pictures, and whether the word was written of any picture there. */
interface Asked {
  readonly size: number;
  readonly word: number;
  readonly nearest: readonly number[];
  readonly isShown: boolean;
}

function askCollections(random: Random, words: readonly AgreedWord[], cosines: readonly Float32Array[]): Asked[] {
  const pictures = cosines[0]?.length ?? 0;
  return SIZES.filter((size) => size <= pictures).flatMap((size) => {
    const asked: Asked[] = [];
    for (let shown = 0; shown < QUERIES && words.length > 0; ) {
      const collection = draw(random, pictures, size);
      for (const [word, { pictures: those }] of words.entries()) {
        const isShown = those.some((one) => collection.has(one));
        if (isShown) shown++;
        asked.push({ size, word, nearest: nearestOf(collection, cosines[word]!), isShown });
      }
    }
    return asked;
  });
}

/** The first ones by cosine, as an answer begins. */
function nearestOf(collection: ReadonlySet<number>, cosines: Float32Array): number[] {
  const first: number[] = [];
  for (const one of collection) {
    if (first.length === JUDGED_BY && cosines[one]! <= cosines[first.at(-1)!]!) continue;
    const at = first.findIndex((other) => cosines[one]! > cosines[other]!);
    first.splice(at < 0 ? first.length : at, 0, one);
    first.length = Math.min(first.length, JUDGED_BY);
  }
  return first;
}

/** Evidence of a word and a picture, by their rows. */
type EvidenceOf = (word: number, picture: number) => number;

function cosineEvidence(
  { others, dimension, images }: CalibrationInput,
  temperature: number,
  cosines: readonly Float32Array[],
): EvidenceOf {
  // What a picture says of the other texts does not depend on the query.
  const base = Float64Array.from({ length: images.length / dimension }, (_, i) =>
    evidence({ temperature, others }, 0, images.subarray(i * dimension, (i + 1) * dimension)),
  );
  return (word, picture) => cosines[word]![picture]! / temperature + base[picture]!;
}

/** Standard deviation of the cosines of each two of some unit vectors. */
function deviationAmong(vectors: Float32Array, count: number): number {
  const size = vectors.length / count;
  const row = (i: number) => vectors.subarray(i * size, (i + 1) * size);
  let [sum, squares, pairs] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const cosine = dot(row(i), row(j));
      sum += cosine;
      squares += cosine ** 2;
      pairs++;
    }
  }
  return Math.sqrt(squares / pairs - (sum / pairs) ** 2);
}

function evidenceOfClasses({ words, names, count, seen }: ClassInput, temperature: number): EvidenceOf {
  const meant = words.map((own) => meantClasses({ temperature, names, count }, own));
  return (word, picture) => classEvidence(meant[word]!, seen[picture]!);
}

/** Bounds on the best evidence of an answer. */
function bounds(asked: readonly Asked[], evidenceOf: EvidenceOf, poorShare: number): Bounds & { caught: number } {
  const value = ({ word, nearest }: Asked) => Math.max(...nearest.map((picture) => evidenceOf(word, picture)));
  const judged = asked.map((one) => ({ size: one.size, isShown: one.isShown, value: value(one) }));
  const points = [...new Set(judged.map(({ size }) => size))].map((size) => {
    const values = judged.filter((one) => one.isShown && one.size === size).map((one) => one.value);
    values.sort((a, b) => a - b);
    const at = (share: number) => values[Math.floor(share * (values.length - 1))]!;
    return { log: Math.log(size), poor: at(poorShare), good: at(GOOD_SHARE) };
  });
  const through = (of: 'poor' | 'good') => fitLine(points.map((point) => [point.log, point[of]]));
  const made = { poor: through('poor'), good: through('good') };
  const absent = judged.filter(({ isShown }) => !isShown);
  const poor = absent.filter((one) => fitOf(made, one.value, one.size) === 'poor');
  return { ...made, caught: poor.length / Math.max(1, absent.length) };
}

function draw(random: Random, from: number, count: number): Set<number> {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(random.below(from));
  return drawn;
}

/** Least squares. */
function fitLine(points: readonly (readonly [number, number])[]): Bounds['poor'] {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([a]) => a), mean(([, b]) => b)];
  const spread = mean(([a]) => (a - x) ** 2);
  const perLog = spread === 0 ? 0 : mean(([a, b]) => (a - x) * (b - y)) / spread;
  return { atOne: y - perLog * x, perLog };
}
