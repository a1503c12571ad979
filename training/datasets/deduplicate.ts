import { inParallel } from '../parallel.ts';
import { type CaptionedPicture, type Dataset, readPicture, type Warn } from './dataset.ts';

/** Finds identical pictures by content. */

/** The training split: the only one with augmentations; it must not contain pictures of other splits. */
export const TRAINING = 'train';

export type HashedPicture = CaptionedPicture & { readonly sha256: string };

/** Pictures with their hashes; a picture without a hash in captions.jsonl is read. */
export async function hashPictures(
  dataset: Dataset,
  { parallel, signal }: { readonly parallel: number; readonly signal?: AbortSignal },
  warn: Warn,
): Promise<HashedPicture[]> {
  const hashes = dataset.pictures.map(({ sha256 }) => sha256);
  const hash = async (i: number) => {
    hashes[i] ??= (await readPicture(dataset, dataset.pictures[i]!))?.sha256 ?? null;
  };
  await inParallel(parallel, dataset.pictures.keys(), hash, signal);
  return dataset.pictures.flatMap((picture, i) => {
    const sha256 = hashes[i] ?? null;
    if (sha256 === null) warn('missing-picture', picture.image);
    return sha256 === null ? [] : [{ ...picture, sha256 }];
  });
}

/** Merges identical pictures, and removes pictures from training that are also in other splits. */
export function joinDoubles(pictures: readonly HashedPicture[], warn: Warn): HashedPicture[] {
  const bySplitAndHash = new Map<string, HashedPicture>();
  const splitsOf = new Map<string, Set<string>>();
  for (const picture of pictures) {
    const { sha256 } = picture;
    const key = `${picture.split} ${sha256}`;
    const earlier = bySplitAndHash.get(key);
    if (earlier !== undefined) warn('doubled-picture', picture.image);
    const captions =
      earlier === undefined ? picture.captions : [...new Set([...earlier.captions, ...picture.captions])];
    bySplitAndHash.set(key, { ...(earlier ?? picture), captions, sha256 });
    splitsOf.set(sha256, (splitsOf.get(sha256) ?? new Set()).add(picture.split));
  }
  return [...bySplitAndHash.values()].filter(({ split, sha256, image }) => {
    const leaks = split === TRAINING && splitsOf.get(sha256)!.size > 1;
    if (leaks) warn('split-leak', image);
    return !leaks;
  });
}
