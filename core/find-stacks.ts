import { setImmediate as nextTurn } from 'node:timers/promises';
import { SightlineError } from './errors.ts';
import {
  areAlike,
  bitsApart,
  HASH_WORDS,
  type Look,
  lookOf,
  MAX_BITS,
  MIN_COSINE,
} from './picture/near-duplicate-rule.ts';
import type { VectorStore } from './ports.ts';
import type { ImagePayload, JointEmbedding, Page } from './types.ts';
import { everyItem } from './util/paginate.ts';
import { dot } from './util/vector-arithmetic.ts';
import { decodeCursor, encodeCursor, fingerprint } from './vectors/store-cursor.ts';

/** Pictures that are copies of each other: the same bytes, or resized, recompressed or slightly edited. */

/** Two hashes that differ in at most `MAX_BITS` bits agree in at least one of these bands. */
const BANDS = MAX_BITS + 1;
const NO_HASH = new Uint32Array(HASH_WORDS);
const PAGE = 1000;
/** Largest collection: all its pictures are read, and a caller waits half a minute at most. */
const MAX_PICTURES = 500_000;
/** Stacks are recomputed after this time even if the collection seems unchanged. */
const MAX_AGE_MS = 60_000;

export interface Stack {
  /** Two or more: most pixels first, then most bytes, then most tags. */
  readonly ids: readonly string[];
  /** Bytes of all pictures but the first. */
  readonly spareBytes: number;
}

export interface StackPage extends Page<Stack> {
  /** Number of stacks on all pages. */
  readonly total: number;
  /** All pictures but the first of each stack, on all pages, and their bytes. */
  readonly spare: { readonly pictures: number; readonly bytes: number };
}

export interface Stacks {
  /**
   * The stacks of the collection, those with the most bytes to spare first.
   * @throws {invalid-cursor}
   * @throws {too-large} when the collection has too many pictures
   */
  list(options: { limit: number; cursor?: string }): Promise<StackPage>;
}

/** The stacks of a store, cached until the collection seems to have changed. */
export function createStacks(vectors: VectorStore, maxPictures = MAX_PICTURES): Stacks {
  let known: { readonly state: string; readonly at: number; readonly stacks: readonly Stack[] } | undefined;
  let finding: Promise<readonly Stack[]> | undefined;
  const find = async (state: string) => {
    try {
      known = { state, at: performance.now(), stacks: await findStacks(vectors) };
      return known.stacks;
    } finally {
      finding = undefined;
    }
  };
  const current = async () => {
    const state = await stateOf(vectors, maxPictures);
    if (known?.state === state && performance.now() - known.at < MAX_AGE_MS) return known.stacks;
    // Concurrent callers share one computation.
    finding ??= find(state);
    return finding;
  };
  const of = fingerprint(['stacks']);
  return {
    async list({ limit, cursor }) {
      const [spareBytes, first] = cursor === undefined ? [] : decodeCursor(of, cursor, ['number', 'string']);
      const stacks = await current();
      const isAfter = (stack: Stack) =>
        spareBytes === undefined || inOrder(stack, { spareBytes: spareBytes as number, ids: [first as string] }) > 0;
      const rest = stacks.filter(isAfter);
      const items = rest.slice(0, limit);
      const last = items.at(-1);
      const next = rest.length > limit && last ? encodeCursor(of, [last.spareBytes, last.ids[0]!]) : undefined;
      const bytes = stacks.reduce((sum, stack) => sum + stack.spareBytes, 0);
      const pictures = stacks.reduce((sum, { ids }) => sum + ids.length - 1, 0);
      return { items, next, total: stacks.length, spare: { pictures, bytes } };
    },
  };
}

/** A fingerprint of the collection that changes with most additions and removals, and is cheap to get. */
async function stateOf(vectors: VectorStore, maxPictures: number): Promise<string> {
  const filter = { kind: 'image' } as const;
  const [count, { items }] = await Promise.all([
    vectors.count(filter),
    vectors.list({ filter, limit: 1, order: 'newest' }),
  ]);
  if (count > maxPictures) {
    throw new SightlineError('too-large', `expected at most ${maxPictures} pictures to compare, got ${count}`);
  }
  return `${count} ${items[0]?.id} ${items[0]?.payload.indexedAt}`;
}

function inOrder(a: Stack, b: Stack): number {
  return b.spareBytes - a.spareBytes || (a.ids[0]! < b.ids[0]! ? -1 : a.ids[0] === b.ids[0] ? 0 : 1);
}

/** All stacks in order: pictures with the same bytes, or alike by hash, clock time and vector. */
export async function findStacks(vectors: VectorStore): Promise<Stack[]> {
  const { ids, groups } = await findCandidates(vectors);
  const stacks: Stack[] = [];
  for (let next = 0; next < groups.length; ) {
    const batch: number[][] = [];
    for (let count = 0; next < groups.length && count < PAGE; count += groups[next++]!.length)
      batch.push(groups[next]!);
    const all = batch.flatMap((group) => group.map((i) => ids[i]!));
    const [points, found] = await Promise.all([vectors.get(all), vectors.vectors(all)]);
    const copies = batch.map((group) =>
      group.flatMap((i): Copy[] => {
        const [id, point, vector] = [ids[i]!, points.get(ids[i]!), found.get(ids[i]!)];
        const isThere = point !== undefined && !point.deleted && point.payload.kind === 'image' && vector !== undefined;
        if (!isThere) return [];
        const picture = point.payload as ImagePayload;
        return [{ id, picture, look: lookOf(picture), vector }];
      }),
    );
    for (const group of copies) stacks.push(...(await stacksAmong(group)));
  }
  return stacks.sort(inOrder);
}

/** Possible copies, as indices into `ids`: there are many, so little is kept of each. */
async function findCandidates(vectors: VectorStore): Promise<{ ids: string[]; groups: number[][] }> {
  const ids: string[] = [];
  const hashes: number[] = [];
  const told: number[] = [];
  const same: (readonly [number, number])[] = [];
  const bySha = new Map<number, number>();
  const filter = { kind: 'image' } as const;
  const pictures = everyItem((cursor) => vectors.list({ filter, limit: PAGE, cursor, order: 'id' }));
  for await (const { id, payload } of pictures) {
    if (payload.kind !== 'image') continue;
    const { words } = lookOf(payload);
    const sign = Number.parseInt(payload.sha256.slice(-12), 16);
    const i = ids.push(id) - 1;
    hashes.push(...(words ?? NO_HASH));
    const first = bySha.get(sign);
    if (first !== undefined) same.push([first, i]);
    else bySha.set(sign, i);
    if (first === undefined && words !== null) told.push(i);
  }
  const groups = new Groups(ids.length);
  for (const [a, b] of same) groups.join(a, b);
  await joinAlike(Uint32Array.from(hashes), told, groups);
  return { ids, groups: groups.list() };
}

/** Joins pictures whose hashes differ in at most `MAX_BITS` bits. */
async function joinAlike(words: Uint32Array, told: readonly number[], groups: Groups): Promise<void> {
  const areNear = (a: number, b: number) => bitsApart(words, a, words, b, MAX_BITS) <= MAX_BITS;
  // Of the pictures with one value of a band, those joined already are one chain: the first that is near decides for
  // all, or thousands of nearly the same would each be compared with each. `before` links the chains' heads.
  const before = new Int32Array(words.length / HASH_WORDS);
  const chain = new Int32Array(before.length);
  for (let band = 0; band < BANDS; band++) {
    const latest = new Int32Array(2 ** Math.ceil((HASH_WORDS * 32) / BANDS)).fill(-1);
    for (const i of told) {
      const value = bandOf(words, i, band);
      let own = -1;
      for (let head = latest[value]!; head >= 0; head = before[head]!) {
        let other = head;
        while (other >= 0 && !areNear(i, other)) other = chain[other]!;
        if (other < 0) continue;
        groups.join(i, head);
        own = head;
      }
      if (own >= 0) {
        chain[i] = chain[own]!;
        chain[own] = i;
      } else {
        chain[i] = -1;
        before[i] = latest[value]!;
        latest[value] = i;
      }
    }
    await nextTurn();
  }
}

/** Every eleventh bit, starting at `band`: neighbouring bits cover one area of a picture, which may be plain. */
function bandOf(words: Uint32Array, i: number, band: number): number {
  let key = 0;
  for (let bit = band; bit < HASH_WORDS * 32; bit += BANDS) {
    key = (key << 1) | ((words[i * HASH_WORDS + (bit >>> 5)]! >>> (bit & 31)) & 1);
  }
  return key;
}

interface Copy {
  readonly id: string;
  readonly picture: ImagePayload;
  readonly look: Look;
  readonly vector: JointEmbedding;
}

/** The stacks among some candidates, with every criterion applied. */
async function stacksAmong(copies: readonly Copy[]): Promise<Stack[]> {
  const groups = new Groups(copies.length);
  const bySha = new Map<string, number>();
  for (const [i, { picture }] of copies.entries()) {
    const first = bySha.get(picture.sha256);
    if (first === undefined) bySha.set(picture.sha256, i);
    else groups.join(first, i);
  }
  // Two seconds are two photos: each picture is compared with those of its own second and those without one.
  const bySecond = Map.groupBy(bySha.values(), (i) => copies[i]!.look.moment?.second);
  const undated = bySecond.get(undefined) ?? [];
  let [apart, rows] = [bySha.size - 1, 0];
  for (const own of bySecond.values()) {
    for (const [at, i] of own.entries()) {
      if (apart === 0) break;
      for (const j of [...own.slice(at + 1), ...(own === undated ? [] : undated)]) {
        if (groups.isJoined(i, j) || !isCopy(copies[i]!, copies[j]!)) continue;
        groups.join(i, j);
        apart--;
      }
      if (++rows % 100 === 0) await nextTurn();
    }
  }
  return groups.list().map((group) => stackOf(group.map((i) => copies[i]!)));
}

function isCopy(a: Copy, b: Copy): boolean {
  return areAlike(a.look, b.look) && dot(a.vector, b.vector) >= MIN_COSINE;
}

function stackOf(copies: readonly Copy[]): Stack {
  const pixels = ({ picture }: Copy) => picture.width * picture.height;
  const place = ({ picture }: Copy) => `${picture.bucket}/${picture.key}`;
  const [largest, ...rest] = copies.toSorted(
    (a, b) =>
      pixels(b) - pixels(a) ||
      b.picture.bytes - a.picture.bytes ||
      // What people said of one of the same bytes is not lost, and of two folders it is always the same that keeps its.
      b.picture.tags.length - a.picture.tags.length ||
      (place(a) < place(b) ? -1 : 1),
  );
  const spareBytes = rest.reduce((sum, { picture }) => sum + picture.bytes, 0);
  return { ids: [largest!, ...rest].map(({ id }) => id), spareBytes };
}

/** Groups of numbers connected by pairs (union-find). */
class Groups {
  readonly #parents: Int32Array;

  constructor(size: number) {
    this.#parents = Int32Array.from({ length: size }, (_, i) => i);
  }

  join(a: number, b: number): void {
    this.#parents[this.#rootOf(a)] = this.#rootOf(b);
  }

  isJoined(a: number, b: number): boolean {
    return this.#rootOf(a) === this.#rootOf(b);
  }

  /** Groups of two or more. */
  list(): number[][] {
    const sizes = new Int32Array(this.#parents.length);
    for (const i of this.#parents.keys()) sizes[this.#rootOf(i)]!++;
    const joined = [...this.#parents.keys()].filter((i) => sizes[this.#rootOf(i)]! > 1);
    return [...Map.groupBy(joined, (i) => this.#rootOf(i)).values()];
  }

  #rootOf(i: number): number {
    while (this.#parents[i] !== i) {
      this.#parents[i] = this.#parents[this.#parents[i]!]!;
      i = this.#parents[i]!;
    }
    return i;
  }
}
