import { SightlineError } from '../../core/errors.ts';
import type { TransformedPairs } from '../features/feature-transform.ts';
import type { HalfMatrix, HalfRows } from '../features/float16-matrix.ts';
import type { Random } from '../random.ts';
import type { Recipe } from './recipes.ts';
import type { PairBatch } from './step.ts';
import { stepRows } from './step-graph.ts';

/** Batches of transformed pairs for the training steps. */

/** One pair: a picture in one of its augmentations, and one of its captions. */
interface Pair {
  readonly picture: number;
  readonly augmentation: number;
  /** Row of the caption. */
  readonly caption: number;
}

/** Pseudo-features and the texts of their classes, transformed. */
export interface TransformedPseudo {
  readonly images: HalfMatrix;
  /** Class of each row of images. */
  readonly classOf: Uint32Array;
  readonly texts: HalfMatrix;
  /** Texts of class c are rows firstText[c] to firstText[c + 1] - 1. */
  readonly firstText: Uint32Array;
}

export interface TrainingPairs {
  readonly pairs: TransformedPairs;
  readonly pseudo: TransformedPseudo | null;
}

/**
 * Number of steps per epoch: leftover pairs that fill no whole batch form a last, smaller one, or are left out,
 * different ones in each epoch.
 * @throws {invalid-input} for fewer pairs than a batch, or fewer than two if the last batch may be smaller
 */
export function stepsAnEpoch(recipe: Recipe, pairs: TransformedPairs): number {
  const count = pairCount(recipe, pairs);
  const steps = batchCount(recipe, count);
  if (steps === 0 || count < 2) {
    throw new SightlineError(
      'invalid-input',
      `expected at least one batch of ${recipe.batch} training pairs, got ${count} pairs`,
    );
  }
  return steps;
}

/** Pairs per epoch. */
function pairCount({ captions }: Recipe, pairs: TransformedPairs): number {
  return captions === 'all' ? pairs.texts.rows : pictureCount(pairs);
}

function batchCount({ batch, partialBatch }: Recipe, pairs: number): number {
  return partialBatch ? Math.ceil(pairs / batch) : Math.floor(pairs / batch);
}

function pictureCount({ firstCaption }: TransformedPairs): number {
  return firstCaption.length - 1;
}

/** The batches of one epoch, in an order and with draws determined by `random`. */
export function* trainingBatches(
  recipe: Recipe,
  { pairs, pseudo }: TrainingPairs,
  random: Random,
): Generator<PairBatch> {
  const steps = stepsAnEpoch(recipe, pairs);
  const pictureOf = recipe.captions === 'all' ? captionOwners(pairs) : null;
  const order = random.permutation(pictureOf?.length ?? pictureCount(pairs));
  for (let step = 0; step < steps; step++) {
    const start = step * recipe.batch;
    const own = Math.min(recipe.batch, order.length - start);
    const batch = emptyBatch(stepRows({ ...recipe, batch: own }), pairs);
    for (let row = 0; row < own; row++) {
      const index = order[start + row]!;
      const picture = pictureOf === null ? index : pictureOf[index]!;
      const [first, end] = [pairs.firstCaption[picture]!, pairs.firstCaption[picture + 1]!];
      const caption = pictureOf === null ? first + random.below(end - first) : index;
      const augmentation = pairs.images.length === 1 ? 0 : random.below(pairs.images.length);
      fill(pairs, batch, row, { picture, caption, augmentation });
      // A random mixture of all captions of the picture, instead of one.
      if (recipe.captionMix > 0 && random.uniform() < recipe.captionMix) {
        mixRows(pairs.texts, first, end, batch.text, row * pairs.texts.columns, random);
      }
    }
    if (pseudo !== null) fillPseudo(pseudo, batch, own, random);
    yield batch;
  }
}

/**
 * Batches for the validation loss, always the same: every picture as serving sees it, paired with its first caption, in
 * random but fixed order, then with its second, and so on up to the fifth (starting over if there are fewer).
 */
export function* validationBatches(recipe: Recipe, pairs: TransformedPairs, random: Random): Generator<PairBatch> {
  for (let round = 0; round < 5; round++) {
    const order = random.permutation(pictureCount(pairs));
    for (let step = 0; step < batchCount(recipe, order.length); step++) {
      const start = step * recipe.batch;
      const own = Math.min(recipe.batch, order.length - start);
      const batch = emptyBatch(own, pairs);
      for (let row = 0; row < own; row++) {
        const picture = order[start + row]!;
        const [first, end] = [pairs.firstCaption[picture]!, pairs.firstCaption[picture + 1]!];
        fill(pairs, batch, row, { picture, caption: first + (round % (end - first)), augmentation: 0 });
      }
      yield batch;
    }
  }
}

function emptyBatch(rows: number, pairs: TransformedPairs): PairBatch {
  return {
    text: new Float32Array(rows * pairs.texts.columns),
    image: new Float32Array(rows * pairs.images[0]!.columns),
    pictures: new Float32Array(rows),
  };
}

function fill(pairs: TransformedPairs, batch: PairBatch, row: number, { picture, caption, augmentation }: Pair): void {
  pairs.texts.copyRow(caption, batch.text, row * pairs.texts.columns);
  const image = pairs.images[augmentation]!;
  image.copyRow(picture, batch.image, row * image.columns);
  batch.pictures[row] = pairs.groups[picture]!;
}

/**
 * Uniform random weights that sum to 1: exponential variates divided by their sum (Dirichlet with all parameters 1).
 */
function mixRows(matrix: HalfRows, first: number, end: number, out: Float32Array, at: number, random: Random): void {
  const weights = Array.from({ length: end - first }, () => -Math.log(1 - random.uniform()));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  out.fill(0, at, at + matrix.columns);
  for (const [i, weight] of weights.entries()) matrix.addRow(first + i, out, at, weight / total);
}

/** Group numbers of pseudo-features start here, above every real picture's. float32 is exact up to 2^24. */
const FIRST_PSEUDO_GROUP = 2 ** 23;

function fillPseudo(pseudo: TransformedPseudo, batch: PairBatch, start: number, random: Random): void {
  for (let row = start; row < batch.pictures.length; row++) {
    const picture = random.below(pseudo.images.rows);
    const c = pseudo.classOf[picture]!;
    const [first, end] = [pseudo.firstText[c]!, pseudo.firstText[c + 1]!];
    pseudo.texts.copyRow(first + random.below(end - first), batch.text, row * pseudo.texts.columns);
    pseudo.images.copyRow(picture, batch.image, row * pseudo.images.columns);
    batch.pictures[row] = FIRST_PSEUDO_GROUP + c;
  }
}

/** The picture of each caption. */
function captionOwners({ firstCaption }: TransformedPairs): Uint32Array {
  const owners = new Uint32Array(firstCaption.at(-1)!);
  for (let picture = 0; picture + 1 < firstCaption.length; picture++) {
    owners.fill(picture, firstCaption[picture]!, firstCaption[picture + 1]!);
  }
  return owners;
}
