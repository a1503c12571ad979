import { createHash } from 'node:crypto';
import { SightlineError } from '../../core/errors.ts';
import { NOTHING_KNOWN } from '../../core/picture-fields.ts';
import type { Embedder, Spaces } from '../../core/ports.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { normalise } from '../../core/util/vector-arithmetic.ts';
import { openQdrantSpaces } from '../../core/vectors/qdrant/spaces.ts';
import { openEmbeddedSpaces } from '../../core/vectors/sqlite/spaces.ts';
import { textsBy } from './texts-by.ts';

/** Vectors are hashes, salted by the space; a picture is any file that starts with PIC. */
export function saltedEmbedder(space: string, dimension = 32): Embedder & { embedded: number } {
  const vectorOf = (content: Uint8Array | string) => {
    const bytes = createHash('shake256', { outputLength: dimension }).update(space).update(content).digest();
    return normalise(Float32Array.from(bytes, (byte) => byte - 127.5) as JointEmbedding);
  };
  const { readTexts, ...texts } = textsBy(vectorOf);
  return {
    space,
    dimension,
    sameAs: [],
    embedded: 0,
    async readTexts(texts, hint) {
      this.embedded += texts.length;
      return readTexts(texts, hint);
    },
    ...texts,
    async embedTexts(texts) {
      this.embedded += texts.length;
      return texts.map(vectorOf);
    },
    async embedImage(bytes) {
      this.embedded++;
      if (!Buffer.from(bytes).toString().startsWith('PIC')) throw new SightlineError('unreadable-image', 'not one');
      const picture = { ...NOTHING_KNOWN, contentType: 'image/jpeg', width: 1, height: 1 };
      return { vector: vectorOf(bytes), classes: `1:${space.charCodeAt(0)}`, picture };
    },
    describeImage: async () => ({ ...NOTHING_KNOWN, contentType: 'image/jpeg', width: 1, height: 1 }),
    close: async () => {},
  };
}

/** The spaces in a file, or on the Qdrant server at a URL. */
export function openSpacesAt(place: string): Promise<Spaces> {
  return place.startsWith('http') ? openQdrantSpaces({ url: place }) : openEmbeddedSpaces({ file: place, threads: 1 });
}
