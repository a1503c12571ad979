import type { SeenClass } from '../../core/picture/top-classes.ts';
import type { Bounds, Calibration } from '../../core/search/calibration.ts';
import { classEvidence, evidence, fitOf, JUDGED_BY, meantClasses } from '../../core/search/result-fit.ts';
import { dot } from '../../core/util/vector-arithmetic.ts';
import { Random } from '../random.ts';

/**
 * Computes the bounds on evidence (see `core/search/result-fit.ts`) from captioned pictures that the head never saw.
 * The queries are single words that most captions of a picture contain, since typed queries resemble words more than
 * captions. They are searched in collections of several sizes that contain such a picture.
 */

/** A word, and the pictures with this word in most of their captions. */
export interface AgreedWord {
  readonly word: string;
  readonly pictures: readonly number[];
}

/** A word counts if three of five captions have it, and at least two. */
const AGREEMENT = 0.6;
/** Shorter words are articles and prepositions. */
const SHORTEST = 3;
/** Words that name nothing (the most frequent words of English captions with more than two letters). */
const EMPTY = new Set(
  (
    'the and with are for from that this his her its their they them there one two three four into onto over near ' +
    'while some other another through behind front next very has have had been being who which not out off down up ' +
    'several around across along between under above each'
  ).split(' '),
);

/** Words of pictures with several captions. */
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

/** Collection sizes; sizes above the number of pictures are omitted. */
const SIZES = [10, 20, 50, 100, 200, 500, 1000];
/** Approximate number of queries per size. */
const QUERIES = 5000;
/** Share of a picture's words that may be rated poor, by cosines alone and with classes; half are good. */
const POOR_SHARE = { cosines: 0.15, classes: 0.18 };
const GOOD_SHARE = 0.5;
/** Candidate temperatures: encoders trained at different temperatures spread cosines differently. */
const TEMPERATURES = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1];
/** Temperatures within this share of the best do as well; the highest depends least on single names. */
const AS_GOOD = 0.02;
/**
 * The text encoder's own cosines are divided by this share of their deviation among the class names. Caption words do
 * not determine the best share: values from a third to two thirds do equally well.
 */
const OWN_SHARE = 0.43;

export interface CalibrationInput {
  readonly words: Queries;
  /**
   * Captions of these pictures in each language that the side reads, the language of the words first. With one or none,
   * all queries are assumed to be like the words.
   */
  readonly captions: readonly Queries[];
  /** [pictures, dimension] */
  readonly images: Float32Array;
  /** [n, dimension] Texts that name other things. */
  readonly others: Float32Array;
  readonly dimension: number;
  /** Evidence of the encoders themselves; null if the image encoder's classes have no names. */
  readonly classes: ClassInput | null;
  readonly seed: number;
}

/** Query texts. */
export interface Queries {
  /** For each text, the rows of the pictures that show it. */
  readonly shownBy: readonly (readonly number[])[];
  /** [texts, dimension] */
  readonly texts: Float32Array;
  /** Unit vectors of the text encoder itself, one per text. */
  readonly own: readonly Float32Array[];
}

export interface ClassInput {
  /** [count, size] Unit vectors of the class names in the text encoder's own space. */
  readonly names: Float32Array;
  readonly count: number;
  /** Most likely classes of each picture. */
  readonly seen: readonly (readonly SeenClass[])[];
}

export interface Calibrated extends Calibration {
  /** Share of the words shown by no picture that are rated poor, over all sizes. */
  readonly caught: number;
  /** How much the bounds are lowered for other languages. */
  readonly cost: LanguageCost;
}

/** How much less evidence queries in other languages have; 0 or more. */
export interface LanguageCost {
  readonly poor: number;
  readonly good: number;
}

/**
 * The bounds are straight lines, over the logarithm of the size, through quantiles of evidence. The temperature of
 * cosines is the one that best detects words shown by no picture. For a side that also reads other languages, the
 * bounds are lowered by how much less evidence a picture's captions in those languages have than its caption in the
 * language of the words.
 */
export function calibrate(input: CalibrationInput): Calibrated {
  const { words, captions, others, classes, seed } = input;
  const asked = askCollections(input, words, new Random(seed, 'collections'));
  const cosines = (temperature: number) => cosineEvidence(input, temperature);
  const { temperature } = best(
    TEMPERATURES.map((temperature) => {
      const judged = judge(asked, cosines(temperature)(words));
      return { temperature, ...bounds(judged, POOR_SHARE.cosines, NO_COST) };
    }),
  );
  const shown = captions.map((queries) => {
    const all = askCollections(input, queries, new Random(seed, 'captions'));
    return { queries, asked: all.filter(({ isShown }) => isShown) };
  });
  const made = (evidence: Evidence, poorShare: number) => {
    const [own, ...rest] = shown.map(({ queries, asked }) => judge(asked, evidence(queries)));
    const cost = own === undefined || rest.length === 0 ? NO_COST : languageCost(own, rest, poorShare);
    return { ...bounds(judge(asked, evidence(words)), poorShare, cost), cost };
  };
  const ofCosines = cosines(temperature);
  const byCosine = { temperature, others, ...made(ofCosines, POOR_SHARE.cosines) };
  if (classes === null) return { ...byCosine, classes: null };
  const { names, count } = classes;
  const ownTemperature = Math.max(1e-3, OWN_SHARE * deviationAmong(names, count));
  const ofClasses = classesEvidence(classes, ownTemperature);
  const { poor, good, caught, cost } = made((queries) => {
    const [one, other] = [ofCosines(queries), ofClasses(queries)];
    return (text, picture) => one(text, picture) + other(text, picture);
  }, POOR_SHARE.classes);
  return { ...byCosine, classes: { temperature: ownTemperature, poor, good, names, count }, caught, cost };
}

/** The last of those that do as well as the best. */
function best<T extends { readonly caught: number }>(all: readonly T[]): T {
  const most = all.reduce((found, { caught }) => Math.max(found, caught), 0);
  return all.findLast(({ caught }) => caught >= (1 - AS_GOOD) * most)!;
}

/** A text searched in a collection: the nearest pictures, and whether one there shows it. */
interface Asked {
  readonly size: number;
  readonly text: number;
  readonly nearest: readonly number[];
  readonly isShown: boolean;
}

function askCollections({ images, dimension }: CalibrationInput, { texts, shownBy }: Queries, random: Random): Asked[] {
  const pictures = images.length / dimension;
  const row = rowsOf(texts, dimension);
  const picture = rowsOf(images, dimension);
  const cosines = shownBy.map((_, t) => Float32Array.from({ length: pictures }, (_, i) => dot(row(t), picture(i))));
  return SIZES.filter((size) => size <= pictures).flatMap((size) => {
    const asked: Asked[] = [];
    for (let shown = 0; shown < QUERIES && shownBy.length > 0; ) {
      const collection = draw(random, pictures, size);
      for (const [text, those] of shownBy.entries()) {
        const isShown = those.some((one) => collection.has(one));
        if (isShown) shown++;
        asked.push({ size, text, nearest: nearestOf(collection, cosines[text]!), isShown });
      }
    }
    return asked;
  });
}

function rowsOf(matrix: Float32Array, size: number): (i: number) => Float32Array {
  return (i) => matrix.subarray(i * size, (i + 1) * size);
}

/** The nearest pictures, as at the top of the results. */
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

/** Evidence of a text and a picture, by their rows. */
type Evidence = (queries: Queries) => (text: number, picture: number) => number;

function cosineEvidence({ others, dimension, images }: CalibrationInput, temperature: number): Evidence {
  const picture = rowsOf(images, dimension);
  // A picture's scores for the other texts do not depend on the query.
  const base = Float64Array.from({ length: images.length / dimension }, (_, i) =>
    evidence({ temperature, others }, 0, picture(i)),
  );
  return ({ texts }) => {
    const row = rowsOf(texts, dimension);
    return (text, i) => dot(row(text), picture(i)) / temperature + base[i]!;
  };
}

/** Standard deviation of all pairwise cosines of some unit vectors. */
function deviationAmong(vectors: Float32Array, count: number): number {
  const row = rowsOf(vectors, vectors.length / count);
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

function classesEvidence({ names, count, seen }: ClassInput, temperature: number): Evidence {
  return ({ own }) => {
    const meant = own.map((vector) => meantClasses({ temperature, names, count }, vector));
    return (text, picture) => classEvidence(meant[text]!, seen[picture]!);
  };
}

/** The best evidence among the results. */
type Judged = Pick<Asked, 'size' | 'isShown'> & { readonly value: number };

function judge(asked: readonly Asked[], evidenceOf: ReturnType<Evidence>): Judged[] {
  return asked.map(({ size, isShown, text, nearest }) => ({
    size,
    isShown,
    value: Math.max(...nearest.map((picture) => evidenceOf(text, picture))),
  }));
}

/** Quantiles of evidence, at this share and at one half, by collection size. */
function quantiles(judged: readonly Judged[], poorShare: number) {
  return [...new Set(judged.map(({ size }) => size))].map((size) => {
    const values = judged.filter((one) => one.isShown && one.size === size).map(({ value }) => value);
    values.sort((a, b) => a - b);
    const at = (share: number) => values[Math.floor(share * (values.length - 1))]!;
    return { log: Math.log(size), poor: at(poorShare), good: at(GOOD_SHARE) };
  });
}

function bounds(judged: readonly Judged[], poorShare: number, cost: LanguageCost): Bounds & { caught: number } {
  const points = quantiles(judged, poorShare);
  const through = (of: 'poor' | 'good') => {
    const { atOne, perLog } = fitLine(points.map((point) => [point.log, point[of]]));
    return { atOne: atOne - cost[of], perLog };
  };
  const made = { poor: through('poor'), good: through('good') };
  const absent = judged.filter(({ isShown }) => !isShown);
  const poor = absent.filter((one) => fitOf(made, one.value, one.size) === 'poor');
  return { ...made, caught: poor.length / Math.max(1, absent.length) };
}

const NO_COST: LanguageCost = { poor: 0, good: 0 };

/** The mean over languages and sizes; never negative. */
function languageCost(
  first: readonly Judged[],
  others: readonly (readonly Judged[])[],
  poorShare: number,
): LanguageCost {
  const own = quantiles(first, poorShare);
  const less = (of: 'poor' | 'good') => {
    const all = others.flatMap((judged) => quantiles(judged, poorShare).map((point, i) => own[i]![of] - point[of]));
    return Math.max(0, all.reduce((sum, value) => sum + value, 0) / all.length);
  };
  return { poor: less('poor'), good: less('good') };
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
