import { SightlineError } from '../errors.ts';
import type { JointEmbedding, SpaceId } from '../types.ts';
import { normalise } from '../util/vector-arithmetic.ts';
import { fingerprintImageEncoder, fingerprintTextEncoder } from './encoder-fingerprints.ts';
import type { ImageOutputs } from './image-model.ts';
import { type Profile, SHARED_OUTPUT } from './manifest.ts';
import { type Fingerprint, pairSpaceId } from './space-id.ts';

/**
 * The space of encoders that were trained together (CLIP and the like): their own vectors, of unit length. It takes the
 * place of a head.
 */

/** Turns encoder outputs into joint vectors; a head is one. */
export interface Projection {
  /** Components of a joint vector. */
  readonly dimension: number;
  /** One unit vector per text vector, in order. */
  projectTexts(vectors: readonly Float32Array[]): Promise<JointEmbedding[]>;
  /** One unit vector per picture, in order. */
  projectImages(outputs: readonly ImageOutputs[]): Promise<JointEmbedding[]>;
  close(): Promise<void>;
}

/**
 * @throws {invalid-config} for a profile whose encoders do not share a space, and which needs a head
 */
export function sharedSpace({ name, text, image }: Profile): Projection {
  if (text.sharedSpace === undefined || text.sharedSpace !== image.sharedSpace) {
    throw new SightlineError(
      'invalid-config',
      `profile ${name}: expected a head, because ${text.name} and ${image.name} share no space, got none`,
    );
  }
  const unit = async (vectors: readonly Float32Array[]) => vectors.map((vector) => normalise(vector as JointEmbedding));
  return {
    dimension: text.dimension,
    projectTexts: unit,
    projectImages: (outputs) => unit(outputs.map((output) => output[SHARED_OUTPUT]!)),
    close: async () => {},
  };
}

/** The id of the space of two encoders without a head. */
export function sharedSpaceId(parts: { readonly text: Fingerprint; readonly image: Fingerprint }): SpaceId {
  return pairSpaceId({ text: parts.text, image: parts.image, head: null });
}

/**
 * The space of a profile without a head, from its files alone: no model is loaded.
 * @throws {model-mismatch} when they are missing or do not match their hashes
 */
export async function readSharedSpaceId(modelDirs: readonly string[], { text, image }: Profile): Promise<SpaceId> {
  return sharedSpaceId({
    text: await fingerprintTextEncoder(modelDirs, text),
    image: await fingerprintImageEncoder(modelDirs, image),
  });
}
