/**
 * Seeded random numbers: sfc32 by Chris Doty-Humphrey (PractRand 0.95,
 * https://pracrand.sourceforge.net/RNG_engines.txt), a small generator with a period of about 2^127 that passes
 * PractRand. Each use has its own stream, named by seed and label, so that one part's draws never shift those of
 * another, and a resumed run needs no saved state.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, label: string) {
    // FNV-1a over the label (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits.
    let hash = 0x811c9dc5;
    for (const char of label) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = hash | 0;
    // As many rounds as the author uses to mix in a seed.
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to but not including 1, in steps of 2^-32. */
  uniform(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from 0 to `below` - 1; `below` is at most 2^32 and the bias below `below` / 2^32. */
  below(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** Mean 0, variance 1 (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The numbers 0 to `count` - 1 in random order (Fisher and Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  /** Fills `mask` with 1 in a share of `keep` (to 1/256) and 0 elsewhere. */
  bernoulli(mask: Uint8Array, keep: number): void {
    const threshold = Math.round(keep * 256);
    for (let i = 0; i < mask.length; i += 4) {
      let bits = this.uint32();
      for (let j = i; j < i + 4 && j < mask.length; j++, bits >>>= 8) mask[j] = (bits & 255) < threshold ? 1 : 0;
    }
  }
}
