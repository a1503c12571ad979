import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CLASSES_FILE } from '../../core/classes.ts';
import type { Encoders } from '../../core/encode/encoders.ts';
import { findFolder, verifyFile } from '../../core/encode/model-files.ts';
import { SightlineError } from '../../core/errors.ts';

/** What the classes of an image encoder's logits are called, from classes.json beside the model. */

const classesSchema = z.array(
  z.object({
    /** WordNet synset, such as n01440764. */
    wnid: z.string(),
    /** Synonyms, the usual one first. */
    names: z.array(z.string().min(1)).min(1),
    /** Names of wider terms, the nearest first. */
    hypernyms: z.array(z.string()),
  }),
);

export type ImageClass = z.infer<typeof classesSchema>[number];

/**
 * The classes in the order of the logits, or null when the encoder comes without their names. Throws `model-mismatch`.
 */
export async function loadClasses(modelDirs: readonly string[], encoders: Encoders): Promise<ImageClass[] | null> {
  const { folder, files } = encoders.profile.image;
  const file = files.others.find(({ path }) => path === CLASSES_FILE);
  if (file === undefined) return null;
  const found = await findFolder(modelDirs, folder);
  await verifyFile(found, file);
  const parsed = classesSchema.safeParse(JSON.parse(await readFile(join(found, CLASSES_FILE), 'utf8')));
  if (parsed.success) return parsed.data;
  throw new SightlineError('model-mismatch', `${join(found, CLASSES_FILE)}: ${z.prettifyError(parsed.error)}`);
}
