/**
 * Vectors with one byte per component, for scans: a quarter of the memory to read, and integer sums. The loss is known
 * for each vector, so a scan can bound the error of its scores.
 */

/** Offset of stored codes, which represent -127 to 127. */
export const ZERO_CODE = 128;
const ROW_LEVELS = 127;
/**
 * Levels of a query on either side of zero. Processors without VNNI add pairs of products in 16 bits with saturation: 2
 * x 255 x 63 fits. (onnxruntime's MLAS, vpmaddubsw.)
 */
const QUERY_LEVELS = 63;

/**
 * Writes the codes of the vector at `from` to `to` in `vectors` into the same places of `codes`, and returns the size
 * of one step. A million are written at startup, so it allocates nothing.
 */
export function encodeRow(vectors: Float32Array, codes: Uint8Array, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(vectors[i]!));
  const step = Math.fround(most / ROW_LEVELS);
  const scale = step === 0 ? 0 : 1 / step;
  // Values are positive, so truncating after adding 0.5 rounds.
  for (let i = from; i < to; i++) codes[i] = (vectors[i]! * scale + (ZERO_CODE + 0.5)) | 0;
  return step;
}

/**
 * Maximum distance of a vector from its codes: half a step in each component, and the rounding of the step.
 */
export function rowError(step: number, dimension: number): number {
  return step * 0.5001 * Math.sqrt(dimension);
}

export interface QueryCode {
  readonly levels: Int8Array;
  /** Size of one level. */
  readonly step: number;
  /** Length of the vector that the levels represent. */
  readonly length: number;
  /** Distance of that vector from the query. */
  readonly error: number;
}

/** The codes of a non-zero query. */
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
