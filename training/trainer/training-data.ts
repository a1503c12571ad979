import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Encoders } from '../../core/encode/encoders.ts';
import { OWN_OUTPUT } from '../../core/encode/text-encoder.ts';
import { SightlineError } from '../../core/errors.ts';
import { type DatasetPlace, type DatasetWarning, readDataset } from '../datasets/dataset.ts';
import { loadClasses } from '../features/classes.ts';
import { type FeatureOptions, loadFeatures, loadTexts, type PairSet } from '../features/extract.ts';
import type { ClassNames } from '../features/feature-transform.ts';
import type { HalfMatrix } from '../features/half.ts';
import { classTexts } from '../features/pseudo-features.ts';

/** What a recipe is trained and validated on. */
export interface TrainingData {
  readonly train: PairSet;
  readonly validation: PairSet;
  /** Size of each part of a text's vector, in order. */
  readonly textOutputs: Readonly<Record<string, number>>;
  /** What the logits stand for; null when the encoder comes without the names of its classes. */
  readonly classes: TrainingClasses | null;
  /** Changes with pictures, captions and encoders. */
  readonly key: string;
  readonly warnings: ReadonlyMap<DatasetWarning, number>;
  /** To be called when the rows of the splits are not read any more. */
  close(): Promise<void>;
}

/** Text vectors for the classes of the logits. */
export interface TrainingClasses {
  /** One vector a class, of its usual name: the encoder's own embedding, without further parts. */
  readonly names: ClassNames;
  /** Vectors of what captions may call them: rows firstText[c] to firstText[c + 1] - 1 for class c. */
  readonly texts: HalfMatrix;
  readonly firstText: Uint32Array;
}

/** Splits "train" and "val" of a dataset, encoded. Throws `invalid-input` when one of them is missing. */
export async function loadTrainingData(place: DatasetPlace, options: FeatureOptions): Promise<TrainingData> {
  const { splits, warnings, close } = await loadFeatures(await readDataset(place, ['train', 'val']), options);
  try {
    const [train, validation] = [splits.get('train'), splits.get('val')];
    if (train === undefined || validation === undefined) {
      const got = [...splits.keys()].join(', ');
      throw new SightlineError('invalid-input', `${place.name}: expected splits train and val, got ${got}`);
    }
    const classes = await loadClassTexts(options);
    const key = dataKey(train, validation, options.encoders);
    return { ...{ train, validation, classes, key, warnings, close }, textOutputs: options.encoders.text.outputs };
  } catch (error) {
    await close();
    throw error;
  }
}

async function loadClassTexts(options: FeatureOptions): Promise<TrainingClasses | null> {
  const classes = await loadClasses(options.modelDirs, options.encoders);
  if (classes === null) return null;
  const names = await loadTexts(
    classes.map((entry) => entry.names[0]!),
    options,
  );
  const texts = classes.map(classTexts);
  const firstText = new Uint32Array(classes.length + 1);
  for (const [c, own] of texts.entries()) firstText[c + 1] = firstText[c]! + own.length;
  return {
    names: { vectors: ownEmbeddings(names, options.encoders.text.outputs[OWN_OUTPUT]!), count: names.rows },
    ...{ texts: await loadTexts(texts.flat(), options), firstText },
  };
}

/** The first `columns` of each row. */
function ownEmbeddings(matrix: HalfMatrix, columns: number): Float32Array {
  const own = new Float32Array(matrix.rows * columns);
  for (let row = 0; row < matrix.rows; row++) own.set(matrix.row(row).subarray(0, columns), row * columns);
  return own;
}

function dataKey(train: PairSet, validation: PairSet, { text, image }: Encoders): string {
  const pictures = [...train.pictures, ...validation.pictures].map((picture) => ({ ...picture }));
  return createHash('sha256')
    .update(canonicalJson({ pictures, text: text.key, image: image.key }))
    .digest('hex');
}
