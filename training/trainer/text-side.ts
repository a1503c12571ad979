import { SightlineError } from '../../core/errors.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { type FeatureTransform, fitTransform, transformedWidth, transformRows } from '../features/feature-transform.ts';
import type { HalfMatrix } from '../features/float16-matrix.ts';
import { Random } from '../random.ts';
import { between } from './fine-tuning.ts';
import { headParameters, initialise, type TowerWidths } from './head-graph.ts';
import { learningRateAt } from './learning-rate.ts';
import { NO_TOWER, type Recipe, recipeFor, type TextSideRecipe } from './recipes.ts';
import { createTrainingStep, exportedParameters, initialState, type PairBatch, type State } from './step.ts';
import { normaliseRows, type TextSideData } from './text-side-data.ts';
import type { TrainedHead } from './write-head.ts';

/** Trains a text side into an existing space: picture vectors stay the same, so indexes remain valid. */

export interface TextSideOptions {
  readonly recipe: TextSideRecipe;
  readonly data: TextSideData;
  /** Continue from this side, which must have the recipe's shape, instead of starting at random. */
  readonly start?: TrainedHead | null;
  readonly seed: number;
  /** Threads inside one operator. */
  readonly threads: number;
  readonly onStep?: (done: number, total: number) => void;
  /** Called after each epoch, from 1. */
  readonly onEpoch?: (epoch: number, trainLoss: number) => void;
}

/**
 * Trains a text side: a head of which only `text` is exported. The same options give the same weights bit for bit on
 * the same machine.
 * @throws {invalid-input} for fewer captions than a batch
 */
export async function trainTextSide(options: TextSideOptions): Promise<TrainedHead> {
  const inputs = await transformTexts(options);
  const { recipe, start } = options;
  const trained = await trainTower(options, inputs);
  const parameters = start == null ? trained : between(start.parameters, trained, recipe.way);
  const { dimension, banks } = options.data;
  const { head } = wholeRecipe(recipe, dimension);
  const text = { ...head.text, inputs: inputs.transform.text.map(({ spec: input }) => input) };
  const spec = { ...head, localScaling: banks !== undefined, text };
  return { spec, transform: inputs.transform, parameters, ...(banks && { banks }) };
}

interface TextInputs {
  readonly transform: FeatureTransform;
  /** [captions, width] */
  readonly texts: HalfMatrix;
  /** Vectors of all pictures [pictures, dimension], one matrix per augmentation. */
  readonly galleries: readonly Float32Array[];
}

async function transformTexts({ recipe, data, start }: TextSideOptions): Promise<TextInputs> {
  const known = { textOutputs: data.textOutputs, classes: null };
  const { head } = recipeFor(wholeRecipe(recipe, data.dimension), availableOf(data));
  const transform = start?.transform ?? (await fitTransform(head, pairsOf(data.captions), known));
  const texts = await transformRows(
    transform.text,
    transform.text.map(() => data.captions),
  );
  return { transform, texts, galleries: galleriesOf(data) };
}

/** Pictures with fewer augmentations than others repeat their first ones. */
function galleriesOf({ images, pictures, dimension }: TextSideData): Float32Array[] {
  const shown = images.slice(0, pictures);
  const augmentations = Math.max(...shown.map(({ length }) => length));
  return Array.from({ length: augmentations }, (_, nth) => {
    const gallery = new Float32Array(pictures * dimension);
    for (const [at, own] of shown.entries()) gallery.set(own[nth % own.length]!, at * dimension);
    return gallery;
  });
}

function availableOf({ textOutputs }: TextSideData) {
  return { text: Object.keys(textOutputs), image: [], classNames: false };
}

async function trainTower(options: TextSideOptions, inputs: TextInputs): Promise<State> {
  const { data, seed, threads, start } = options;
  const { transform } = inputs;
  const recipe = recipeFor(wholeRecipe(options.recipe, data.dimension), availableOf(data));
  const steps = Math.floor(data.captions.rows / recipe.batch);
  if (steps === 0) {
    const expected = `expected at least ${recipe.batch} captions`;
    throw new SightlineError('invalid-input', `${expected}, got ${data.captions.rows}`);
  }
  const widths: TowerWidths = { text: transformedWidth(transform.text), image: data.dimension };
  const slots = headParameters(recipe.head, widths).filter(({ name }) => name.startsWith('text.'));
  const initial = start?.parameters ?? initialise(slots, new Random(seed, 'initialise'));
  await using step = closing(
    await createTrainingStep({ recipe, widths, threads }, initialState(recipe, widths, initial)),
  );
  const total = steps * recipe.epochs;
  const draw = captionsByLanguage(data, options.recipe.balance, new Random(seed, 'captions'));
  for (let epoch = 1, t = 0; epoch <= recipe.epochs; epoch++) {
    const random = new Random(seed, `epoch ${epoch}`);
    let sum = 0;
    for (let i = 0; i < steps; i++) {
      const learningRate = learningRateAt(recipe, ++t, total);
      sum += await step.run(makeBatch(recipe, data, inputs, draw, random), { t, learningRate, random });
      options.onStep?.(t, total);
    }
    options.onEpoch?.(epoch, sum / steps);
  }
  return exportedParameters(recipe, widths, step.state());
}

function wholeRecipe(
  { text, pull, balance: _, classes: __, way: ___, mix, stored, ...recipe }: TextSideRecipe,
  dimension: number,
): Recipe {
  return {
    ...recipe,
    head: { dimension, text, image: NO_TOWER, sharedOutput: false, stored },
    into: { pull },
    captionMix: mix,
    patience: null,
    select: 'last',
    captions: 'all',
    pseudo: null,
    distil: null,
    augmentations: [],
  };
}

/** Fitting a text transform needs only captions. */
function pairsOf(captions: HalfMatrix) {
  return { pictures: [], augmented: [{}], captions, firstCaption: Uint32Array.of(0) };
}

/**
 * Captions in random order, endlessly; a language with n captions is drawn in proportion to n^balance: 1 draws every
 * caption equally often, 0 every language.
 */
function captionsByLanguage({ languages }: TextSideData, balance: number, random: Random): () => number {
  const shares = languages.map(({ first, end }) => (end - first) ** balance);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const orders = languages.map(() => ({ order: new Uint32Array(0), at: 0 }));
  return () => {
    let pick = random.uniform() * total;
    let which = 0;
    while (which < shares.length - 1 && pick >= shares[which]!) pick -= shares[which++]!;
    const { first, end } = languages[which]!;
    const own = orders[which]!;
    if (own.at === own.order.length) Object.assign(own, { order: random.permutation(end - first), at: 0 });
    return first + own.order[own.at++]!;
  };
}

function makeBatch(
  { batch, captionMix }: Recipe,
  data: TextSideData,
  { texts, galleries }: TextInputs,
  draw: () => number,
  random: Random,
): PairBatch {
  const { dimension, pictureOf, captionsOf, targets, images } = data;
  const text = new Float32Array(batch * texts.columns);
  const image = new Float32Array(batch * dimension);
  const pull = new Float32Array(batch * dimension);
  const pictures = new Float32Array(batch);
  // One augmentation of all pictures per step, so that those of the batch equal those among all pictures.
  const nth = random.below(galleries.length);
  for (let row = 0; row < batch; row++) {
    const caption = draw();
    const picture = pictureOf[caption]!;
    const own = captionsOf[picture]!;
    // A mixture of two captions of a picture, in any languages, is also a caption of it.
    const share = random.uniform() < captionMix ? random.uniform() : 1;
    const other = own[random.below(own.length)]!;
    texts.copyRow(caption, text, row * texts.columns, share);
    if (share < 1) texts.addRow(other, text, row * texts.columns, 1 - share);
    for (let d = 0; d < dimension; d++) {
      const mixed = share * targets[caption * dimension + d]! + (1 - share) * targets[other * dimension + d]!;
      pull[row * dimension + d] = mixed;
    }
    const vectors = images[picture]!;
    image.set(vectors[nth % vectors.length]!, row * dimension);
    pictures[row] = picture;
  }
  normaliseRows(pull, dimension);
  return { text, image, pull, pictures, gallery: galleries[nth]! };
}
