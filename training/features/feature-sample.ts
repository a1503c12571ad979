import { join } from 'node:path';
import type { Encoders } from '../../core/encode/encoder-pair.ts';
import { writeWhole } from '../../core/files/atomic-write.ts';
import type { EncodedPairs } from './extract.ts';

/**
 * Encoder outputs of a few captioned pictures in files small enough to commit, so that a head can be evaluated without
 * the pictures: `sample.json` and one file per matrix, float16, little endian, row by row. Contains neither pictures
 * nor texts.
 */

/** Content of sample.json. */
export interface FeatureSample {
  readonly format: 1;
  /** Source of the pictures, as text. */
  readonly source: string;
  readonly text: { readonly encoder: string; readonly key: string; readonly dimension: number };
  readonly image: {
    readonly encoder: string;
    readonly key: string;
    readonly outputs: Readonly<Record<string, number>>;
  };
  /** Number of captions of each picture, in order. */
  readonly captions: readonly number[];
}

/**
 * Writes the pictures' outputs as serving sees them and the captions' vectors; the description last.
 * @throws {unavailable}
 */
export async function writeFeatureSample(
  folder: string,
  pairs: EncodedPairs,
  { encoders, source }: { encoders: Encoders; source: string },
): Promise<void> {
  const { text, image } = encoders;
  const sample: FeatureSample = {
    format: 1,
    source,
    text: { encoder: text.name, key: text.key, dimension: text.dimension },
    image: { encoder: image.name, key: image.key, outputs: { ...image.outputs } },
    captions: Array.from(pairs.firstCaption.subarray(1), (end, picture) => end - pairs.firstCaption[picture]!),
  };
  const matrices = { ...pairs.augmented[0]!, captions: pairs.captions };
  for (const [name, matrix] of Object.entries(matrices)) {
    const values = matrix.read(0, matrix.rows);
    await writeWhole(join(folder, `${name}.f16`), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  await writeWhole(join(folder, 'sample.json'), `${JSON.stringify(sample)}\n`);
}
