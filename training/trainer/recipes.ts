import { SightlineError } from '../../core/errors.ts';
import { type Augmentation, FLIPPED, FULL, randomWindow } from '../features/augmentations.ts';
import type { TowerInput } from '../features/feature-transform.ts';
import type { PseudoSpec } from '../features/pseudo-features.ts';
import { ADAM, type AdamOptions } from './optimizer.ts';

/** Describes how a head is built and trained: everything a run depends on besides pairs and seed. */

/** Inputs side by side -> dropout -> Linear + ReLU -> dropout -> Linear into the joint space. */
export interface TowerSpec {
  readonly inputs: readonly TowerInput[];
  /** Width of the hidden layer. */
  readonly hidden: number;
  /** Adds a linear layer from the inputs straight to the output. */
  readonly skip: boolean;
  /** Share of components set to 0 in training, 0 to 1. */
  readonly inputDropout: number;
  readonly hiddenDropout: number;
}

export interface HeadSpec {
  readonly dimension: number;
  readonly text: TowerSpec;
  readonly image: TowerSpec;
  /** One last layer for both towers instead of one each; both hidden layers then have the same width. */
  readonly sharedOutput: boolean;
  /**
   * How head.onnx keeps its layers: as float16, computed in float32, or as int8, which is half as large and more than
   * twice as fast (see int8-layer.ts). Training is in float32 either way.
   */
  readonly stored: 'float16' | 'int8';
}

export interface LossSpec {
  /**
   * Which way pairs are told apart: each text among the pictures, or the mean of that and each picture among the texts.
   */
  readonly direction: 'text-to-image' | 'symmetric';
  /** Cosines are divided by this before the softmax. */
  readonly temperature: number;
  /** Learn the temperature, starting there; it never falls below 0.01 (CLIP, Radford et al. 2021, section 2.5). */
  readonly learnTemperature: boolean;
  /** Other captions of the same picture are not negatives. */
  readonly maskSamePicture: boolean;
}

/** Random changes to transformed training pairs; 0 everywhere is none. */
export interface AugmentSpec {
  /** Share of pairs whose text is a random mixture of all captions of the picture instead of one. */
  readonly captionMix: number;
  /** Share of pairs whose picture is a random mixture of two of its augmentations. */
  readonly viewMix: number;
  /**
   * Standard deviation of normal noise on each transformed column, whose own is about 1 when standardised or whitened.
   */
  readonly textNoise: number;
  readonly imageNoise: number;
}

/**
 * Several heads into one (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"): heads that differ in
 * their seed are trained first, and how similar they find the texts and pictures of a batch, on average, becomes part
 * of the target.
 */
export interface DistilSpec {
  readonly teachers: number;
  /**
   * How each of them is built where it differs from the head: it sees the same inputs, and may be larger than can be
   * served.
   */
  readonly teacher: {
    readonly dimension: number;
    readonly text: TeacherTower;
    readonly image: TeacherTower;
  };
  /** Share of the teachers in the target, 0 to 1; the rest is that pairs belong together. */
  readonly weight: number;
}

/** How a text side is held in a space that has one already; each text is told apart from all pictures there are. */
export interface IntoSpec {
  /** Weight, beside the contrastive loss, of 1 - cosine to what the space's first text side makes of a caption. */
  readonly pull: number;
}

type TeacherTower = Partial<Omit<TowerSpec, 'inputs'>>;

export interface Recipe {
  readonly name: string;
  readonly head: HeadSpec;
  readonly loss: LossSpec;
  readonly optimizer: AdamOptions;
  readonly learningRate: number;
  /** Steps over which the learning rate rises linearly from 0. */
  readonly warmupSteps: number;
  /** After that it stays, or falls along half a cosine to 0 at the last step. */
  readonly schedule: 'constant' | 'cosine';
  /**
   * Share of the old average kept a step in the moving average of the weights, which is then what is exported; null:
   * none.
   */
  readonly average: number | null;
  /** Pairs per step. */
  readonly batch: number;
  /**
   * Pairs at the end of an epoch that fill no whole batch make a smaller one, instead of being left out. @default false
   */
  readonly partialBatch?: boolean;
  readonly epochs: number;
  /** Stop after this many epochs without improvement; null: never. */
  readonly patience: number | null;
  /**
   * Which epoch counts: the one with the lowest validation loss, with the largest sum of recalls on validation, or the
   * last.
   */
  readonly select: 'loss' | 'recall' | 'last';
  /**
   * `one`: an epoch shows each picture once, with one of its captions drawn at random. `all`: once with every caption.
   */
  readonly captions: 'one' | 'all';
  readonly augment: AugmentSpec;
  readonly pseudo: PseudoSpec | null;
  readonly distil: DistilSpec | null;
  /** Train only the text side, into an existing space; image rows are vectors of that space. */
  readonly into?: IntoSpec;
  /** Continue from a head and keep the full result instead of part of the way. @default false */
  readonly allTheWay?: boolean;
  /**
   * Augmentations of a training picture, one of which is drawn at random for each pair; the first is what serving sees.
   */
  readonly views: readonly Augmentation[];
}

const PLAIN: AugmentSpec = { captionMix: 0, viewMix: 0, textNoise: 0, imageNoise: 0 };

/**
 * The published recipe: Linear + ReLU a modality, one shared Linear, temperature 0.07, Adam 3e-4, batch 64, five
 * epochs.
 */
function seed(imageOutput: string): Recipe {
  const tower = { hidden: 64, skip: false, inputDropout: 0, hiddenDropout: 0 };
  return {
    name: 'seed',
    head: {
      dimension: 64,
      text: { ...tower, inputs: [{ source: 'embedding', first: 'none', transform: 'l2' }] },
      image: { ...tower, inputs: [{ source: imageOutput, first: 'none', transform: 'l2' }] },
      sharedOutput: true,
      stored: 'float16',
    },
    loss: { direction: 'text-to-image', temperature: 0.07, learnTemperature: false, maskSamePicture: false },
    optimizer: ADAM,
    learningRate: 3e-4,
    warmupSteps: 0,
    schedule: 'constant',
    average: null,
    batch: 64,
    partialBatch: true,
    epochs: 5,
    patience: null,
    select: 'loss',
    captions: 'one',
    augment: PLAIN,
    pseudo: null,
    distil: null,
    views: [FULL],
  };
}

const standardised = (source: string, optional = false): TowerInput => ({
  source,
  first: 'none',
  transform: 'standardise',
  optional,
});

/** Far better than the published one; every choice is measured in docs/experiments.md. */
const best: Recipe = {
  name: 'best',
  head: {
    dimension: 64,
    text: {
      inputs: [standardised('embedding'), standardised('words', true), standardised('peaks', true)],
      hidden: 1024,
      skip: true,
      inputDropout: 0.2,
      hiddenDropout: 0.4,
    },
    image: {
      inputs: [
        standardised('features'),
        standardised('stage6_corners', true),
        { source: 'logits', first: 'class-names', transform: 'standardise', optional: true },
      ],
      hidden: 512,
      skip: true,
      inputDropout: 0.3,
      hiddenDropout: 0.5,
    },
    sharedOutput: false,
    stored: 'int8',
  },
  loss: { direction: 'symmetric', temperature: 0.07, learnTemperature: true, maskSamePicture: true },
  optimizer: { ...ADAM, weightDecay: 1e-2, clipNorm: 1 },
  learningRate: 1.5e-3,
  warmupSteps: 60,
  schedule: 'cosine',
  average: 0.99,
  batch: 1024,
  epochs: 12,
  patience: 4,
  select: 'recall',
  captions: 'all',
  augment: { captionMix: 0.5, viewMix: 0, textNoise: 0, imageNoise: 0 },
  pseudo: { batch: 128, variants: 8, noise: 0.5 },
  distil: {
    teachers: 3,
    teacher: { dimension: 256, text: {}, image: { hidden: 1024, hiddenDropout: 0.6 } },
    weight: 0.7,
  },
  views: [FULL, FLIPPED, randomWindow(0), randomWindow(1)],
};

/** Recipe of a text side trained into an existing space. */
export interface TextSideRecipe
  extends Pick<Recipe, 'name' | 'loss' | 'optimizer' | 'learningRate' | 'warmupSteps' | 'schedule' | 'average'>,
    Pick<Recipe, 'batch' | 'partialBatch' | 'epochs' | 'views'>,
    IntoSpec {
  readonly text: TowerSpec;
  readonly stored: HeadSpec['stored'];
  /** See {@link AugmentSpec}, `captionMix`: here of two captions, in whatever languages. */
  readonly mix: number;
  /** A language with n captions is drawn in proportion to n^balance. */
  readonly balance: number;
  /**
   * How far a side that is gone on from goes to the weights that were trained, 0 to 1: on the way lie sides that keep
   * nearly all that was learned and lose less of what was known (Wortsman et al. 2022).
   */
  readonly way: number;
  /** Pictures made up of the classes that the image encoder knows, beside those that have captions; null: none. */
  readonly classes: Omit<PseudoSpec, 'batch'> | null;
}

/** Placeholder for the image side, which a text side does not have. */
export const NO_TOWER: TowerSpec = { inputs: [], hidden: 1, skip: false, inputDropout: 0, hiddenDropout: 0 };

/** Wide, long and only of the texts: a few minutes on cached features. */
export const TEXT_SIDE: TextSideRecipe = {
  name: 'text-side',
  text: {
    ...best.head.text,
    inputs: [...best.head.text.inputs, ...['layer4', 'layer6', 'layer9'].map((layer) => standardised(layer, true))],
    hidden: 2048,
    inputDropout: 0,
    hiddenDropout: 0.1,
  },
  stored: 'int8',
  loss: best.loss,
  optimizer: best.optimizer,
  learningRate: 1e-3,
  warmupSteps: 60,
  schedule: 'cosine',
  average: 0.99,
  batch: 512,
  epochs: 24,
  pull: 60,
  mix: 0.5,
  balance: 0.6,
  way: 0.5,
  classes: { variants: 8, noise: 0.5 },
  views: [FULL, FLIPPED],
};

/**
 * The head of an encoder for another one that answers nearly the same, such as itself in fewer bits: it starts from
 * that head, which is its teacher, too, and learns from all pairs again.
 */
const refit: Recipe = {
  ...best,
  name: 'refit',
  learningRate: 5e-4,
  warmupSteps: 10,
  epochs: 8,
  patience: null,
  distil: { teachers: 1, teacher: { dimension: best.head.dimension, text: {}, image: {} }, weight: 0.7 },
  allTheWay: true,
};

/** The recipe of a teacher of `recipe`; null when that has none. */
export function teacherOf(recipe: Recipe): Recipe | null {
  const { distil, head } = recipe;
  if (distil === null) return null;
  const { dimension, text, image } = distil.teacher;
  return {
    ...recipe,
    distil: null,
    head: { ...head, dimension, text: { ...head.text, ...text }, image: { ...head.image, ...image } },
  };
}

/** Available training inputs. */
export interface Available {
  /** Names of the outputs of each encoder. */
  readonly text: readonly string[];
  readonly image: readonly string[];
  /** Whether the image encoder's logits have names. */
  readonly classNames: boolean;
}

/**
 * A recipe as it is for these encoders: optional inputs that they lack are left out, and so is what needs the names of
 * classes when there are none.
 * @throws {invalid-input} for an input that is missing and not optional
 */
export function recipeFor(recipe: Recipe, available: Available): Recipe {
  const tower = (side: 'text' | 'image'): TowerSpec => ({
    ...recipe.head[side],
    inputs: recipe.head[side].inputs.filter(({ source, first, optional }) => {
      const there = available[side].includes(source) && (first === 'none' || available.classNames);
      if (there || optional === true) return there;
      const got = available[side].join(', ') + (available.classNames ? '' : ', without names of classes');
      throw new SightlineError(
        'invalid-input',
        `recipe ${recipe.name}: expected ${side === 'text' ? 'a text' : 'an image'} encoder with ${source}` +
          `${first === 'none' ? '' : ` for ${first}`}, got ${got}`,
      );
    }),
  });
  return {
    ...recipe,
    head: { ...recipe.head, text: tower('text'), image: tower('image') },
    pseudo: available.classNames ? recipe.pseudo : null,
  };
}

export const RECIPES: Readonly<Record<string, Recipe>> = { seed: seed('logits'), best, refit };
