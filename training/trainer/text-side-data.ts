import { OWN_OUTPUT } from '../../core/encode/text-encoder.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { dot } from '../../core/util/vector-arithmetic.ts';
import type { PairSet } from '../features/extract.ts';
import { HalfMatrix, type HalfRows } from '../features/float16-matrix.ts';
import { makePseudoFeatures, type PseudoSpec } from '../features/pseudo-features.ts';
import { projectedImages, projectedTexts } from '../metrics/embed-pairs.ts';
import { type Banks, bankOf, type LearnedSpace } from './local-scaling.ts';

/** Training data of a text side: captions in several languages, and the existing space. */

export interface TextSideData {
  /** Components of a vector of the space. */
  readonly dimension: number;
  /** For a head with local scaling. Targets stand for the captions, of which only the mean counts here. */
  readonly banks?: Banks;
  /** Size of each part of a text's vector, in order. */
  readonly textOutputs: Readonly<Record<string, number>>;
  /** Raw vectors of all captions, one language after the other. */
  readonly captions: HalfMatrix;
  /** Captions of each language are rows first to end - 1; class names and phrases come last, as two more languages. */
  readonly languages: readonly { readonly lang: string; readonly first: number; readonly end: number }[];
  /** The picture of each caption. */
  readonly pictureOf: Uint32Array;
  /** Rows of the captions of each picture, in all languages. */
  readonly captionsOf: readonly (readonly number[])[];
  /** Joint vectors of each picture, one per augmentation; none for a picture without captions. */
  readonly images: readonly (readonly JointEmbedding[])[];
  /** Each caption is told apart from so many of the images: from all but the phrases, which come last. */
  readonly pictures: number;
  /** Target vectors of captions: unit rows [captions, dimension]. */
  readonly targets: Float32Array;
}

export interface TextSideSources {
  /** The head that the side is trained into, with its first text side. */
  readonly head: LearnedSpace;
  /** Pictures with their captions in the first side's language, encoded by that side's text encoder. */
  readonly first: PairSet;
  /** The same captions encoded by the new side's text encoder: pictures as in `first`. */
  readonly anchors: PairSet;
  /** Captions of each language encoded by the new side's text encoder, for some of these pictures. */
  readonly captions: ReadonlyMap<string, PairSet>;
  readonly textOutputs: Readonly<Record<string, number>>;
  /** Classes of the image encoder; null if they have no names. */
  readonly classes: NamedClasses | null;
  /** Phrases without pictures, in several languages; null for none. */
  readonly phrases: ParallelPhrases | null;
}

/** Class names of an image encoder, in the language of the head's first side, and synthetic pictures of them. */
export interface NamedClasses {
  /** Raw vectors of the names, from the text encoders of the new side and of the first. */
  readonly own: HalfRows;
  readonly first: HalfRows;
  /** Names of class c are rows firstText[c] to firstText[c + 1] - 1. */
  readonly firstText: Uint32Array;
  readonly pseudo: Omit<PseudoSpec, 'batch'>;
  readonly seed: number;
}

/** Phrases and their translations, encoded. */
export interface ParallelPhrases {
  /** Raw vectors of all translations, phrase after phrase, from the text encoder of the new side. */
  readonly own: HalfRows;
  /** Translations of phrase p are rows firstText[p] to firstText[p + 1] - 1. */
  readonly firstText: Uint32Array;
  /** Raw vectors of the phrases in the first side's language, from its text encoder. */
  readonly first: HalfRows;
}

/**
 * Divisor of caption cosines when they weight anchors: a caption identical to an anchor gets its vector, a translation
 * nearly so, and an unrelated one roughly the mean.
 */
const NEARNESS = 0.01;
/** Marks class names and phrases where captions have a language. */
const CLASS_NAMES = 'classes';
const PHRASES = 'phrases';

/** Assembles {@link TextSideData}; all of it is in memory. */
export async function textSideData(sources: TextSideSources): Promise<TextSideData> {
  const captioned = await captionedData(sources);
  const named = sources.classes === null ? captioned : await withClasses(captioned, sources, sources.classes);
  return sources.phrases === null ? named : withPhrases(named, sources.head, sources.phrases);
}

async function captionedData({ head, first, anchors, ...rest }: TextSideSources): Promise<TextSideData> {
  const { dimension, localScaling } = head;
  // The encoder's own vector is trained for comparison; its inner layers tell languages apart.
  const ownPart = (vector: Float32Array) => vector.subarray(0, rest.textOutputs[OWN_OUTPUT]);
  const names = new Map(first.pictures.map(({ image }, at) => [image, at]));
  const images = await imageVectors(head, first);
  const known = await Array.fromAsync(projectedTexts(head, first.captions));
  const parts = [...rest.captions].map(([lang, set]) => ({ lang, set }));
  const count = parts.reduce((sum, { set }) => sum + set.captions.rows, 0);
  const captions = new HalfMatrix(count, anchors.captions.columns);
  const pictureOf = new Uint32Array(count);
  const captionsOf = first.pictures.map((): number[] => []);
  const targets = new Float32Array(count * dimension);
  const languages: { lang: string; first: number; end: number }[] = [];
  let at = 0;
  for (const { lang, set } of parts) {
    const start = at;
    for (const [own, { image }] of set.pictures.entries()) {
      const picture = names.get(image);
      if (picture === undefined) continue;
      const [from, end] = [anchors.firstCaption[picture]!, anchors.firstCaption[picture + 1]!];
      const beside = Array.from({ length: end - from }, (_, i) => ownPart(anchors.captions.row(from + i)));
      for (let row = set.firstCaption[own]!; row < set.firstCaption[own + 1]!; row++) {
        const vector = set.captions.row(row);
        captions.set(at, vector);
        pictureOf[at] = picture;
        captionsOf[picture]!.push(at);
        const target = targets.subarray(at * dimension, (at + 1) * dimension);
        for (const [i, weight] of nearness(ownPart(vector), beside).entries()) {
          for (let d = 0; d < dimension; d++) target[d]! += weight * known[from + i]![d]!;
        }
        at++;
      }
    }
    languages.push({ lang, first: start, end: at });
  }
  normaliseRows(targets, dimension);
  const used = new HalfMatrix(at, captions.columns, captions.values.slice(0, at * captions.columns));
  const banks = {
    text: bankOf(at, (row) => targets.subarray(row * dimension, (row + 1) * dimension)),
    image: bankOf(images.length, (row) => images[row]![0]!),
  };
  return {
    dimension,
    ...(localScaling && { banks }),
    textOutputs: rest.textOutputs,
    captions: used,
    languages,
    pictureOf,
    captionsOf,
    images,
    pictures: images.length,
    targets,
  };
}

/**
 * Adds each class as another picture, with as many vectors as were synthesised: most class names are in no caption, and
 * the first side learned them in the same way.
 */
async function withClasses(data: TextSideData, sources: TextSideSources, classes: NamedClasses): Promise<TextSideData> {
  const { head, first } = sources;
  const { firstText, own } = classes;
  const made = await makePseudoFeatures(first, { ...classes.pseudo, batch: 0 }, classes.seed);
  const seen: JointEmbedding[][] = Array.from({ length: firstText.length - 1 }, () => []);
  let row = 0;
  for await (const vector of projectedImages(head, made.outputs, [...made.classOf.keys()])) {
    seen[made.classOf[row++]!]!.push(vector);
  }
  const known = await Array.fromAsync(projectedTexts(head, classes.first));
  const all = withImages(data, { lang: CLASS_NAMES, own, firstText, known, images: seen });
  return { ...all, pictures: all.images.length };
}

/**
 * Adds each phrase as an image that has the vector of the phrase in the first side's language: its translations learn
 * that vector, and are told apart from other texts by it. No caption is told apart from phrases, which may fit it.
 */
async function withPhrases(data: TextSideData, head: LearnedSpace, phrases: ParallelPhrases): Promise<TextSideData> {
  const { own, firstText, first } = phrases;
  const vectors = await Array.fromAsync(projectedTexts(head, first));
  const known = vectors.flatMap((vector, p) => Array<JointEmbedding>(firstText[p + 1]! - firstText[p]!).fill(vector));
  return withImages(data, { lang: PHRASES, own, firstText, known, images: vectors.map((vector) => [vector]) });
}

interface NamedImages {
  /** Stands for the language of the names. */
  readonly lang: string;
  /** Raw vectors of the names of all images. */
  readonly own: HalfRows;
  /** Names of image i are rows firstText[i] to firstText[i + 1] - 1. */
  readonly firstText: Uint32Array;
  /** Target vector of each name. */
  readonly known: readonly JointEmbedding[];
  /** Joint vectors of each image. */
  readonly images: readonly (readonly JointEmbedding[])[];
}

/** Adds images with names, which are their captions. */
function withImages(data: TextSideData, { lang, own, firstText, known, images: added }: NamedImages): TextSideData {
  const { dimension, captions, images } = data;
  const at = captions.rows;
  const all = new HalfMatrix(at + own.rows, captions.columns);
  all.values.set(captions.values);
  for (let row = 0; row < own.rows; row++) all.set(at + row, own.row(row));
  const targets = new Float32Array(all.rows * dimension);
  targets.set(data.targets);
  for (const [row, vector] of known.entries()) targets.set(vector, (at + row) * dimension);
  const rowsOf = added.map((_, i) =>
    Array.from({ length: firstText[i + 1]! - firstText[i]! }, (__, n) => at + firstText[i]! + n),
  );
  return {
    ...data,
    captions: all,
    targets,
    languages: [...data.languages, { lang, first: at, end: all.rows }],
    pictureOf: Uint32Array.from([...data.pictureOf, ...rowsOf.flatMap((rows, i) => rows.map(() => images.length + i))]),
    captionsOf: [...data.captionsOf, ...rowsOf],
    images: [...images, ...added],
  };
}

/** Weights of texts for another text: a softmax over cosines. */
function nearness(vector: Float32Array, others: readonly Float32Array[]): number[] {
  const cosines = others.map((other) => cosine(vector, other));
  const largest = Math.max(...cosines);
  const weights = cosines.map((one) => Math.exp((one - largest) / NEARNESS));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function cosine(a: Float32Array, b: Float32Array): number {
  return dot(a, b) / Math.sqrt(Math.max(dot(a, a) * dot(b, b), 1e-24));
}

/** Joint vectors of every picture, as serving sees it and for every further augmentation. */
async function imageVectors(head: LearnedSpace, { pictures, augmented }: PairSet): Promise<JointEmbedding[][]> {
  const found = pictures.map((): JointEmbedding[] => []);
  for (const outputs of augmented) {
    let at = 0;
    for await (const vector of projectedImages(head, outputs, [...pictures.keys()])) found[at++]!.push(vector);
  }
  return found;
}

/** Rows to unit length, in place. */
export function normaliseRows(values: Float32Array, columns: number): void {
  for (let at = 0; at < values.length; at += columns) {
    const row = values.subarray(at, at + columns);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let d = 0; d < columns; d++) row[d]! /= length;
  }
}
