import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type FeatureTransform,
  fitTransform,
  type TransformedPairs,
  transformPairs,
  transformRows,
} from '../features/feature-transform.ts';
import { makePseudoFeatures } from '../features/pseudo-features.ts';
import type { TrainingPairs, TransformedPseudo } from './batches.ts';
import type { Recipe } from './recipes.ts';
import type { TrainingData } from './training-data.ts';

/** Data shared by all epochs of a run and of its teachers. */
export interface TransformedData {
  readonly transform: FeatureTransform;
  readonly training: TrainingPairs;
  readonly validation: TransformedPairs;
  /** Removes the files. */
  close(): Promise<void>;
}

/** The parts of the data that the transform depends on. */
export type EncodedData = Pick<TrainingData, 'train' | 'validation' | 'textOutputs' | 'classes'>;

/**
 * Fits the transform on the training pairs and applies it to all of them. The rows are stored in `folder`, about 19 kB
 * per training picture with five captions and four augmentations.
 * @throws {unavailable} if they do not fit there
 */
export async function transformData(
  recipe: Recipe,
  data: EncodedData,
  { seed, folder, learned }: { seed: number; folder: string; learned?: FeatureTransform },
): Promise<TransformedData> {
  const { train, validation, textOutputs, classes } = data;
  const transform =
    learned ?? (await fitTransform(recipe.head, train, { textOutputs, classes: classes?.names ?? null }));
  const pseudo = await transformPseudo(transform, recipe, data, seed);
  const open: TransformedPairs[] = [];
  const close = async () => {
    for (const pairs of open) await pairs.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const [name, pairs] of Object.entries({ train, validation })) {
      open.push(await transformPairs(transform, pairs, join(folder, name)));
    }
    return { transform, training: { pairs: open[0]!, pseudo }, validation: open[1]!, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function transformPseudo(
  transform: FeatureTransform,
  recipe: Recipe,
  { train, classes }: EncodedData,
  seed: number,
): Promise<TransformedPseudo | null> {
  if (recipe.pseudo === null || classes === null) return null;
  const { outputs, classOf } = await makePseudoFeatures(train, recipe.pseudo, seed);
  const pictures = transform.image.map(({ spec }) => outputs[spec.source]!);
  const texts = transform.text.map(() => classes.texts);
  return {
    classOf,
    firstText: classes.firstText,
    images: await transformRows(transform.image, pictures),
    texts: await transformRows(transform.text, texts),
  };
}
