import { createHash } from 'node:crypto';

/** Assigns a split to each picture: the stated one, otherwise by rule. */

const NAMES: Readonly<Record<string, string>> = {
  train: 'train',
  training: 'train',
  restval: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  dev: 'val',
  test: 'test',
  testing: 'test',
};

/**
 * Maps the usual names to `train`, `val` or `test`; keeps other names; null for an empty one. `restval` is training, as
 * in all publications on Karpathy's splits of COCO.
 */
export function splitNamed(name: string | null | undefined): string | null {
  const trimmed = name?.trim() ?? '';
  return trimmed === '' ? null : (NAMES[trimmed.toLowerCase()] ?? trimmed);
}

/**
 * The split in a path such as `annotations/captions_train2017.json` or `shards/flickr-val-003.tar`: the last word that
 * names a split.
 */
export function splitInPath(path: string): string | null {
  const words = path.toLowerCase().match(/[a-z]+/g) ?? [];
  return words.map((word) => NAMES[word]).findLast((split) => split !== undefined) ?? null;
}

/** Shares of validation and test, in percent. */
export interface SplitShares {
  readonly val: number;
  readonly test: number;
}

/**
 * The default rule: the first 32 bits of the picture's SHA-256 modulo 100. Values below `val` are validation, the next
 * `test` values are test, the rest is training. Depends only on the picture: adding pictures does not move others, and
 * identical files stay together.
 */
export function splitByHash(sha256: string, { val, test }: SplitShares): string {
  const bucket = Number.parseInt(sha256.slice(0, 8), 16) % 100;
  return bucket < val ? 'val' : bucket < val + test ? 'test' : 'train';
}

/** The default shares. */
export const USUAL_SHARES: SplitShares = { val: 10, test: 10 };

/**
 * Splits these pictures by name alone: in the order of the names' SHA-256, the first `val` percent are validation, the
 * next are test, the rest is training. The shares are exact even for few pictures, and a new picture moves hardly any
 * other.
 */
export function splitByName(names: Iterable<string>, { val, test }: SplitShares): Map<string, string> {
  const hash = (name: string) => createHash('sha256').update(name).digest('hex');
  const order = [...names].map((name) => [hash(name), name] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  const share = (percent: number) => Math.round((order.length * percent) / 100);
  const split = (i: number) => (i < share(val) ? 'val' : i < share(val + test) ? 'test' : 'train');
  return new Map(order.map(([, name], i) => [name, split(i)]));
}

export function describeRule({ val, test }: SplitShares): string {
  const below = `below ${val} val, below ${val + test} test, else train`;
  return `by the first 32 bits of the picture's SHA-256 modulo 100: ${below}`;
}
