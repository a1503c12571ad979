import { DEFAULT_LIMITS } from '../../core/encode/encoder-pair.ts';
import { isSightlineError } from '../../core/errors.ts';
import { thumbnail } from '../../core/picture/decode.ts';
import { type CaptionedPicture, type Dataset, readPicture } from '../../training/datasets/dataset.ts';

/** A thousand stay below 10 MB in a report, and are still recognisable. */
const EDGE = 200;
const QUALITY = 55;
/** Pictures read and scaled at the same time. */
const PARALLEL = 4;

/** WebP thumbnails in base64, by picture name. Unreadable pictures have none. */
export async function makeThumbnails(
  dataset: Dataset,
  pictures: readonly CaptionedPicture[],
  onProgress: (done: number) => void,
): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>();
  let [next, done] = [0, 0];
  const work = async () => {
    for (let picture = pictures[next++]; picture !== undefined; picture = pictures[next++]) {
      try {
        const found = await readPicture(dataset, picture);
        if (found === null) continue;
        const small = await thumbnail(found.bytes, EDGE, { limits: DEFAULT_LIMITS, quality: QUALITY });
        made.set(picture.image, Buffer.from(small.bytes).toString('base64'));
      } catch (error) {
        if (!isSightlineError(error, 'unreadable-image') && !isSightlineError(error, 'too-large')) throw error;
      } finally {
        onProgress(++done);
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return made;
}
