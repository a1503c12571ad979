import type { TextEncoderEntry } from './encoder-entry.ts';
import { findEncoder, verifyFile } from './model-files.ts';
import type { Fingerprint } from './space-id.ts';

/**
 * What decides the vectors of a text encoder, without loading it.
 * @throws {model-mismatch} when its files are not as pinned
 */
export async function fingerprintTextEncoder(
  modelDirs: readonly string[],
  entry: TextEncoderEntry,
): Promise<Fingerprint> {
  const { files, tensors, dimension, pooling, normalise, extras, prefix, maxTokens, padding } = entry;
  const folder = await findEncoder(modelDirs, entry);
  const [model, tokenizer, tokenizerConfig, weights] = await Promise.all([
    verifyFile(folder, files.model),
    verifyFile(folder, files.tokenizer),
    verifyFile(folder, files.tokenizerConfig),
    files.weights && verifyFile(folder, files.weights),
  ]);
  return {
    model: files.model.sameAs ?? (weights === undefined ? model : `${model} ${weights}`),
    tokenizer,
    tokenizerConfig,
    output: tensors.output,
    dimension,
    pooling,
    normalise,
    extras,
    prefix: prefix[prefix.used],
    maxTokens,
    // Not named where there is none, so that spaces from before it could be named keep their ids.
    ...(padding === 'none' ? {} : { padding }),
  };
}
