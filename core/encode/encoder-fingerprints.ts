import { PIXEL_PIPELINE } from '../picture/preprocess.ts';
import { preprocessingOf } from './image-model.ts';
import type { ImageEncoderEntry, TextEncoderEntry } from './manifest-encoder.ts';
import { findEncoder, verifyFile } from './model-files.ts';
import type { Fingerprint } from './space-id.ts';

/**
 * Everything that determines a text encoder's vectors, without loading it.
 * @throws {model-mismatch} when its files do not match their hashes
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
    // Omitted when there is none, so that older spaces keep their ids.
    ...(padding === 'none' ? {} : { padding }),
  };
}

/**
 * Everything that determines an image encoder's outputs, without loading it.
 * @throws {model-mismatch} when its files do not match their hashes
 */
export async function fingerprintImageEncoder(
  modelDirs: readonly string[],
  entry: ImageEncoderEntry,
): Promise<Fingerprint> {
  const { files, tensors, outputs } = entry;
  const model = await verifyFile(await findEncoder(modelDirs, entry), files.model);
  const preprocessing = await preprocessingOf(modelDirs, entry);
  return { model, outputs, layout: tensors.layout, preprocessing, pipeline: PIXEL_PIPELINE };
}
