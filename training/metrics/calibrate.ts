import { type Calibration, evidence, fitOf } from '../../core/fit.ts';
import { dot } from '../../core/vector-arithmetic.ts';
import { Random } from '../random.ts';

/**
 * Bounds on evidence (see `core/fit.ts`), from captioned pictures that the head never saw. The queries are single words
 * that most people wrote of a picture, since what people type is nearer to them than a caption is; they are asked in
 * collections of several sizes that hold a picture they were written of.
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
/** This share of the words that a picture shows may be called poor; half are good. */
const POOR_SHARE = 0.15;
const GOOD_SHARE = 0.5;
/** What cosines are divided by: encoders that were trained at different temperatures spread theirs differently. */
const TEMPERATURES = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15];

export interface CalibrationInput {
  readonly words: readonly AgreedWord[];
  /** [words, dimension] */
  readonly texts: Float32Array;
  /** [pictures, dimension] */
  readonly images: Float32Array;
  /** [n, dimension] Texts that name other things. */
  readonly others: Float32Array;
  readonly dimension: number;
  readonly seed: number;
}

export interface Calibrated extends Calibration {
  /** Share of words that no picture shows which are poor, over all sizes. */
  readonly caught: number;
}

/**
 * The bounds are straight lines, over the logarithm of the size, through quantiles of evidence; the temperature is the
 * one that tells most of the words apart that no picture shows.
 */
export function calibrate(input: CalibrationInput): Calibrated {
  const { dimension, images, words, texts } = input;
  const rowOf = (matrix: Float32Array, i: number) => matrix.subarray(i * dimension, (i + 1) * dimension);
  const pictures = images.length / dimension;
  const cosines = words.map((_, w) =>
    Float32Array.from({ length: pictures }, (_, i) => dot(rowOf(texts, w), rowOf(images, i))),
  );
  const asked = askCollections(new Random(input.seed, 'collections'), words, cosines);
  const all = TEMPERATURES.map((temperature) => bounds(input, temperature, asked));
  return all.reduce((best, one) => (one.caught > best.caught ? one : best));
}

/** A word asked in a collection: the nearest picture, and whether the word was written of any picture there. */
interface Asked {
  readonly size: number;
  readonly picture: number;
  readonly cosine: number;
  readonly isShown: boolean;
}

function askCollections(random: Random, words: readonly AgreedWord[], cosines: readonly Float32Array[]): Asked[] {
  const pictures = cosines[0]?.length ?? 0;
  return SIZES.filter((size) => size <= pictures).flatMap((size) => {
    const asked: Asked[] = [];
    for (let shown = 0; shown < QUERIES && words.length > 0; ) {
      const collection = draw(random, pictures, size);
      for (const [w, { pictures: those }] of words.entries()) {
        let [picture, cosine] = [-1, -2];
        for (const one of collection) if (cosines[w]![one]! > cosine) [picture, cosine] = [one, cosines[w]![one]!];
        const isShown = those.some((one) => collection.has(one));
        if (isShown) shown++;
        asked.push({ size, picture, cosine, isShown });
      }
    }
    return asked;
  });
}

function bounds(input: CalibrationInput, temperature: number, asked: readonly Asked[]): Calibrated {
  const { others, dimension, images } = input;
  const free: Calibration = { temperature, others, poor: NOWHERE, good: NOWHERE };
  // What a picture says of the other texts does not depend on the query.
  const base = Float64Array.from({ length: images.length / dimension }, (_, i) =>
    evidence(free, 0, images.subarray(i * dimension, (i + 1) * dimension)),
  );
  const evidenceOf = ({ picture, cosine }: Asked) => cosine / temperature + base[picture]!;
  const points = [...new Set(asked.map(({ size }) => size))].map((size) => {
    const values = asked.filter((one) => one.isShown && one.size === size).map(evidenceOf);
    values.sort((a, b) => a - b);
    const at = (share: number) => values[Math.floor(share * (values.length - 1))]!;
    return { log: Math.log(size), poor: at(POOR_SHARE), good: at(GOOD_SHARE) };
  });
  const through = (of: 'poor' | 'good') => fitLine(points.map((point) => [point.log, point[of]]));
  const made = { temperature, others, poor: through('poor'), good: through('good') };
  const absent = asked.filter(({ isShown }) => !isShown);
  const poor = absent.filter((one) => fitOf(made, evidenceOf(one), one.size) === 'poor');
  return { ...made, caught: poor.length / Math.max(1, absent.length) };
}

const NOWHERE = { atOne: 0, perLog: 0 };

function draw(random: Random, from: number, count: number): Set<number> {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(random.below(from));
  return drawn;
}

/** Least squares. */
function fitLine(points: readonly (readonly [number, number])[]): Calibration['poor'] {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([a]) => a), mean(([, b]) => b)];
  const spread = mean(([a]) => (a - x) ** 2);
  const perLog = spread === 0 ? 0 : mean(([a, b]) => (a - x) * (b - y)) / spread;
  return { atOne: y - perLog * x, perLog };
}
