/**
 * Vectors in one byte a component, for scans: a quarter of the memory to read, and sums of whole numbers. What is lost
 * is known for each vector, so that a scan can say how far its scores are off.
 */

/** Codes of stored vectors stand for -127 to 127 and are stored above this. */
export const ZERO_CODE = 128;
const ROW_LEVELS = 127;
/**
 * Levels of a query to either side of zero. Processors without VNNI add pairs of products in 16 bits and cut what is
 * larger: 2 x 255 x 63 fits. (onnxruntime's MLAS, vpmaddubsw.)
 */
const QUERY_LEVELS = 63;

/**
 * Writes the codes of the vector that stands in `vectors` from `from` up to `to` into the same places of `codes`, and
 * answers what one step is worth. A million of them are written at a start, so nothing is allocated.
 */
export function encodeRow(vectors: Float32Array, codes: Uint8Array, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(vectors[i]!));
  const step = Math.fround(most / ROW_LEVELS);
  const scale = step === 0 ? 0 : 1 / step;
  // Above 0, cutting off is rounding.
  for (let i = from; i < to; i++) codes[i] = (vectors[i]! * scale + (ZERO_CODE + 0.5)) | 0;
  return step;
}

/**
 * How far a vector can be from what its codes stand for: half a step in each component, and the rounding of the step.
 */
export function rowError(step: number, dimension: number): number {
  return step * 0.5001 * Math.sqrt(dimension);
}

export interface QueryCode {
  readonly levels: Int8Array;
  /** What one level is worth. */
  readonly step: number;
  /** Length of what the levels stand for. */
  readonly length: number;
  /** Its distance from the query. */
  readonly error: number;
}

/** The codes of a query that is not all zeros. */
export function encodeQuery(query: Float32Array): QueryCode {
  const step = query.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / QUERY_LEVELS;
  const levels = Int8Array.from(query, (value) => Math.round(value / step));
  let [squares, errors] = [0, 0];
  for (const [i, level] of levels.entries()) {
    squares += (level * step) ** 2;
    errors += (query[i]! - level * step) ** 2;
  }
  return { levels, step, length: Math.sqrt(squares), error: Math.sqrt(errors) };
}
