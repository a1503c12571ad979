import type { ImageClass } from '../../core/encode/class-names.ts';
import { LOGITS } from '../../core/picture/top-classes.ts';
import { Random } from '../random.ts';
import type { PairSet } from './extract.ts';
import { HalfMatrix, type HalfRows } from './float16-matrix.ts';
import { jointCovariance } from './moments.ts';

/**
 * Synthetic encoder outputs. The image encoder knows a thousand classes, most of which no training photo shows. Moving
 * its mean output along the direction in which the logit of a class grows fastest among real pictures gives a plausible
 * output for that class.
 * With features f, logits l = W f + b, S the covariance of f over training pictures and bars for means over classes,
 * the direction is S (w_c - w̄). That is the covariance of f with l_c - l̄, and the logits move along the covariance of
 * l with it, so neither W nor b is needed: only covariances of the encoder's outputs.
 */

/** Pairs for things that no photo shows: pseudo-features of the image encoder's classes, with texts that name them. */
export interface PseudoSpec {
  /** Pairs added to each batch. */
  readonly batch: number;
  /** Pseudo-features per class. */
  readonly variants: number;
  /** Share of a random training picture's deviation from the mean that is added to each. */
  readonly noise: number;
}

/** Synthetic outputs by name of the encoder's output: `variants` rows per class, class by class. */
export interface PseudoFeatures {
  readonly outputs: Readonly<Record<string, HalfMatrix>>;
  /** [rows] */
  readonly classOf: Uint32Array;
}

/**
 * How far the logit of its class is raised: on average, to this quantile of the largest logits of training pictures.
 */
const TYPICAL_TOP = 0.5;
/** The strength varies by this factor in both directions. */
const STRENGTH_RANGE = 1.3;

/** Computes them from the training pictures as serving sees them. */
export async function makePseudoFeatures(pairs: PairSet, spec: PseudoSpec, seed: number): Promise<PseudoFeatures> {
  const real = pairs.augmented[0]!;
  const names = Object.keys(real);
  const classes = real[LOGITS]!.columns;
  const { mean, covariances } = await jointCovariance(
    names.map((name) => real[name]!),
    names.indexOf(LOGITS),
  );
  const width = mean.length;
  const logitsAt = names.slice(0, names.indexOf(LOGITS)).reduce((sum, name) => sum + real[name]!.columns, 0);
  const top = typicalTopLogit(real[LOGITS]!);
  const random = new Random(seed, 'pseudo pictures');
  const rows = classes * spec.variants;
  const outputs = Object.fromEntries(names.map((name) => [name, new HalfMatrix(rows, real[name]!.columns)]));
  const classOf = new Uint32Array(rows);
  const meanDirection = averageRow(covariances, classes, width);
  for (let c = 0; c < classes; c++) {
    const direction = covariances.subarray(c * width, (c + 1) * width).map((x, i) => x - meanDirection[i]!);
    const gain = direction[logitsAt + c]!;
    const reach = gain > 0 ? Math.max(0, top - mean[logitsAt + c]!) / gain : 0;
    for (let v = 0; v < spec.variants; v++) {
      const row = c * spec.variants + v;
      classOf[row] = c;
      const strength = reach * STRENGTH_RANGE ** (2 * random.uniform() - 1);
      const other = random.below(pairs.pictures.length);
      let at = 0;
      for (const name of names) {
        const values = new Float32Array(real[name]!.columns);
        real[name]!.copyRow(other, values, 0);
        for (let i = 0; i < values.length; i++, at++) {
          values[i] = mean[at]! + strength * direction[at]! + spec.noise * (values[i]! - mean[at]!);
        }
        outputs[name]!.set(row, values);
      }
    }
  }
  return { outputs, classOf };
}

/** Names of a class in captions. */
export function classTexts({ names }: ImageClass): string[] {
  return names.flatMap((name) => [`a photo of ${withArticle(name)}`, name]).slice(0, TEXTS_A_CLASS);
}

const TEXTS_A_CLASS = 6;

function withArticle(name: string): string {
  return /^[aeiou]/i.test(name) ? `an ${name}` : `a ${name}`;
}

function typicalTopLogit(logits: HalfRows): number {
  const tops = Float32Array.from({ length: logits.rows }, (_, row) => logits.row(row).reduce((a, b) => Math.max(a, b)));
  return tops.sort()[Math.floor(TYPICAL_TOP * (tops.length - 1))]!;
}

function averageRow(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const mean = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) mean[c]! += matrix[r * columns + c]! / rows;
  return mean;
}
