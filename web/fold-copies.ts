import { type ImageItem, type Item, isImage } from './client.ts';

/** Bits of their perceptual hashes in which copies differ at most; the server has the same limit. */
const maxBits = 10;
/** A hash with fewer ones is of a plain wall, or of fog: many pictures have it. */
const fewestOnes = 16;
/** Of two hashes that differ in ten bits, one of eleven parts is the same. */
const parts = Array.from({ length: maxBits + 1 }, (_, i) => [i * 3, i * 3 + 3] as const);

export interface Folded {
  /** The list with one item of each stack. */
  readonly items: readonly Item[];
  /** The other pictures of each stack, by the id of the one that stands for it. */
  readonly copies: ReadonlyMap<string, readonly ImageItem[]>;
}

/**
 * Folds pictures that are copies of one before them in the list into that one: of the same bytes, or such that look the
 * same by their hashes. `shown` stands for its own stack, wherever in it it is.
 */
export function fold(items: readonly Item[], shown?: string): Folded {
  const stacks = new Map<ImageItem, ImageItem[]>();
  const bySign = new Map<string, ImageItem[]>();
  const folded: Item[] = [];
  for (const item of items) {
    if (!isImage(item)) {
      folded.push(item);
      continue;
    }
    const signs = signsOf(item);
    const first = signs.flatMap((sign) => bySign.get(sign) ?? []).find((one) => isCopy(one, item));
    if (first) {
      stacks.set(first, [...(stacks.get(first) ?? []), item]);
      continue;
    }
    folded.push(item);
    for (const sign of signs) bySign.set(sign, [...(bySign.get(sign) ?? []), item]);
  }
  return inFrontOf(folded, stacks, shown);
}

function inFrontOf(items: Item[], stacks: Map<ImageItem, ImageItem[]>, shown: string | undefined): Folded {
  const copies = new Map<string, readonly ImageItem[]>();
  for (const [first, others] of stacks) {
    const front = others.find(({ id }) => id === shown) ?? first;
    if (front !== first) items[items.indexOf(first)] = front;
    copies.set(
      front.id,
      [first, ...others].filter((one) => one !== front),
    );
  }
  return { items, copies };
}

/** What a copy has one of in common. */
function signsOf({ sha256, perceptualHash }: ImageItem): string[] {
  if (perceptualHash === null || ones(perceptualHash) < fewestOnes) return [sha256];
  return [sha256, ...parts.map(([from, end]) => `${from} ${perceptualHash.slice(from, end)}`)];
}

function isCopy(a: ImageItem, b: ImageItem): boolean {
  if (a.sha256 === b.sha256) return true;
  if (a.takenFrom === 'exif' && b.takenFrom === 'exif' && !isSameMoment(a.takenAt, b.takenAt)) return false;
  return (
    a.perceptualHash !== null && b.perceptualHash !== null && bitsApart(a.perceptualHash, b.perceptualHash) <= maxBits
  );
}

/** By the clock of the camera, which copies keep or lose: to the millisecond where both say it, else to the second. */
function isSameMoment(a: string | null, b: string | null): boolean {
  const [, second, ms] = clock.exec(a ?? '') ?? [];
  const [, otherSecond, otherMs] = clock.exec(b ?? '') ?? [];
  return second === otherSecond && (ms === otherMs || ms === '000' || otherMs === '000');
}

const clock = /^(.{19})\.?(\d{3})?/;

function bitsApart(a: string, b: string): number {
  let bits = 0;
  for (let i = 0; i < a.length; i++) bits += onesIn[Number.parseInt(a[i]!, 16) ^ Number.parseInt(b[i]!, 16)]!;
  return bits;
}

function ones(hash: string): number {
  return bitsApart(hash, '0'.repeat(hash.length));
}

const onesIn = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];
