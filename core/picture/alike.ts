/**
 * Whether two pictures look like copies of each other, as the server and the page judge it: see
 * docs/decisions/0024-copies.md.
 */

/** Bits of the perceptual hash in which copies differ at most. */
export const MAX_BITS = 10;
/** Words of 32 bits that a hash has. */
export const HASH_WORDS = 4;
/** Hashes with fewer ones say nothing: they are of plain walls, fog, black frames. */
const FEWEST_ONES = 16;
/** The clock time of a date, to the second, and its milliseconds. */
const CLOCK = /^(.{19})\.?(\d{3})?/;

/** What is compared of a picture. */
export interface Look {
  /** The words of its hash; null where that says nothing. */
  readonly words: Uint32Array | null;
  /** When the camera says that it was taken; null where another source does, or none. Copies keep it or lose it. */
  readonly moment: { readonly second: string; readonly ms: string } | null;
}

/** What is compared of a picture, by its fields as the index keeps them. */
export function lookOf(picture: {
  readonly perceptualHash: string | null;
  readonly takenAt: string | null;
  readonly takenFrom: string | null;
}): Look {
  const { perceptualHash: hash, takenAt, takenFrom } = picture;
  const [, second, ms = '000'] = (takenFrom === 'exif' && CLOCK.exec(takenAt ?? '')) || [];
  return {
    words: hash === null || isPlain(hash) ? null : hashWords(hash),
    moment: second === undefined ? null : { second, ms },
  };
}

/** Whether two hashes differ in at most `MAX_BITS` bits, and no camera says that they are of two moments. */
export function areAlike(a: Look, b: Look): boolean {
  if (a.words === null || b.words === null || bitsApart(a.words, 0, b.words, 0, MAX_BITS) > MAX_BITS) return false;
  return a.moment === null || b.moment === null || isSameMoment(a.moment, b.moment);
}

/** To the millisecond where both say it, otherwise to the second. */
function isSameMoment(a: NonNullable<Look['moment']>, b: NonNullable<Look['moment']>): boolean {
  return a.second === b.second && (a.ms === b.ms || a.ms === '000' || b.ms === '000');
}

/** The four words of a hash of 32 hexadecimal digits. */
export function hashWords(hash: string): Uint32Array {
  return Uint32Array.from({ length: HASH_WORDS }, (_, word) => Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16));
}

/**
 * Bits in which two hashes differ, 0 to 128, no matter how many beyond `enough`: hash number `i` of the words `a`, and
 * number `j` of `b`.
 */
export function bitsApart(
  a: Uint32Array,
  i: number,
  b: Uint32Array,
  j: number,
  enough = Number.POSITIVE_INFINITY,
): number {
  let bits = 0;
  for (let word = 0; word < HASH_WORDS && bits <= enough; word++) {
    bits += ones(a[i * HASH_WORDS + word]! ^ b[j * HASH_WORDS + word]!);
  }
  return bits;
}

/** Bits in which two hashes differ, 0 to 128. */
export function hashDistance(a: string, b: string): number {
  return bitsApart(hashWords(a), 0, hashWords(b), 0);
}

/** Whether a hash is of a picture in which next to nothing can be told apart. */
export function isPlain(hash: string): boolean {
  return hashWords(hash).reduce((sum, word) => sum + ones(word), 0) < FEWEST_ONES;
}

/** How many of 32 bits are 1. */
function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
