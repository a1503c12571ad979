import { setImmediate as nextTurn } from 'node:timers/promises';
import { bitsApart, HASH_WORDS, hashDistance, hashWords, isPlain } from './encode/look.ts';
import type { VectorStore } from './ports.ts';
import type { ImagePayload, Page } from './types.ts';
import { dot } from './vector-arithmetic.ts';
import { decodeCursor, encodeCursor, fingerprint } from './vectors/cursor.ts';

/** Pictures that are copies of each other: of the same bytes, or smaller, compressed again, or a little changed. */

/** Bits of the perceptual hash in which copies differ at most: see docs/decisions/0024-copies.md. */
export const MAX_BITS = 10;
/** Cosine of the vectors of copies, at least: much smaller ones have no more, and few different photos as much. */
export const MIN_COSINE = 0.25;
/** Two hashes that differ in `MAX_BITS` bits have one of so many bands in common. */
const BANDS = MAX_BITS + 1;
const PAGE = 1000;
/** What is known of the collection is looked at again after so long, whatever it seems to have become. */
const MAX_AGE_MS = 60_000;

export interface Stack {
  /** Two or more, the one with the most pixels first, of those the one with the most bytes. */
  readonly ids: readonly string[];
  /** Of all but the first. */
  readonly spareBytes: number;
}

export interface StackPage extends Page<Stack> {
  /** Of all pages. */
  readonly total: number;
  /** Pictures beside the first of each stack, on all pages, and their bytes. */
  readonly spare: { readonly pictures: number; readonly bytes: number };
}

export interface Stacks {
  /**
   * The stacks of the collection, those with the most bytes to spare first.
   * @throws {invalid-cursor}
   */
  list(options: { limit: number; cursor?: string }): Promise<StackPage>;
}

/** What is asked of one picture to find its copies. */
interface Look extends Pick<ImagePayload, 'sha256' | 'bytes'> {
  readonly id: string;
  readonly pixels: number;
  /** By the camera; copies keep it or lose it. */
  readonly clock: string | null;
  readonly hash: string | null;
}

/** The stacks of a store; what was found is kept until something seems to have changed. */
export function createStacks(vectors: VectorStore): Stacks {
  let known: { readonly state: string; readonly at: number; readonly stacks: Promise<readonly Stack[]> } | undefined;
  const current = async () => {
    const state = await stateOf(vectors);
    if (known === undefined || known.state !== state || performance.now() - known.at > MAX_AGE_MS) {
      const stacks = findStacks(vectors);
      known = { state, at: performance.now(), stacks };
      stacks.catch(() => {
        known = undefined;
      });
    }
    return known.stacks;
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

/** Another text when pictures came or went, as far as that can be told at once. */
async function stateOf(vectors: VectorStore): Promise<string> {
  const filter = { kind: 'image' } as const;
  const [count, { items }] = await Promise.all([
    vectors.count(filter),
    vectors.list({ filter, limit: 1, order: 'newest' }),
  ]);
  return `${count} ${items[0]?.id} ${items[0]?.payload.indexedAt}`;
}

function inOrder(a: Stack, b: Stack): number {
  return b.spareBytes - a.spareBytes || (a.ids[0]! < b.ids[0]! ? -1 : a.ids[0] === b.ids[0] ? 0 : 1);
}

/** All stacks in their order: of the same bytes, or alike by hash, clock and vector. */
export async function findStacks(vectors: VectorStore): Promise<Stack[]> {
  const looks = await readLooks(vectors);
  const stacks = new Groups(looks.length);
  const first = new Map<string, number>();
  for (const [i, { sha256 }] of looks.entries()) {
    if (!first.has(sha256)) first.set(sha256, i);
    else stacks.join(first.get(sha256)!, i);
  }
  const different = [...first.values()];
  for (const group of await alikeByHash(different.map((i) => looks[i]!))) {
    await joinCopies(
      vectors,
      looks,
      group.map((at) => different[at]!),
      stacks,
    );
  }
  return stacks
    .list()
    .map((group) => stackOf(group.map((i) => looks[i]!)))
    .sort(inOrder);
}

function stackOf(looks: readonly Look[]): Stack {
  const [largest, ...rest] = looks.toSorted(
    (a, b) => b.pixels - a.pixels || b.bytes - a.bytes || (a.id < b.id ? -1 : 1),
  );
  return { ids: [largest!, ...rest].map(({ id }) => id), spareBytes: rest.reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function readLooks(vectors: VectorStore): Promise<Look[]> {
  const looks: Look[] = [];
  let cursor: string | undefined;
  do {
    const page = await vectors.list({ filter: { kind: 'image' }, limit: PAGE, cursor, order: 'id' });
    for (const { id, payload } of page.items) if (payload.kind === 'image') looks.push(lookOf(id, payload));
    cursor = page.next;
  } while (cursor !== undefined);
  return looks;
}

function lookOf(id: string, { sha256, bytes, width, height, takenAt, takenFrom, perceptualHash }: ImagePayload): Look {
  const clock = takenFrom === 'exif' ? takenAt : null;
  return { id, sha256, bytes, pixels: width * height, clock, hash: perceptualHash };
}

/** Groups of two and more whose hashes hang together by pairs of `MAX_BITS` bits; plain ones are alone. */
async function alikeByHash(looks: readonly Look[]): Promise<number[][]> {
  const words = new Uint32Array(looks.length * HASH_WORDS);
  const told: number[] = [];
  for (const [i, { hash }] of looks.entries()) {
    if (hash === null || isPlain(hash)) continue;
    words.set(hashWords(hash), i * HASH_WORDS);
    told.push(i);
  }
  const groups = new Groups(looks.length);
  const before = new Int32Array(looks.length);
  for (let band = 0; band < BANDS; band++) {
    // The last with each value of the band; `before` leads to the others.
    const latest = new Int32Array(2 ** Math.ceil((HASH_WORDS * 32) / BANDS)).fill(-1);
    for (const i of told) {
      const value = bandOf(words, i, band);
      before[i] = latest[value]!;
      latest[value] = i;
      for (let other = before[i]!; other >= 0; other = before[other]!) {
        if (bitsApart(words, i, other, MAX_BITS) <= MAX_BITS) groups.join(i, other);
      }
    }
    await nextTurn();
  }
  return groups.list();
}

/** Every eleventh bit, from one of the first eleven on: neighbouring bits are of one part of a picture, maybe plain. */
function bandOf(words: Uint32Array, i: number, band: number): number {
  let key = 0;
  for (let bit = band; bit < HASH_WORDS * 32; bit += BANDS) {
    key = (key << 1) | ((words[i * HASH_WORDS + (bit >>> 5)]! >>> (bit & 31)) & 1);
  }
  return key;
}

/** Joins those of a group that are copies in every respect. */
async function joinCopies(vectors: VectorStore, looks: readonly Look[], group: readonly number[], stacks: Groups) {
  const found = await vectors.vectors(group.map((i) => looks[i]!.id));
  for (const [at, i] of group.entries()) {
    for (const j of group.slice(at + 1)) {
      if (stacks.isJoined(i, j)) continue;
      const [a, b] = [looks[i]!, looks[j]!];
      const [u, v] = [found.get(a.id), found.get(b.id)];
      if (u && v && isAlike(a, b) && dot(u, v) >= MIN_COSINE) stacks.join(i, j);
    }
    if (at % 100 === 99) await nextTurn();
  }
}

function isAlike(a: Look, b: Look): boolean {
  if (a.clock !== null && b.clock !== null && !isSameMoment(a.clock, b.clock)) return false;
  return hashDistance(a.hash!, b.hash!) <= MAX_BITS;
}

/** To the millisecond where both say it, otherwise to the second. */
function isSameMoment(a: string, b: string): boolean {
  const [, second, ms] = CLOCK.exec(a) ?? [];
  const [, otherSecond, otherMs] = CLOCK.exec(b) ?? [];
  return second === otherSecond && (ms === otherMs || ms === '000' || otherMs === '000');
}

const CLOCK = /^(.{19})\.?(\d{3})?/;

/** Numbers that hang together by pairs. */
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

  /** Groups of two and more. */
  list(): number[][] {
    const groups = Map.groupBy(this.#parents.keys(), (i) => this.#rootOf(i));
    return [...groups.values()].filter(({ length }) => length > 1);
  }

  #rootOf(i: number): number {
    while (this.#parents[i] !== i) {
      this.#parents[i] = this.#parents[this.#parents[i]!]!;
      i = this.#parents[i]!;
    }
    return i;
  }
}
