import { areAlike, type Look, lookOf, MAX_BITS } from '../../core/picture/near-duplicate-rule.ts';
import { type ImageItem, type Item, isImage } from '../client.ts';

/** Number of parts a hash is split into: hashes that differ in up to `MAX_BITS` bits share at least one part. */
const parts = Array.from({ length: MAX_BITS + 1 }, (_, i) => [i * 3, i * 3 + 3] as const);

export interface Folded {
  /** The list with one item per stack. */
  readonly items: readonly Item[];
  /** The other pictures of each stack, by the id of the picture that represents it. */
  readonly copies: ReadonlyMap<string, readonly ImageItem[]>;
}

interface Seen {
  readonly image: ImageItem;
  readonly look: Look;
}

/**
 * Folds each copy into the first copy in the list. Copies have the same bytes or look the same by their hashes.
 * Continues from the last result if the list begins with the same items, since lists grow page by page.
 */
export class CopyFolder {
  #items: readonly Item[] = [];
  #folded: Item[] = [];
  #stacks = new Map<ImageItem, ImageItem[]>();
  /** Keys of which copies share at least one. */
  #bySign = new Map<string | number, Seen[]>();

  /** `shown` represents its stack, wherever in the stack it is. */
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
    const seen = { image: item, look: lookOf(item) };
    const signs = signsOf(seen);
    const first = this.#copiedBy(seen, signs);
    if (first) {
      push(this.#stacks, first, item);
      return;
    }
    this.#folded.push(item);
    for (const sign of signs) push(this.#bySign, sign, seen);
  }

  #copiedBy(seen: Seen, signs: readonly (string | number)[]): ImageItem | undefined {
    for (const sign of signs) {
      const found = this.#bySign.get(sign)?.find((one) => isCopy(one, seen));
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

function signsOf({ image, look }: Seen): (string | number)[] {
  if (look.words === null) return [image.sha256];
  return [
    image.sha256,
    ...parts.map(([from, end], i) => i * 4096 + Number.parseInt(image.perceptualHash!.slice(from, end), 16)),
  ];
}

function isCopy(a: Seen, b: Seen): boolean {
  return a.image.sha256 === b.image.sha256 || areAlike(a.look, b.look);
}
