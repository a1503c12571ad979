/** The classes that an image encoder recognises in a picture, stored with it: the likeliest of its logits. */

/** Output of an image encoder with one number per class. */
export const LOGITS = 'logits';
/** File with the names of the classes, beside the model. */
export const CLASSES_FILE = 'classes.json';

/** Number of classes kept; more work less well (docs/decisions/0047-honest-answers.md). */
const KEPT = 5;

export interface SeenClass {
  /** Index in the logits. */
  readonly index: number;
  /** Its probability, 0 to 1. */
  readonly share: number;
}

/**
 * The likeliest classes as text, such as `281:61 282:20`: their indices with percentages, without those below half a
 * percent.
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
