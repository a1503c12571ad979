import { join } from 'node:path';
import { SightlineError } from '../errors.ts';
import { int64, type OnnxModel, type Tensor } from '../onnx/onnx-session.ts';
import type { Embedding } from '../types.ts';
import type { Loaded } from '../util/load-once.ts';
import { fingerprintTextEncoder } from './encoder-fingerprints.ts';
import type { TextEncoderEntry, TextPooling } from './manifest-encoder.ts';
import { findEncoder, loadChecked } from './model-files.ts';
import type { Fingerprint } from './space-id.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';
import { loadUnigram, UNIGRAM_SUFFIX } from './unigram-tokenizer.ts';

/** Turns texts into vectors of the text encoder's own space. */
export interface TextEncoder {
  readonly name: string;
  /** Size of each part of a vector, in order: the encoder's own `embedding`, then the extras of its entry by name. */
  readonly outputs: Readonly<Record<string, number>>;
  /** Components of a vector, all parts together. */
  readonly dimension: number;
  readonly fingerprint: Fingerprint;
  /**
   * One vector per text, in order, its parts concatenated and each normalised if the entry says so. Other texts of the
   * call change a vector only by rounding (less than 1e-5). Any number of texts; `onProgress` gets the number done.
   */
  encode(texts: readonly string[], onProgress?: (done: number) => void): Promise<Embedding<'text'>[]>;
  /** False when it knows no token of the text. */
  knows(text: string): Promise<boolean>;
  /** Whether a lower-case word, with its accents, is a single token. */
  hasWord(word: string): Promise<boolean>;
  /** The rank of that token in the vocabulary, common words first; null when it is not a single token. */
  wordRank(word: string): Promise<number | null>;
  close(): Promise<void>;
}

/**
 * Texts of equal length run together in batches of this size, without padding, so that nothing outside a text can
 * change its vector. Of MiniLM in float32, 16 to 32 captions at once take 0.4 of the time they take one by one
 * (docs/decisions/0043-quantisation.md); larger batches gain nothing.
 */
const BATCH = 32;
/** Long texts run in smaller batches: the memory of attention grows with the square of the length. */
const BATCH_TOKENS = 2048;

/**
 * Loads and checks a text encoder.
 * @throws {model-mismatch}
 */
export async function loadTextEncoder(
  modelDirs: readonly string[],
  entry: TextEncoderEntry & { readonly name: string },
  options: { threads?: number } = {},
): Promise<TextEncoder> {
  const { files, tensors, dimension, vocabulary } = entry;
  const folder = await findEncoder(modelDirs, entry);
  const fingerprint = await fingerprintTextEncoder(modelDirs, entry);
  const tokenizer = await tokenizerOf(folder, entry);
  if (entry.padding === 'max' && tokenizer.padId === null) {
    const path = join(folder, files.tokenizerConfig.path);
    throw new SightlineError('model-mismatch', `${path}: expected a pad_token, because texts are padded, got none`);
  }
  const inputs = [tensors.inputIds, tensors.attentionMask, tensors.tokenTypeIds].filter((name) => name !== null);
  const onnx = await loadChecked(
    join(folder, files.model.path),
    {
      inputType: 'int64',
      inputs: Object.fromEntries(inputs.map((name) => [name, [null, null]])),
      outputs: Object.fromEntries(
        partsOf(entry).map(({ output, pooling }) => [
          output,
          pooling === 'none' ? [null, dimension] : [null, null, dimension],
        ]),
      ),
      hasWeightsBeside: files.weights !== undefined,
    },
    entry.bundled ? null : { opset: entry.opset, vocabulary: { input: tensors.inputIds, size: vocabulary.size } },
    { threads: options.threads },
  );
  return {
    ...describe(entry),
    fingerprint,
    encode: (texts, onProgress) => encode({ entry, onnx, tokenizer }, texts, onProgress),
    knows: async (text) => tokenizer.knows(text),
    hasWord: async (word) => tokenizer.wordRank(word) !== null,
    wordRank: async (word) => tokenizer.wordRank(word),
    close: () => onnx.release(),
  };
}

/**
 * The tokenizer of an encoder in its folder, of either file format.
 * @throws {model-mismatch}
 */
export function tokenizerOf(folder: string, { files, maxTokens, vocabulary }: TextEncoderEntry): Promise<Tokenizer> {
  const load = files.tokenizer.path.endsWith(UNIGRAM_SUFFIX) ? loadUnigram : loadTokenizer;
  const config = join(folder, files.tokenizerConfig.path);
  return load({ tokenizer: join(folder, files.tokenizer.path), config, maxTokens, vocabulary });
}

/**
 * The same, loaded with the first text; checks what can be checked before.
 * @throws {model-mismatch}
 */
export async function describeTextEncoder(
  modelDirs: readonly string[],
  entry: TextEncoderEntry & { readonly name: string },
  encoder: Loaded<TextEncoder>,
): Promise<TextEncoder> {
  return {
    ...describe(entry),
    fingerprint: await fingerprintTextEncoder(modelDirs, entry),
    encode: async (texts, onProgress) => (await encoder.get()).encode(texts, onProgress),
    knows: async (text) => (await encoder.get()).knows(text),
    hasWord: async (word) => (await encoder.get()).hasWord(word),
    wordRank: async (word) => (await encoder.get()).wordRank(word),
    close: async () => (await encoder.peek())?.close(),
  };
}

function describe(entry: TextEncoderEntry & { readonly name: string }) {
  const outputs = Object.fromEntries(partsOf(entry).map((part) => [part.name, entry.dimension]));
  return { name: entry.name, outputs, dimension: entry.dimension * Object.keys(outputs).length };
}

/** Name of the encoder's own part of a vector. */
export const OWN_OUTPUT = 'embedding';

interface Part {
  readonly name: string;
  /** Tensor [batch, tokens, dimension] to pool. */
  readonly output: string;
  readonly pooling: TextPooling;
}

/** The parts of a vector, in order. */
function partsOf({ tensors, pooling, extras }: TextEncoderEntry): Part[] {
  const others = Object.entries(extras).map(([name, extra]) => ({ name, ...extra }));
  return [{ name: OWN_OUTPUT, output: tensors.output, pooling }, ...others];
}

interface LoadedModel {
  readonly entry: TextEncoderEntry;
  readonly onnx: OnnxModel;
  readonly tokenizer: Tokenizer;
}

async function encode(
  loaded: LoadedModel,
  texts: readonly string[],
  onProgress: ((done: number) => void) | undefined,
): Promise<Embedding<'text'>[]> {
  const prefix = loaded.entry.prefix[loaded.entry.prefix.used];
  const vectors = new Array<Embedding<'text'>>(texts.length);
  const groups = new Map<number, { index: number; ids: number[] }[]>();
  for (const [index, text] of texts.entries()) {
    const ids = loaded.tokenizer.encode(prefix + text);
    const length = loaded.entry.padding === 'max' ? loaded.entry.maxTokens : ids.length;
    const group = groups.get(length);
    if (group === undefined) groups.set(length, [{ index, ids }]);
    else group.push({ index, ids });
  }
  let done = 0;
  for (const [length, group] of groups) {
    const rows = loaded.entry.batchChanges ? 1 : Math.max(1, Math.min(BATCH, Math.floor(BATCH_TOKENS / length)));
    for (let start = 0; start < group.length; start += rows) {
      const batch = group.slice(start, start + rows);
      const pooled = await runBatch(
        loaded,
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
async function runBatch(loaded: LoadedModel, rows: readonly number[][]): Promise<Embedding<'text'>[]> {
  const { entry, onnx } = loaded;
  const { dimension } = entry;
  const parts = partsOf(entry);
  const answer = await onnx.run(feedsOf(loaded, rows), [...new Set(parts.map(({ output }) => output))]);
  return rows.map((_, r) => {
    const vector = new Float32Array(parts.length * dimension) as Embedding<'text'>;
    for (const [i, { output, pooling }] of parts.entries()) {
      const all = answer[output]!.data as Float32Array;
      const part = vector.subarray(i * dimension, (i + 1) * dimension);
      pool(all.subarray((r * all.length) / rows.length, ((r + 1) * all.length) / rows.length), pooling, part);
      if (entry.normalise) normalise(part);
    }
    return vector;
  });
}

/** Ids, mask and types [rows, tokens], padded if the entry says so. */
function feedsOf({ entry, tokenizer }: LoadedModel, rows: readonly number[][]): Record<string, Tensor> {
  const { tensors, padding, maxTokens } = entry;
  const length = padding === 'max' ? maxTokens : rows[0]!.length;
  const shape = [rows.length, length];
  const ids = new BigInt64Array(rows.length * length).fill(BigInt(tokenizer.padId ?? 0));
  const mask = new BigInt64Array(ids.length);
  for (const [r, row] of rows.entries()) {
    for (let t = 0; t < row.length; t++) ids[r * length + t] = BigInt(row[t]!);
    mask.fill(1n, r * length, r * length + row.length);
  }
  const feeds: Record<string, Tensor> = { [tensors.inputIds]: int64(ids, shape) };
  if (tensors.attentionMask !== null) feeds[tensors.attentionMask] = int64(mask, shape);
  if (tensors.tokenTypeIds !== null) feeds[tensors.tokenTypeIds] = int64(new BigInt64Array(ids.length), shape);
  return feeds;
}

/**
 * Pools [tokens, dimension], or copies [dimension], into `vector`; there is no padding among the tokens.
 */
function pool(states: Float32Array, pooling: TextPooling, vector: Float32Array): void {
  const dimension = vector.length;
  vector.set(states.subarray(0, dimension));
  if (pooling === 'cls' || pooling === 'none') return;
  const tokens = states.length / dimension;
  for (let i = dimension; i < states.length; i += dimension) {
    if (pooling === 'mean') for (let d = 0; d < dimension; d++) vector[d]! += states[i + d]!;
    else for (let d = 0; d < dimension; d++) vector[d] = Math.max(vector[d]!, states[i + d]!);
  }
  if (pooling === 'mean') for (let d = 0; d < dimension; d++) vector[d]! /= tokens;
}

/**
 * Normalises to unit length in place. The floor is that of sentence-transformers (torch.nn.functional.normalize, eps):
 * zero stays zero.
 */
function normalise(vector: Float32Array): void {
  let squares = 0;
  for (let d = 0; d < vector.length; d++) squares += vector[d]! * vector[d]!;
  const length = Math.max(Math.sqrt(squares), 1e-12);
  for (let d = 0; d < vector.length; d++) vector[d]! /= length;
}
