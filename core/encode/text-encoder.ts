import { join } from 'node:path';
import { int64, type OnnxModel, type Tensor } from '../onnx.ts';
import type { Embedding } from '../types.ts';
import type { TextEncoderEntry } from './manifest.ts';
import { findFolder, loadChecked, verifyFile } from './model-files.ts';
import type { Fingerprint } from './space.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

/** Texts to vectors of the text encoder's own space. */
export interface TextEncoder {
  readonly name: string;
  /** Components of a vector. */
  readonly dimension: number;
  readonly fingerprint: Fingerprint;
  /**
   * One vector a text, in order. What else is in the call changes a vector by rounding only (less than 1e-5). Any number
   * of texts; progress, when asked for, tells how many are done.
   */
  encode(texts: readonly string[], onProgress?: (done: number) => void): Promise<Embedding<'text'>[]>;
  close(): Promise<void>;
}

/**
 * Texts of one length run together in batches of this size: no padding, so that nothing a text does not hold can change
 * its vector. 16 to 32 captions at a time take 0.6 of the time they take one by one (bench/encode.ts); larger batches
 * gain nothing.
 */
const BATCH = 32;
/** Long texts fill a batch with fewer rows: attention needs memory by the square of the length. */
const BATCH_TOKENS = 2048;

/** Loads and checks a text encoder. Throws `model-mismatch`. */
export async function loadTextEncoder(
  modelDirs: readonly string[],
  entry: TextEncoderEntry & { readonly name: string },
  options: { threads?: number } = {},
): Promise<TextEncoder> {
  const { files, tensors, maxTokens, dimension } = entry;
  const folder = await findFolder(modelDirs, entry.folder);
  const [model, tokenizerHash, tokenizerConfig] = await Promise.all([
    verifyFile(folder, files.model),
    verifyFile(folder, files.tokenizer),
    verifyFile(folder, files.tokenizerConfig),
  ]);
  const tokenizer = await loadTokenizer({
    tokenizer: join(folder, files.tokenizer.path),
    config: join(folder, files.tokenizerConfig.path),
    maxTokens,
  });
  const inputs = [tensors.inputIds, tensors.attentionMask, tensors.tokenTypeIds].filter((name) => name !== null);
  const onnx = await loadChecked(
    join(folder, files.model.path),
    {
      inputType: 'int64',
      inputs: Object.fromEntries(inputs.map((name) => [name, [null, null]])),
      outputs: { [tensors.output]: [null, null, dimension] },
    },
    { threads: options.threads },
  );
  const { pooling, normalise, prefix } = entry;
  return {
    name: entry.name,
    dimension,
    fingerprint: {
      ...{ model, tokenizer: tokenizerHash, tokenizerConfig, output: tensors.output },
      ...{ dimension, pooling, normalise, prefix: prefix[prefix.used], maxTokens },
    },
    encode: (texts, onProgress) => encode({ entry, onnx, tokenizer }, texts, onProgress),
    close: () => onnx.release(),
  };
}

interface Parts {
  readonly entry: TextEncoderEntry;
  readonly onnx: OnnxModel;
  readonly tokenizer: Tokenizer;
}

async function encode(
  parts: Parts,
  texts: readonly string[],
  onProgress: ((done: number) => void) | undefined,
): Promise<Embedding<'text'>[]> {
  const prefix = parts.entry.prefix[parts.entry.prefix.used];
  const vectors = new Array<Embedding<'text'>>(texts.length);
  const groups = new Map<number, { index: number; ids: number[] }[]>();
  for (const [index, text] of texts.entries()) {
    const ids = parts.tokenizer.encode(prefix + text);
    const group = groups.get(ids.length);
    if (group === undefined) groups.set(ids.length, [{ index, ids }]);
    else group.push({ index, ids });
  }
  let done = 0;
  for (const [length, group] of groups) {
    const rows = Math.max(1, Math.min(BATCH, Math.floor(BATCH_TOKENS / length)));
    for (let start = 0; start < group.length; start += rows) {
      const batch = group.slice(start, start + rows);
      const pooled = await runBatch(
        parts,
        batch.map(({ ids }) => ids),
      );
      for (const [i, { index }] of batch.entries()) vectors[index] = pooled[i]!;
      done += batch.length;
      onProgress?.(done);
    }
  }
  return vectors;
}

/** Runs token id rows of one length through the model. */
async function runBatch({ entry, onnx }: Parts, rows: readonly number[][]): Promise<Embedding<'text'>[]> {
  const { tensors, dimension } = entry;
  const length = rows[0]!.length;
  const shape = [rows.length, length];
  const ids = new BigInt64Array(rows.length * length);
  for (const [r, row] of rows.entries()) for (let t = 0; t < length; t++) ids[r * length + t] = BigInt(row[t]!);
  const feeds: Record<string, Tensor> = {
    [tensors.inputIds]: int64(ids, shape),
    [tensors.attentionMask]: int64(new BigInt64Array(ids.length).fill(1n), shape),
  };
  if (tensors.tokenTypeIds !== null) feeds[tensors.tokenTypeIds] = int64(new BigInt64Array(ids.length), shape);
  const answer = await onnx.run(feeds, [tensors.output]);
  const states = answer[tensors.output]!.data as Float32Array;
  return rows.map((_, r) =>
    pool(states.subarray(r * length * dimension, (r + 1) * length * dimension), dimension, entry),
  );
}

/** [tokens, dimension] to one vector; every token is real, there is no padding. */
function pool(
  states: Float32Array,
  dimension: number,
  { pooling, normalise }: Pick<TextEncoderEntry, 'pooling' | 'normalise'>,
): Embedding<'text'> {
  const vector = states.slice(0, dimension) as Embedding<'text'>;
  if (pooling === 'mean') {
    for (let i = dimension; i < states.length; i += dimension) {
      for (let d = 0; d < dimension; d++) vector[d]! += states[i + d]!;
    }
    const tokens = states.length / dimension;
    for (let d = 0; d < dimension; d++) vector[d]! /= tokens;
  }
  if (normalise) {
    let squares = 0;
    for (let d = 0; d < dimension; d++) squares += vector[d]! * vector[d]!;
    // The floor is sentence-transformers' (torch.nn.functional.normalize, eps): a zero vector stays zero.
    const length = Math.max(Math.sqrt(squares), 1e-12);
    for (let d = 0; d < dimension; d++) vector[d]! /= length;
  }
  return vector;
}
