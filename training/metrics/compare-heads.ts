import { pluralise } from '../../core/util/pluralise.ts';
import type { EvaluatedSpace } from './evaluate-head.ts';
import { compare, type Resampling } from './significance.ts';

/** Compares a head with the one in use on the same pictures. */
export interface Verdict {
  /** Depends on whether the interval of the difference contains 0. */
  readonly result: 'better' | 'worse' | 'even';
  /** Number of pictures that both were evaluated on. */
  readonly pictures: number;
  /** Sums of the six recalls, 0 to 600. */
  readonly recallSum: number;
  readonly inUse: number;
  /** The 95 % interval of the difference. */
  readonly low: number;
  readonly high: number;
}

/** The verdict on `head`; both are evaluated on the same pictures. */
export function verdictOn(head: EvaluatedSpace, inUse: EvaluatedSpace, resampling: Resampling): Verdict {
  const { interval } = compare(inUse.table, head.table, resampling);
  const [low, high] = [interval.low.recallSum, interval.high.recallSum];
  return {
    result: low > 0 ? 'better' : high < 0 ? 'worse' : 'even',
    pictures: head.table.pictures,
    recallSum: head.figures.recallSum,
    inUse: inUse.figures.recallSum,
    low,
    high,
  };
}

/** The verdict as a sentence. */
export function verdictSentence({ result, pictures, recallSum, inUse }: Verdict): string {
  const figures = `${recallSum.toFixed(1)} against ${inUse.toFixed(1)}`;
  if (result === 'better') return `better than the one in use: ${figures}`;
  if (result === 'worse') return `worse than the one in use: ${figures}; keep it`;
  return `no different from the one in use, as far as ${pluralise(pictures, 'picture')} can tell: ${figures}`;
}
