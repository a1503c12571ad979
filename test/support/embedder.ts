import { createHash } from 'node:crypto';
import { SightlineError } from '../../core/errors.ts';
import { NOTHING_KNOWN } from '../../core/picture-fields.ts';
import type { Embedder } from '../../core/ports.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { normalise } from '../../core/util/vector-arithmetic.ts';
import { textsBy } from './texts-by.ts';

/**
 * An embedder for tests of ordering and storage, where the model does not matter: returns a unit vector from the hash
 * of the input. Pictures are any bytes that start with "PIC"; everything else is rejected like an undecodable picture.
 * Counts calls.
 */
export function hashEmbedder(): Embedder & { readonly embeddedImages: string[]; failNext: Error | null } {
  const embeddedImages: string[] = [];
  const vectorOf = (bytes: Uint8Array): JointEmbedding => {
    const digest = createHash('sha512').update(bytes).digest();
    return normalise(Float32Array.from(digest, (byte) => byte - 127.5) as JointEmbedding);
  };
  return {
    space: 'feedfeedfeedfeed',
    sameAs: [],
    dimension: 64,
    embeddedImages,
    failNext: null,
    ...textsBy(vectorOf),
    async embedImage(bytes) {
      await new Promise((resolve) => setImmediate(resolve));
      const text = Buffer.from(bytes).toString();
      embeddedImages.push(text);
      const failure = this.failNext;
      this.failNext = null;
      if (failure !== null) throw failure;
      if (!text.startsWith('PIC')) {
        throw new SightlineError('unreadable-image', 'expected a picture, got something else', {
          details: { reason: 'not-an-image' },
        });
      }
      return {
        vector: vectorOf(bytes),
        classes: null,
        picture: { ...NOTHING_KNOWN, contentType: 'image/jpeg', width: 4, height: 3 },
      };
    },
    describeImage: async () => ({ ...NOTHING_KNOWN, contentType: 'image/jpeg', width: 4, height: 3 }),
    close: async () => {},
  };
}
