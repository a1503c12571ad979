import { type ImageItem, type Item, isImage } from '../client.ts';

/** Bits of their perceptual hashes in which copies differ at most; the server has the same limit. */
const maxBits = 10;
/** A hash with fewer ones is of a plain wall, or of fog: many pictures have it. */
const fewestOnes = 16;
/** Parts of a hash: two hashes that differ in ten bits have one of eleven in common. */
const parts = Array.from({ length: maxBits + 1 }, (_, i) => [i * 3, i * 3 + 3] as const);

export interface Folded {
  /** The list with one item of each stack. */
  readonly items: readonly Item[];
  /** The other pictures of each stack, by the id of the one that stands for it. */
  readonly copies: ReadonlyMap<string, readonly ImageItem[]>;
}

interface Look {
  readonly image: ImageItem;
  /** The bits of its hash; undefined where it says nothing. */
  readonly bits?: Int32Array;
}

/**
 * Folds pictures that are copies of one before them in the list into that one: of the same bytes, or such that look the
 * same by their hashes. A list that begins with the last one is gone on with: lists grow page by page.
 */
export class CopyFolder {
  #items: readonly Item[] = [];
  #folded: Item[] = [];
  #stacks = new Map<ImageItem, ImageItem[]>();
  /** By what copies have one of in common. */
  #bySign = new Map<string | number, Look[]>();

  /** `shown` stands for its own stack, wherever in it it is. */
  fold(items: readonly Item[], shown?: string): Folded {
    const known = this.#items;
    const grows = known.length <= items.length && known.every((item, i) => item === items[i]);
    if (!grows) {
      this.#folded = [];
      this.#stacks.clear();
      this.#bySign.clear();
    }
    for (let i = grows ? known.length : 0; i < items.length; i++) this.#add(items[i]!);
    this.#items = items;
    return inFrontOf([...this.#folded], this.#stacks, shown);
  }

  #add(item: Item): void {
    if (!isImage(item)) {
      this.#folded.push(item);
      return;
    }
    const look = { image: item, bits: bitsOf(item) };
    const signs = signsOf(look);
    const first = this.#copiedBy(look, signs);
    if (first) {
      push(this.#stacks, first, item);
      return;
    }
    this.#folded.push(item);
    for (const sign of signs) push(this.#bySign, sign, look);
  }

  #copiedBy(look: Look, signs: readonly (string | number)[]): ImageItem | undefined {
    for (const sign of signs) {
      const found = this.#bySign.get(sign)?.find((one) => isCopy(one, look));
      if (found) return found.image;
    }
    return;
  }
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
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

function bitsOf({ perceptualHash }: ImageItem): Int32Array | undefined {
  if (perceptualHash === null) return;
  const bits = Int32Array.from({ length: 4 }, (_, i) => Number.parseInt(perceptualHash.slice(i * 8, i * 8 + 8), 16));
  return bits.reduce((ones, word) => ones + onesIn(word), 0) < fewestOnes ? undefined : bits;
}

function signsOf({ image, bits }: Look): (string | number)[] {
  if (bits === undefined) return [image.sha256];
  return [
    image.sha256,
    ...parts.map(([from, end], i) => i * 4096 + Number.parseInt(image.perceptualHash!.slice(from, end), 16)),
  ];
}

function isCopy(one: Look, other: Look): boolean {
  const [a, b] = [one.image, other.image];
  if (a.sha256 === b.sha256) return true;
  if (one.bits === undefined || other.bits === undefined || bitsApart(one.bits, other.bits) > maxBits) return false;
  return a.takenFrom !== 'exif' || b.takenFrom !== 'exif' || isSameMoment(a.takenAt, b.takenAt);
}

/** By the clock of the camera, which copies keep or lose: to the millisecond where both say it, else to the second. */
function isSameMoment(a: string | null, b: string | null): boolean {
  const [, second, ms] = clock.exec(a ?? '') ?? [];
  const [, otherSecond, otherMs] = clock.exec(b ?? '') ?? [];
  return second === otherSecond && (ms === otherMs || ms === '000' || otherMs === '000');
}

const clock = /^(.{19})\.?(\d{3})?/;

function bitsApart(a: Int32Array, b: Int32Array): number {
  return onesIn(a[0]! ^ b[0]!) + onesIn(a[1]! ^ b[1]!) + onesIn(a[2]! ^ b[2]!) + onesIn(a[3]! ^ b[3]!);
}

/** How many of 32 bits are 1. */
function onesIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
