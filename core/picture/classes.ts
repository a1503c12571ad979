/** What an image encoder takes a picture for, as it is kept with the picture: the likeliest classes of its logits. */

/** Output of an image encoder with one number a class. */
export const LOGITS = 'logits';
/** The names of the classes, beside a model that has them. */
export const CLASSES_FILE = 'classes.json';

/** Classes that are kept; more of them say less (docs/decisions/0047-honest-answers.md). */
const KEPT = 5;

export interface SeenClass {
  /** Row of the logits. */
  readonly index: number;
  /** How likely it is, 0 to 1. */
  readonly share: number;
}

/**
 * The likeliest classes as text, such as `281:61 282:20`: their numbers with percentages, without those that are below
 * half a percent.
 */
export function packClasses(logits: Float32Array): string {
  const largest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  return order
    .slice(0, KEPT)
    .map((index) => [index, Math.round((100 * Math.exp(logits[index]! - largest)) / total)])
    .filter(([, percent]) => percent !== 0)
    .map((pair) => pair.join(':'))
    .join(' ');
}

export function unpackClasses(text: string): SeenClass[] {
  return Array.from(text.matchAll(/(\d+):(\d+)/g), ([, index, percent]) => ({
    index: Number(index),
    share: Number(percent) / 100,
  }));
}
