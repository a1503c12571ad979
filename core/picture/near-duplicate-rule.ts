/**
 * Decides whether two pictures look like copies of each other, for server and page: see docs/decisions/0024-copies.md.
 */

/** Maximum number of differing bits between perceptual hashes of copies. */
export const MAX_BITS = 10;
/** Minimum cosine between copies: much smaller copies reach no more, and few different photos as much. */
export const MIN_COSINE = 0.3;
/** Number of 32-bit words in a hash. */
export const HASH_WORDS = 4;
/** Hashes with fewer ones are meaningless: plain walls, fog, black frames. */
const FEWEST_ONES = 16;
/** The clock time of a date, to the second, and its milliseconds. */
const CLOCK = /^(.{19})\.?(\d{3})?/;

/** The compared properties of a picture. */
export interface Look {
  /** The words of its hash; null when that is meaningless. */
  readonly words: Uint32Array | null;
  /** The camera's date; null when it is from another source, or unknown. Copies keep it or lose it. */
  readonly moment: { readonly second: string; readonly ms: string } | null;
}

/** The compared properties of an indexed picture. */
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

/** Whether two hashes differ in at most `MAX_BITS` bits, and the cameras' dates do not contradict. */
export function areAlike(a: Look, b: Look): boolean {
  if (a.words === null || b.words === null || bitsApart(a.words, 0, b.words, 0, MAX_BITS) > MAX_BITS) return false;
  return a.moment === null || b.moment === null || isSameMoment(a.moment, b.moment);
}

/** Compares to the millisecond if both have it, otherwise to the second. */
function isSameMoment(a: NonNullable<Look['moment']>, b: NonNullable<Look['moment']>): boolean {
  return a.second === b.second && (a.ms === b.ms || a.ms === '000' || b.ms === '000');
}

/** The four words of a hash of 32 hexadecimal digits. */
export function hashWords(hash: string): Uint32Array {
  return Uint32Array.from({ length: HASH_WORDS }, (_, word) => Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16));
}

/**
 * Number of differing bits between hash `i` of the words `a` and hash `j` of `b`, 0 to 128; above `enough` it may be
 * too low.
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

/** Number of differing bits between two hashes, 0 to 128. */
export function hashDistance(a: string, b: string): number {
  return bitsApart(hashWords(a), 0, hashWords(b), 0);
}

/** Whether a hash is of a nearly featureless picture. */
export function isPlain(hash: string): boolean {
  return hashWords(hash).reduce((sum, word) => sum + ones(word), 0) < FEWEST_ONES;
}

/** Number of 1 bits among 32. */
function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
