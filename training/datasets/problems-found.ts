import { pluralise } from '../../core/util/pluralise.ts';

/** Problems found in a data set, with counts and examples, and the report about them. */

const EXPLANATIONS = {
  'missing-picture': 'captions whose picture is not there, left out',
  'no-captions': 'pictures without captions, left out',
  'empty-caption': 'captions of nothing but white space, left out',
  'broken-line': 'lines or entries of the captions file that do not fit its form, left out',
  'not-utf8': 'captions that are not UTF-8, left out',
  'unreadable-picture': 'pictures that cannot be decoded, left out',
  'broken-file': 'files that their archive holds damaged, encrypted or packed in an unknown way, left out',
  'changed-picture': 'pictures whose bytes are not those that captions.jsonl names, left out',
  'unsafe-name': 'names that lead out of the folder or cannot be stored, refused',
  'second-file': 'further files for a picture that had one, left out',
  'doubled-picture': 'pictures with the bytes of another one in the same split (training and evaluation join them)',
  'split-leak': 'pictures whose bytes are in two splits (training leaves them out of the split "train")',
  'split-by-rule': 'pictures that no split was named for; theirs is by rule',
  'empty-split': 'splits that training or evaluation will look for, without a picture',
  'left-over': 'files in images/ that captions.jsonl does not name, from something earlier',
};

export type Finding = keyof typeof EXPLANATIONS;

/** Maximum number of examples per kind in the report. */
const EXAMPLES = 100;

export class Findings {
  readonly #found = new Map<Finding, { count: number; examples: string[] }>();

  /** @param example names the thing: a file, a line, a picture */
  note(what: Finding, example: string): void {
    const entry = this.#found.get(what) ?? { count: 0, examples: [] };
    this.#found.set(what, entry);
    entry.count++;
    if (entry.examples.length < EXAMPLES) entry.examples.push(example);
  }

  count(what: Finding): number {
    return this.#found.get(what)?.count ?? 0;
  }

  toJSON(): PreparationSummary['findings'] {
    const known = (Object.keys(EXPLANATIONS) as Finding[]).filter((what) => this.#found.has(what));
    return Object.fromEntries(known.map((what) => [what, { ...this.#found.get(what)!, means: EXPLANATIONS[what] }]));
  }
}

/** The report.json that `prepare` writes next to captions.jsonl. */
export interface PreparationSummary {
  readonly format: 1;
  readonly from: string;
  /** The downloaded commit; null for other sources. */
  readonly commit: string | null;
  readonly form: string;
  readonly pictures: number;
  readonly captions: number;
  readonly splits: Readonly<Record<string, { readonly pictures: number; readonly captions: number }>>;
  /** The rule for pictures without a split; null if there are no such pictures. */
  readonly splitRule: string | null;
  readonly findings: Readonly<
    Partial<Record<Finding, { readonly count: number; readonly means: string; readonly examples: readonly string[] }>>
  >;
  /** Pictures written by this call and by earlier ones. */
  readonly written: number;
  readonly kept: number;
  readonly seconds: number;
}

/** Counts and first examples of each problem, as text. */
export function describeSummary(report: PreparationSummary, to: string): string {
  const { pictures, captions, splits, splitRule, findings, written, kept, seconds } = report;
  const lines = [
    `${to}: ${pluralise(pictures, 'picture')} with ${pluralise(captions, 'caption')}, ` +
      `from ${report.from} (${report.form})`,
    ...Object.entries(splits).map(
      ([name, counts]) =>
        `  ${name.padEnd(6)} ${pluralise(counts.pictures, 'picture')}, ${pluralise(counts.captions, 'caption')}`,
    ),
    `${pluralise(written, 'picture')} written, ${kept} there already, ${seconds} s`,
  ];
  if (splitRule !== null) lines.push(`splits without a name: ${splitRule}`);
  for (const [what, { count, means, examples }] of Object.entries(findings)) {
    lines.push(`${what} ${count}: ${means}`);
    for (const example of examples.slice(0, 3)) lines.push(`    ${example}`);
    if (count > 3) lines.push('    ...');
  }
  return lines.join('\n');
}
