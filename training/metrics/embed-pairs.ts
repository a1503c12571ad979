import type { Projection } from '../../core/encode/shared-space.ts';
import type { JointEmbedding } from '../../core/types.ts';
import type { EncodedPairs } from '../features/extract.ts';
import type { HalfRows } from '../features/float16-matrix.ts';
import type { EmbeddedPairs } from './retrieval-metrics.ts';

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
  let at = 0;
  for await (const vector of projectedTexts(head, pairs.captions)) {
    texts.set(vector, at);
    at += dimension;
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
  let at = 0;
  for await (const vector of projectedImages(head, augmented[0]!, pictures)) {
    images.set(vector, at);
    at += dimension;
  }
  return images;
}

/** Joint vectors of these rows of pictures, in their order. */
export async function* projectedImages(
  head: Pick<Projection, 'projectImages'>,
  outputs: Readonly<Record<string, HalfRows>>,
  pictures: readonly number[],
): AsyncGenerator<JointEmbedding> {
  const matrices = Object.entries(outputs);
  for (let start = 0; start < pictures.length; start += ROWS) {
    const rows = pictures.slice(start, start + ROWS);
    const raw = rows.map((row) => Object.fromEntries(matrices.map(([name, matrix]) => [name, matrix.row(row)])));
    yield* await head.projectImages(raw);
  }
}

/** Joint vectors of all captions, in their order. */
export async function* projectedTexts(
  head: Pick<Projection, 'projectTexts'>,
  captions: HalfRows,
): AsyncGenerator<JointEmbedding> {
  for (let start = 0; start < captions.rows; start += ROWS) {
    const count = Math.min(ROWS, captions.rows - start);
    yield* await head.projectTexts(Array.from({ length: count }, (_, i) => captions.row(start + i)));
  }
}
