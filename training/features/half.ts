/** float16 (IEEE 754 binary16) for cached encoder outputs: half the disk and memory of float32. */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The nearest float16, ties to even, as its 16 bits. Beyond 65,504 infinite, as in IEEE 754. */
export function toHalf(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const unbiased = exponent - 127;
  if (unbiased < -25) return sign;
  // A subnormal result keeps fewer bits of the fraction with its leading 1; carries run into the exponent by
  // themselves.
  const shift = unbiased < -14 ? -1 - unbiased : 13;
  const base = unbiased < -14 ? 0 : (unbiased + 14) << 10;
  const full = fraction | 0x800000;
  const kept = full >>> shift;
  const rest = full & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  const rounded = kept + (rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0);
  return sign | Math.min(base + rounded, 0x7c00);
}

/** The values of float16 bits. */
export function fromHalf(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (value) => VALUES[value]!);
}

/** All 65,536 values by their bits. */
const VALUES = Float32Array.from({ length: 65_536 }, (_, bits) => fromBits(bits));

function fromBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rows start to start + count - 1, one after the other, as float16 bits; valid until the next call. */
export type ReadBits = (start: number, count: number) => Uint16Array;

/** A matrix of float16 values that is read row by row, wherever it is: in memory (HalfMatrix) or on disk. */
export class HalfRows {
  readonly rows: number;
  readonly columns: number;
  readonly bitsOf: ReadBits;

  constructor(rows: number, columns: number, bitsOf: ReadBits) {
    this.rows = rows;
    this.columns = columns;
    this.bitsOf = bitsOf;
  }

  /** out[at...] = weight * row */
  copyRow(row: number, out: Float32Array, at: number, weight = 1): void {
    const bits = this.bitsOf(row, 1);
    for (let i = 0; i < bits.length; i++) out[at + i] = weight * VALUES[bits[i]!]!;
  }

  /** out[at...] += weight * row */
  addRow(row: number, out: Float32Array, at: number, weight: number): void {
    const bits = this.bitsOf(row, 1);
    for (let i = 0; i < bits.length; i++) out[at + i]! += weight * VALUES[bits[i]!]!;
  }

  /** Rows start to start + count - 1 as float32. */
  block(start: number, count: number): Float32Array {
    const bits = this.bitsOf(start, count);
    const out = new Float32Array(bits.length);
    for (let i = 0; i < out.length; i++) out[i] = VALUES[bits[i]!]!;
    return out;
  }

  row(row: number): Float32Array {
    return this.block(row, 1);
  }
}

/** A matrix of float16 values in memory. */
export class HalfMatrix extends HalfRows {
  /** rows x columns, float16 bits */
  readonly bits: Uint16Array;

  constructor(rows: number, columns: number, bits = new Uint16Array(rows * columns)) {
    if (bits.length !== rows * columns) throw new Error(`expected ${rows} x ${columns} values, got ${bits.length}`);
    super(rows, columns, (start, count) => bits.subarray(start * columns, (start + count) * columns));
    this.bits = bits;
  }

  set(row: number, values: Float32Array): void {
    if (values.length !== this.columns) throw new Error(`expected ${this.columns} values, got ${values.length}`);
    const start = row * this.columns;
    for (let i = 0; i < values.length; i++) this.bits[start + i] = toHalf(values[i]!);
  }
}
