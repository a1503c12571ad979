import { createHash } from 'node:crypto';
import type { Encoders } from '../../core/encode/encoder-pair.ts';
import { OWN_OUTPUT } from '../../core/encode/text-encoder.ts';
import { SightlineError } from '../../core/errors.ts';
import { canonicalJson } from '../../core/util/canonical-json.ts';
import type { CaptionedPicture, Dataset, DatasetWarnings } from '../datasets/dataset.ts';
import { TRAINING } from '../datasets/deduplicate.ts';
import { type FeatureOptions, loadFeatures, loadTexts, type PairSet } from '../features/extract.ts';
import type { ClassNames } from '../features/feature-transform.ts';
import type { HalfMatrix, HalfRows } from '../features/float16-matrix.ts';
import { classTexts } from '../features/pseudo-features.ts';
import type { Available } from './recipes.ts';

/** Data to train and validate on. */
export interface TrainingData {
  readonly train: PairSet;
  readonly validation: PairSet;
  /** Held out from all decisions; null if the data set has no test split. */
  readonly test: PairSet | null;
  /** Size of each part of a text's vector, in order. */
  readonly textOutputs: Readonly<Record<string, number>>;
  /** Names of the logits' classes; null if the encoder has none. */
  readonly classes: TrainingClasses | null;
  /** Raw vectors of what people search for, most of which is in no caption: more neighbours for local scaling. */
  readonly phrases?: HalfRows;
  /** Changes with pictures, captions and encoders. */
  readonly key: string;
  readonly warnings: DatasetWarnings;
  /** Call it once the rows of the splits are no longer needed. */
  close(): Promise<void>;
}

/** Text vectors for the classes of the logits. */
export interface TrainingClasses {
  /** One vector per class, of its usual name: the encoder's own embedding, without further parts. */
  readonly names: ClassNames;
  /** Vectors of class names in captions: rows firstText[c] to firstText[c + 1] - 1 for class c. */
  readonly texts: HalfMatrix;
  readonly firstText: Uint32Array;
}

export const TRAINING_SPLITS = [TRAINING, 'val', 'test'] as const;

/**
 * Encodes the splits "train", "val" and, if present, "test" of a data set.
 * @throws {invalid-input} before anything is encoded, if one of the first two has no pictures
 */
export async function loadTrainingData(dataset: Dataset, options: FeatureOptions): Promise<TrainingData> {
  const check = (there: readonly CaptionedPicture[]) => checkSplits(dataset, there);
  check(dataset.pictures);
  const { splits, warnings, close } = await loadFeatures(dataset, { ...options, check });
  try {
    const [train, validation, test] = TRAINING_SPLITS.map((name) => splits.get(name));
    if (train === undefined || validation === undefined) throw new Error('expected the splits that were checked');
    const classes = await loadClassTexts(options);
    const key = dataKey(train, validation, options.encoders);
    const { outputs: textOutputs } = options.encoders.text;
    return { train, validation, test: test ?? null, classes, key, warnings, close, textOutputs };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Inputs that this data provides for a recipe. */
export function availableOutputs({
  textOutputs,
  train,
  classes,
}: Pick<TrainingData, 'textOutputs' | 'train' | 'classes'>): Available {
  return {
    text: Object.keys(textOutputs),
    image: Object.keys(train.augmented[0]!),
    classNames: classes !== null,
  };
}

/** With fewer pictures, a split of 80/10/10 has none to validate on. */
const FEWEST = 5;

function checkSplits({ location, pictures }: Dataset, there: readonly CaptionedPicture[]): void {
  for (const split of TRAINING_SPLITS.slice(0, 2)) {
    const of = (some: readonly CaptionedPicture[]) => some.filter((picture) => picture.split === split).length;
    if (of(there) > 0) continue;
    const names = [...new Set(pictures.map((picture) => picture.split))].join(', ');
    const got = of(pictures) === 0 ? `none (splits: ${names})` : `none of ${of(pictures)} in images/`;
    throw new SightlineError(
      'invalid-input',
      `${location.name}: expected captioned pictures in split ${split}, got ${got}. ` +
        (there.length < FEWEST ? `Too few pictures to split: ${there.length}` : '--split 80/10/10 makes splits anew'),
    );
  }
}

async function loadClassTexts(options: FeatureOptions): Promise<TrainingClasses | null> {
  const { classes } = options.encoders.image;
  if (classes === null) return null;
  const names = await loadTexts(
    classes.map((entry) => entry.names[0]!),
    'class names',
    options,
  );
  const texts = classes.map(classTexts);
  const firstText = new Uint32Array(classes.length + 1);
  for (const [c, own] of texts.entries()) firstText[c + 1] = firstText[c]! + own.length;
  return {
    names: { vectors: ownEmbeddings(names, options.encoders.text.outputs[OWN_OUTPUT]!), count: names.rows },
    texts: await loadTexts(texts.flat(), 'class texts', options),
    firstText,
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
