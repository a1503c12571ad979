import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedPseudo, TrainingPairs } from '../trainer/batches.ts';
import type { Recipe } from '../trainer/recipes.ts';
import type { TrainingData } from '../trainer/training-data.ts';
import {
  fitPreparation,
  type Preparation,
  type PreparedPairs,
  preparePairs,
  prepareRows,
} from './feature-transform.ts';
import { makePseudoPictures } from './pseudo-features.ts';

/** Everything that the epochs of a run, and those of its teachers, read again and again. */
export interface PreparedData {
  readonly preparation: Preparation;
  readonly training: TrainingPairs;
  readonly validation: PreparedPairs;
  /** Removes what is on disk. */
  close(): Promise<void>;
}

/** What is encoded and how, as far as preparing depends on it. */
export type EncodedData = Pick<TrainingData, 'train' | 'validation' | 'textOutputs' | 'classes'>;

/**
 * Learns the preparation from the training pairs and applies it to all of them. Their rows lie in `folder`, about 19 kB a training
 * picture with five captions and four views. Throws `unavailable` when they do not fit there.
 */
export async function prepareData(
  recipe: Recipe,
  data: EncodedData,
  { seed, folder }: { seed: number; folder: string },
): Promise<PreparedData> {
  const { train, validation, textOutputs, classes } = data;
  const preparation = await fitPreparation(recipe.head, train, { textOutputs, classes: classes?.names ?? null });
  const pseudo = await preparePseudo(preparation, recipe, data, seed);
  const open: PreparedPairs[] = [];
  const close = async () => {
    for (const pairs of open) await pairs.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const [name, pairs] of Object.entries({ train, validation })) {
      open.push(await preparePairs(preparation, pairs, join(folder, name)));
    }
    return { preparation, training: { pairs: open[0]!, pseudo }, validation: open[1]!, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function preparePseudo(
  preparation: Preparation,
  recipe: Recipe,
  { train, classes }: EncodedData,
  seed: number,
): Promise<PreparedPseudo | null> {
  if (recipe.pseudo === null || classes === null) return null;
  const { outputs, classOf } = await makePseudoPictures(train, recipe.pseudo, seed);
  const pictures = preparation.image.map(({ spec }) => outputs[spec.source]!);
  const texts = preparation.text.map(() => classes.texts);
  return {
    ...{ classOf, firstText: classes.firstText },
    images: await prepareRows(preparation.image, pictures),
    texts: await prepareRows(preparation.text, texts),
  };
}
