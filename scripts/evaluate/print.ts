import { pluralise } from '../../core/util/pluralise.ts';
import type { EvaluatedSpace } from '../../training/metrics/evaluate-head.ts';
import { CUTOFFS, type DirectionValues, type Figures, type Values } from '../../training/metrics/retrieval-metrics.ts';
import type { Comparison, Interval } from '../../training/metrics/significance.ts';

/** Prints results for people. */

const ROWS: readonly (readonly [string, (values: DirectionValues) => number])[] = [
  ...CUTOFFS.map((k) => [`recall@${k}`, ({ recall }: DirectionValues) => recall[k]] as const),
  ['median rank', ({ medianRank }) => medianRank],
  ['MRR', ({ meanReciprocalRank }) => meanReciprocalRank],
  ['mAP', ({ meanAveragePrecision }) => meanAveragePrecision],
  ...CUTOFFS.map((k) => [`precision@${k}`, ({ precision }: DirectionValues) => precision[k]] as const),
  ...CUTOFFS.map((k) => [`NDCG@${k}`, ({ ndcg }: DirectionValues) => ndcg[k]] as const),
];
const SIDES = ['textToImage', 'imageToText'] as const;
const NAMES = { textToImage: 'text to image', imageToText: 'image to text' };

/** With fewer, results mean little: among 50, recall at 10 is 20 % by chance. */
const FEW = 50;

/** Warns on stderr if figures from this number of pictures mean little. */
export function warnOfFew(pictures: number): void {
  if (pictures >= FEW) return;
  const why = `among ${pictures} even chance is right often`;
  console.error(`warning: fewer than ${FEW} pictures: ${why}, and the figures say little about the head`);
}

/** What figures come from: "on 100 pictures, 500 captions of split test". */
export function judgedOn({ figures }: EvaluatedSpace, split: string): string {
  const captions = pluralise(figures.textToImage.queries, 'caption');
  return `on ${pluralise(figures.imageToText.queries, 'picture')}, ${captions} of split ${split}`;
}

/** One line per metric: both directions, with intervals. */
export function figureLines(figures: Figures, { level, resamples, low, high }: Interval): string[] {
  const cell = (of: (values: Values) => number) =>
    `${of(figures).toFixed(1).padStart(6)} (${of(low).toFixed(1)} to ${of(high).toFixed(1)})`.padEnd(26);
  const rows = ROWS.map(([name, of]) =>
    `${name.padEnd(16)}${SIDES.map((side) => cell((values) => of(values[side]))).join('')}`.trimEnd(),
  );
  return [
    `${''.padEnd(18)}${'text to image'.padEnd(26)}image to text`,
    ...rows,
    `${'sum of recalls'.padEnd(16)}${cell(({ recallSum }) => recallSum)}`.trimEnd(),
    `in percent but for ranks; ${level} % intervals from ${resamples} resamples of the pictures`,
  ];
}

/** A short table that compares a head with the one in use, with intervals. */
export function comparisonWithLiveLines(head: EvaluatedSpace, inUse: EvaluatedSpace): string[] {
  const cell = ({ figures, interval: { low, high } }: EvaluatedSpace, of: (values: Values) => number) =>
    `${of(figures).toFixed(1).padStart(6)} (${of(low).toFixed(1)} to ${of(high).toFixed(1)})`.padEnd(26);
  const line = (name: string, of: (values: Values) => number) =>
    `${name.padEnd(28)}${cell(head, of)}${cell(inUse, of)}`.trimEnd();
  return [
    `${''.padEnd(30)}${'this head'.padEnd(26)}the one in use`,
    ...SIDES.flatMap((side) =>
      CUTOFFS.map((k) => line(`${NAMES[side]}, recall@${k}`, (values) => values[side].recall[k])),
    ),
    line('sum of recalls', ({ recallSum }) => recallSum),
  ];
}

/** One line per language: its data, and the sum of recalls of each head. */
export function languageLines(
  judged: readonly { readonly lang: string; readonly heads: readonly EvaluatedSpace[] }[],
): string[] {
  const cell = ({ figures, interval: { low, high } }: EvaluatedSpace) =>
    `${figures.recallSum.toFixed(1).padStart(6)} (${low.recallSum.toFixed(1)} to ${high.recallSum.toFixed(1)})`;
  const counts = ({ figures }: EvaluatedSpace) =>
    `${String(figures.imageToText.queries).padStart(9)}${String(figures.textToImage.queries).padStart(10)}`;
  return [
    `${'language'.padEnd(10)} pictures  captions   sum of recalls`,
    ...judged.map(({ lang, heads }) => `${lang.padEnd(10)}${counts(heads[0]!)}   ${heads.map(cell).join('   ')}`),
  ];
}

/** One line per metric: both heads, their difference, and whether it may be chance. */
export function comparisonLines(first: Figures, second: Figures, comparison: Comparison): string[] {
  const { difference, interval, p } = comparison;
  const line = (name: string, of: (values: Values) => number) => {
    const between = `${signed(of(difference))} (${signed(of(interval.low))} to ${signed(of(interval.high))})`;
    const sides = [of(first), of(second)].map((value) => value.toFixed(1).padStart(8)).join('');
    return `${name.padEnd(30)}${sides}   ${between.padEnd(26)}${of(p).toFixed(4)}`;
  };
  return [
    `${''.padEnd(30)}${'first'.padStart(8)}${'second'.padStart(8)}   ${'difference'.padEnd(26)}p`,
    ...SIDES.flatMap((side) => ROWS.map(([name, of]) => line(`${NAMES[side]}, ${name}`, (values) => of(values[side])))),
    line('sum of recalls', ({ recallSum }) => recallSum),
    `${interval.level} % intervals of the difference from ${interval.resamples} resamples of the pictures; p ` +
      `from as many sign flips`,
  ];
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(1)}`;
}
