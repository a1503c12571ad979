/** Matrices of float16 values: cached encoder outputs at half the disk and memory of float32. */

/** Rows start to start + count - 1, concatenated; valid until the next call. */
export type ReadRows = (start: number, count: number) => Float16Array;

/** A matrix read row by row, from memory (HalfMatrix) or from disk. */
export class HalfRows {
  readonly rows: number;
  readonly columns: number;
  readonly read: ReadRows;

  constructor(rows: number, columns: number, read: ReadRows) {
    this.rows = rows;
    this.columns = columns;
    this.read = read;
  }

  /** out[at...] = weight * row */
  copyRow(row: number, out: Float32Array, at: number, weight = 1): void {
    const values = this.read(row, 1);
    for (let i = 0; i < values.length; i++) out[at + i] = weight * values[i]!;
  }

  /** out[at...] += weight * row */
  addRow(row: number, out: Float32Array, at: number, weight: number): void {
    const values = this.read(row, 1);
    for (let i = 0; i < values.length; i++) out[at + i]! += weight * values[i]!;
  }

  /** Rows start to start + count - 1 as float32. */
  block(start: number, count: number): Float32Array {
    return new Float32Array(this.read(start, count));
  }

  row(row: number): Float32Array {
    return this.block(row, 1);
  }
}

/** A matrix in memory. */
export class HalfMatrix extends HalfRows {
  /** rows x columns */
  readonly values: Float16Array;

  constructor(rows: number, columns: number, values = new Float16Array(rows * columns)) {
    if (values.length !== rows * columns) throw new Error(`expected ${rows} x ${columns} values, got ${values.length}`);
    super(rows, columns, (start, count) => values.subarray(start * columns, (start + count) * columns));
    this.values = values;
  }

  set(row: number, values: Float32Array): void {
    if (values.length !== this.columns) throw new Error(`expected ${this.columns} values, got ${values.length}`);
    this.values.set(values, row * this.columns);
  }
}
