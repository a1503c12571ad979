import type { Kind } from '../../types.ts';
import { encodeRow, rowError } from './int8-codes.ts';

/** The kind of a slot's content, as stored in `slots.kind`. */
export const KIND_NUMBERS: Readonly<Record<Kind, number>> = { image: 1, caption: 2 };
export const FREE = 0;

/** Added to the score of a slot in a scan: nothing, or a penalty that keeps it from winning. */
const IN = 0;
const OUT = -Infinity;

/** About 32 MB of float32, measured as the fastest size of one scan: its scores stay in the second-level cache. */
const CHUNK_FLOATS = 2 ** 23;

/** A contiguous part of the matrix, with masks for the most common filters. */
interface Chunk {
  readonly vectors: Float32Array;
  /** The same with one byte per component, and the step size of each. */
  readonly codes: Uint8Array;
  readonly steps: Float32Array;
  /** Maximum distance of any vector here, past or present, from its codes. */
  codeError: number;
  readonly kinds: Uint8Array;
  readonly live: Float32Array;
  readonly byKind: readonly Float32Array[];
}

/** The used part of a chunk, as a scan reads it. */
export interface ChunkCodes {
  /** Its first slot, and the number of slots. */
  readonly first: number;
  readonly slots: number;
  readonly codes: Uint8Array;
  readonly steps: Float32Array;
  readonly codeError: number;
}

/** The new content of a slot; null frees it. */
export interface SlotChange {
  readonly slot: number;
  readonly live: { readonly kind: number; readonly vector: Float32Array } | null;
}

/**
 * The vectors of one collection in memory, one per slot, in chunks that are never moved or copied as it grows.
 * Everything else about a point stays in the database. Memory: 5 bytes per component and 17 bytes per slot.
 */
export class SlotMatrix {
  readonly dimension: number;
  /** Slots per chunk. */
  readonly chunkSlots: number;
  readonly #chunks: Chunk[] = [];
  readonly #free = new Set<number>();
  readonly #counts = [0, 0, 0];
  #used = 0;

  constructor(dimension: number, chunkSlots = Math.max(1, Math.floor(CHUNK_FLOATS / dimension))) {
    this.dimension = dimension;
    this.chunkSlots = chunkSlots;
  }

  /** Slots below this have been used at least once. */
  get used(): number {
    return this.#used;
  }

  /** Number of live slots, of one kind or of all. */
  count(kind?: Kind): number {
    return kind === undefined ? this.#counts[1]! + this.#counts[2]! : this.#counts[KIND_NUMBERS[kind]]!;
  }

  /** The vector in a slot: a view, valid until the slot changes. */
  row(slot: number): Float32Array {
    const chunk = this.#chunks[Math.floor(slot / this.chunkSlots)]!;
    const offset = slot % this.chunkSlots;
    return chunk.vectors.subarray(offset * this.dimension, (offset + 1) * this.dimension);
  }

  /** The chunks in use, each cut to its used slots. */
  *chunks(): Generator<ChunkCodes> {
    for (const [i, { codes, steps, codeError }] of this.#chunks.entries()) {
      const first = i * this.chunkSlots;
      const slots = Math.min(this.chunkSlots, this.#used - first);
      yield {
        first,
        slots,
        codes: codes.subarray(0, slots * this.dimension),
        steps: steps.subarray(0, slots),
        codeError,
      };
    }
  }

  /** For each chunk, what to add to scores so that only live points (of one kind) are found. */
  masks(kind?: Kind): Float32Array[] {
    return this.#chunks.map((chunk) => (kind === undefined ? chunk.live : chunk.byKind[KIND_NUMBERS[kind] - 1]!));
  }

  /** The same for a selection of slots; null for a chunk with none of them. */
  masksOf(slots: Iterable<number>): (Float32Array | null)[] {
    const masks: (Float32Array | null)[] = this.#chunks.map(() => null);
    for (const slot of slots) {
      const i = Math.floor(slot / this.chunkSlots);
      masks[i] ??= new Float32Array(this.chunkSlots).fill(OUT);
      masks[i][slot % this.chunkSlots] = IN;
    }
    return masks;
  }

  /** The same masks with some slots excluded. */
  without(masks: readonly (Float32Array | null)[], slots: Iterable<number>): (Float32Array | null)[] {
    const copies = masks.map((mask) => mask?.slice() ?? null);
    for (const slot of slots) {
      const mask = copies[Math.floor(slot / this.chunkSlots)];
      if (mask) mask[slot % this.chunkSlots] = OUT;
    }
    return copies;
  }

  /** Slots for new points, freed ones first. A slot is in use only after a change to it is applied. */
  *vacant(): Generator<number> {
    yield* this.#free;
    for (let slot = this.#used; ; slot++) yield slot;
  }

  apply({ slot, live }: SlotChange): void {
    this.put(slot, live?.kind ?? FREE, live?.vector ?? null, 0);
  }

  /** Puts the vector at `start` into a slot: like a change, without allocating an object. */
  put(slot: number, kind: number, vectors: Float32Array | null, start: number): void {
    while (slot >= this.#chunks.length * this.chunkSlots) this.#chunks.push(this.#newChunk());
    // Skipped slots are free; if rows come unordered, they are filled later.
    for (; this.#used <= slot; this.#used++) this.#free.add(this.#used);
    const chunk = this.#chunks[Math.floor(slot / this.chunkSlots)]!;
    const offset = slot % this.chunkSlots;
    const before = chunk.kinds[offset]!;
    this.#counts[before]!--;
    this.#counts[kind]!++;
    chunk.kinds[offset] = kind;
    chunk.live[offset] = kind === FREE ? OUT : IN;
    for (let i = 0; i < chunk.byKind.length; i++) chunk.byKind[i]![offset] = kind === i + 1 ? IN : OUT;
    if (vectors === null) {
      this.#free.add(slot);
    } else {
      this.#free.delete(slot);
      const [from, to] = [offset * this.dimension, (offset + 1) * this.dimension];
      for (let i = 0; i < this.dimension; i++) chunk.vectors[from + i] = vectors[start + i]!;
      const step = encodeRow(chunk.vectors, chunk.codes, from, to);
      chunk.steps[offset] = step;
      chunk.codeError = Math.max(chunk.codeError, rowError(step, this.dimension));
    }
  }

  #newChunk(): Chunk {
    const mask = () => new Float32Array(this.chunkSlots).fill(OUT);
    return {
      vectors: new Float32Array(this.chunkSlots * this.dimension),
      codes: new Uint8Array(this.chunkSlots * this.dimension),
      steps: new Float32Array(this.chunkSlots),
      codeError: 0,
      kinds: new Uint8Array(this.chunkSlots),
      live: mask(),
      byKind: [mask(), mask()],
    };
  }
}
