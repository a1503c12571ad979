import { join } from 'node:path';
import { z } from 'zod';
import { CLASSES_FILE, LOGITS } from '../picture/top-classes.ts';
import { outputSizes } from './image-model.ts';
import type { Profile } from './manifest.ts';
import { findEncoder, verifyFile } from './model-files.ts';
import { fitting, readModelJson } from './model-json.ts';

/** Names of the classes of an image encoder's logits, from classes.json beside the model. */

const classesSchema = z.array(
  z.object({
    /** WordNet synset, such as n01440764. */
    wnid: z.string(),
    /** Synonyms, the usual one first. */
    names: z.array(z.string().min(1)).min(1),
    /** Broader terms, nearest first. */
    hypernyms: z.array(z.string()),
  }),
);

export type ImageClass = z.infer<typeof classesSchema>[number];

/**
 * The classes in the order of the logits, or null when the encoder has none, or no names for them.
 * @throws {model-mismatch}
 */
export async function loadClasses(
  modelDirs: readonly string[],
  image: Profile['image'],
): Promise<readonly ImageClass[] | null> {
  const file = image.files.others.find(({ path }) => path === CLASSES_FILE);
  if (file === undefined || !(LOGITS in outputSizes(image))) return null;
  const folder = await findEncoder(modelDirs, image);
  await verifyFile(folder, file);
  const path = join(folder, CLASSES_FILE);
  return fitting(classesSchema, await readModelJson(path), path);
}
