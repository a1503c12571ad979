import { TEMPERATURE } from './loss.ts';
import type { Recipe } from './recipes.ts';
import type { State } from './step.ts';
import type { TrainedHead } from './write-head.ts';

/**
 * Training that continues from a head. A few hundred pictures teach a new head far less than the many thousands that
 * trained the current one; docs/decisions/0044-fine-tuning.md measures how to keep what it knows.
 */

/** Adapts a recipe to continue from a head, which is also the teacher. */
export function continuing(recipe: Recipe, { spec }: TrainedHead): Recipe {
  const teacher = { dimension: spec.dimension, text: {}, image: {} };
  return { ...recipe, head: spec, distil: { teachers: 1, teacher, weight: 0.7 } };
}

/** Adapts a recipe to continue from a head for a short time. */
export function fineTuning(recipe: Recipe, head: TrainedHead): Recipe {
  return {
    ...continuing(recipe, head),
    learningRate: 1e-3,
    warmupSteps: 4,
    average: null,
    batch: Math.min(recipe.batch, 256),
    epochs: 8,
    patience: null,
    // With few pictures, the best epoch on validation is a matter of luck, and the schedule has settled by the last
    // one.
    select: 'last',
  };
}

/** The teacher's temperature, which head.onnx does not store; the value learned by the bundled recipe is close. */
const TEACHER_TEMPERATURE = 0.05;

/** The head as the initial state and as the teacher. */
export function startingState({ parameters }: TrainedHead): State {
  return new Map(parameters).set(TEMPERATURE, Float32Array.of(-Math.log(TEACHER_TEMPERATURE)));
}

/**
 * Fractions of the way from the old weights to the new ones that are tried: beyond them, much is lost and little
 * gained.
 */
const SHARES = [0, 0.1, 0.2, 0.3];
/** Minimum relative improvement of the loss for replacing the current head. */
const LEAST_GAIN = 0.01;

/**
 * The weights between the start (0) and the trained ones with the lowest validation loss. In between there are heads
 * that keep nearly all that was learned and forget much less of the old (Wortsman et al. 2022, "Robust fine-tuning of
 * zero-shot models").
 */
export async function bestOnTheWay(
  start: State,
  trained: State,
  validationLoss: (parameters: State) => Promise<number>,
): Promise<{ parameters: State; share: number }> {
  const tried: { parameters: State; share: number; loss: number }[] = [];
  for (const share of SHARES) {
    const parameters = between(start, trained, share);
    tried.push({ parameters, share, loss: await validationLoss(parameters) });
  }
  const best = tried.reduce((least, one) => (one.loss < least.loss ? one : least));
  return best.loss < (1 - LEAST_GAIN) * tried[0]!.loss ? best : tried[0]!;
}

/** Interpolated weights; the temperature stays the initial one, so that losses are comparable. */
export function between(start: State, trained: State, share: number): State {
  const mixed = [...trained].map(([name, values]) => {
    const from = start.get(name) ?? values;
    return [
      name,
      name === TEMPERATURE ? from : values.map((value, i) => from[i]! + share * (value - from[i]!)),
    ] as const;
  });
  return new Map(mixed);
}

/** Minimum number of steps per epoch when there are few pairs. */
const LEAST_STEPS = 8;

/** Reduces the recipe's batch size if it would leave out most of `pairs`. */
export function withFittingBatch<R extends Pick<Recipe, 'batch' | 'partialBatch'>>(recipe: R, pairs: number): R {
  if (recipe.partialBatch) return recipe;
  return { ...recipe, batch: Math.max(2, Math.min(recipe.batch, Math.floor(pairs / LEAST_STEPS))) };
}
