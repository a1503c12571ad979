import type { Projection } from '../../core/encode/identity-head.ts';
import type { EncodedPairs } from '../features/extract.ts';
import type { EmbeddedPairs } from './metrics.ts';

/** Rows projected at a time: a few megabytes of encoder outputs. */
const ROWS = 512;

/**
 * Projects pictures (as serving sees them) and captions of a split through a head as serving loads it, or through a
 * substitute.
 */
export async function embedPairs(head: Projection, pairs: EncodedPairs): Promise<EmbeddedPairs> {
  const { dimension } = head;
  const images = await embedImages(
    head,
    pairs,
    Array.from({ length: pairs.firstCaption.length - 1 }, (_, row) => row),
  );
  const texts = new Float32Array(pairs.captions.rows * dimension);
  for (let start = 0; start < pairs.captions.rows; start += ROWS) {
    const vectors = await head.projectTexts(rowsFrom(start, pairs.captions.rows).map((row) => pairs.captions.row(row)));
    for (const [i, vector] of vectors.entries()) texts.set(vector, (start + i) * dimension);
  }
  return { texts, images, firstCaption: pairs.firstCaption, dimension };
}

/** Joint vectors of these pictures, concatenated. */
export async function embedImages(
  head: Projection,
  { augmented }: Pick<EncodedPairs, 'augmented'>,
  pictures: readonly number[],
): Promise<Float32Array> {
  const { dimension } = head;
  const images = new Float32Array(pictures.length * dimension);
  const full = Object.entries(augmented[0]!);
  for (let start = 0; start < pictures.length; start += ROWS) {
    const rows = pictures.slice(start, start + ROWS);
    const outputs = rows.map((row) => Object.fromEntries(full.map(([name, matrix]) => [name, matrix.row(row)])));
    for (const [i, vector] of (await head.projectImages(outputs)).entries())
      images.set(vector, (start + i) * dimension);
  }
  return images;
}

function rowsFrom(start: number, end: number): number[] {
  return Array.from({ length: Math.min(ROWS, end - start) }, (_, i) => start + i);
}
