import { SightlineError } from '../../core/errors.ts';
import { type Augmentation, FLIPPED, FULL, randomWindow } from '../features/augmentations.ts';
import type { TowerInput } from '../features/feature-transform.ts';
import type { PseudoSpec } from '../features/pseudo-features.ts';
import { ADAM, type AdamOptions } from './optimizer.ts';

/** Describes how a head is built and trained: everything a run depends on except pairs and seed. */

/** Concatenated inputs -> dropout -> Linear + ReLU -> dropout -> Linear into the joint space. */
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
  /** Components that the towers learn. */
  readonly dimension: number;
  /** Two more components that keep hubs from ranking too high (local-scaling.ts). @default false */
  readonly localScaling?: boolean;
  readonly text: TowerSpec;
  readonly image: TowerSpec;
  /** One shared last layer for both towers instead of one each; both hidden layers then have the same width. */
  readonly sharedOutput: boolean;
  /**
   * How head.onnx stores its layers: as float16, computed in float32, or as int8, which is half as large and more than
   * twice as fast (see int8-layer.ts). Training is always in float32.
   */
  readonly stored: 'float16' | 'int8';
}

export interface LossSpec {
  /**
   * Direction of the contrastive loss: each text against the pictures, or the mean of that and each picture against the
   * texts.
   */
  readonly direction: 'text-to-image' | 'symmetric';
  /** Cosines are divided by this before the softmax. */
  readonly temperature: number;
  /**
   * Learn the temperature, starting from this value; it never falls below 0.01 (CLIP, Radford et al. 2021, section
   * 2.5).
   */
  readonly learnTemperature: boolean;
  /** Other captions of the same picture are not negatives. */
  readonly maskSamePicture: boolean;
}

/**
 * Distils several heads into one (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"): heads that
 * differ in their seed are trained first; their average similarities between the texts and pictures of a batch become
 * part of the target.
 */
export interface DistilSpec {
  readonly teachers: number;
  /** How teachers differ from the head: each sees the same inputs, and may be too large to serve. */
  readonly teacher: {
    readonly dimension: number;
    readonly text: TeacherTower;
    readonly image: TeacherTower;
  };
  /** The teachers' share of the target, 0 to 1; the rest comes from the true pairs. */
  readonly weight: number;
}

/** How a text side is trained into an existing space; each text is told apart from all pictures. */
export interface IntoSpec {
  /** Weight, relative to the contrastive loss, of 1 - cosine to the vector that the first text side gives a caption. */
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
  /** After the warm-up: constant, or half a cosine down to 0 at the last step. */
  readonly schedule: 'constant' | 'cosine';
  /** Decay per step of the moving average of the weights, which is then exported; null for no averaging. */
  readonly average: number | null;
  /** Pairs per step. */
  readonly batch: number;
  /** Leftover pairs at the end of an epoch form a smaller batch instead of being left out. @default false */
  readonly partialBatch?: boolean;
  readonly epochs: number;
  /** Stop after this many epochs without improvement; null: never. */
  readonly patience: number | null;
  /**
   * Which epoch is kept: the one with the lowest validation loss, the one with the largest sum of recalls on
   * validation, or the last.
   */
  readonly select: 'loss' | 'recall' | 'last';
  /** `one`: an epoch shows each picture once, with one of its captions at random. `all`: once with every caption. */
  readonly captions: 'one' | 'all';
  /** Share of training pairs whose text is a random mixture of all captions of the picture instead of one. */
  readonly captionMix: number;
  readonly pseudo: PseudoSpec | null;
  readonly distil: DistilSpec | null;
  /** Train only the text side, into an existing space; image rows are vectors of that space. */
  readonly into?: IntoSpec;
  /** Continue from a head and keep the final weights instead of interpolated ones. @default false */
  readonly allTheWay?: boolean;
  /** Augmentations of training pictures; one is drawn at random for each pair. The first is what serving sees. */
  readonly augmentations: readonly Augmentation[];
}

/**
 * The published recipe: one Linear + ReLU per modality, one shared Linear, temperature 0.07, Adam 3e-4, batch 64, five
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
    captionMix: 0,
    pseudo: null,
    distil: null,
    augmentations: [FULL],
  };
}

const standardised = (source: string, optional = false): TowerInput => ({
  source,
  first: 'none',
  transform: 'standardise',
  optional,
});

/** Much better than the published recipe; every choice is measured in docs/experiments.md. */
const best: Recipe = {
  name: 'best',
  head: {
    dimension: 62,
    localScaling: true,
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
  captionMix: 0.5,
  pseudo: { batch: 128, variants: 8, noise: 0.5 },
  distil: {
    teachers: 3,
    teacher: { dimension: 256, text: {}, image: { hidden: 1024, hiddenDropout: 0.6 } },
    weight: 0.7,
  },
  augmentations: [FULL, FLIPPED, randomWindow(0), randomWindow(1)],
};

/** Recipe of a text side trained into an existing space. */
export interface TextSideRecipe
  extends Pick<Recipe, 'name' | 'loss' | 'optimizer' | 'learningRate' | 'warmupSteps' | 'schedule' | 'average'>,
    Pick<Recipe, 'batch' | 'partialBatch' | 'epochs' | 'augmentations'>,
    IntoSpec {
  readonly text: TowerSpec;
  readonly stored: HeadSpec['stored'];
  /** Like {@link Recipe.captionMix}: here of two captions, in any languages. */
  readonly mix: number;
  /** A language with n captions is drawn in proportion to n^balance. */
  readonly balance: number;
  /**
   * How far to move from the initial side to the trained weights, 0 to 1: in between there are sides that keep nearly
   * all that was learned and forget less (Wortsman et al. 2022).
   */
  readonly way: number;
  /** Synthetic pictures of the image encoder's classes, besides those with captions; null for none. */
  readonly classes: Omit<PseudoSpec, 'batch'> | null;
}

/** Placeholder for the image side, which a text side does not have. */
export const NO_TOWER: TowerSpec = { inputs: [], hidden: 1, skip: false, inputDropout: 0, hiddenDropout: 0 };

/** Wide, long and only for texts: takes a few minutes on cached features. */
export const TEXT_SIDE: TextSideRecipe = {
  name: 'text-side',
  text: {
    ...best.head.text,
    inputs: [...best.head.text.inputs, ...['layer6', 'layer9'].map((layer) => standardised(layer, true))],
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
  augmentations: [FULL, FLIPPED],
};

/**
 * Recipe for moving a head to an encoder with nearly the same outputs, such as a quantised version: training starts
 * from the old head, which is also its teacher, and uses all pairs again.
 */
const refit: Recipe = {
  ...best,
  name: 'refit',
  learningRate: 5e-4,
  warmupSteps: 10,
  epochs: 8,
  patience: null,
  allTheWay: true,
};

/** The recipe of a teacher of `recipe`; null if it has none. */
export function teacherOf(recipe: Recipe): Recipe | null {
  const { distil, head } = recipe;
  if (distil === null) return null;
  const { dimension, text, image } = distil.teacher;
  return {
    ...recipe,
    distil: null,
    head: {
      ...head,
      dimension,
      localScaling: false,
      text: { ...head.text, ...text },
      image: { ...head.image, ...image },
    },
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
 * Adapts a recipe to these encoders: removes optional inputs that they lack, and everything that needs class names if
 * there are none.
 * @throws {invalid-input} for a missing input that is not optional
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
