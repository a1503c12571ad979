import type { DecodeLimits } from '../picture/decode.ts';
import type { Preprocessing } from '../picture/preprocessor-config.ts';
import type { PictureInfo } from '../ports.ts';
import { loadOnce } from '../util/load-once.ts';
import { type ImageClass, loadClasses } from './class-names.ts';
import { fingerprintImageEncoder } from './encoder-fingerprints.ts';
import { type ImageOutputs, loadImageModel, outputSizes, preprocessingOf } from './image-model.ts';
import type { Profile } from './manifest.ts';
import { type Fingerprint, fingerprintKey } from './space-id.ts';

/** Turns the bytes of pictures into an image encoder's outputs: decoder and encoder together. */
export interface ImageEncoder {
  readonly name: string;
  /** Size of each output. */
  readonly outputs: Readonly<Record<string, number>>;
  /** Names of the classes of its logits; null when it has none. */
  readonly classes: readonly ImageClass[] | null;
  readonly preprocessing: Preprocessing;
  readonly fingerprint: Fingerprint;
  /** Changes whenever outputs for the same file may change: the key of cached features. */
  readonly key: string;
  /**
   * Decodes and encodes a picture; the first call loads the model.
   * @throws {unreadable-image}
   * @throws {too-large}
   */
  encode(bytes: Uint8Array): Promise<{ outputs: ImageOutputs; picture: PictureInfo }>;
  /**
   * The picture's fields, without encoding it or loading a model.
   * @throws {unreadable-image}
   * @throws {too-large}
   */
  describe(bytes: Uint8Array): Promise<PictureInfo>;
  close(): Promise<void>;
}

/** Enough for every camera; refuses bombs. */
export const DEFAULT_LIMITS: DecodeLimits = { maxBytes: 50 * 1024 ** 2, maxPixels: 100_000_000 };

/**
 * Checks the files of an image encoder. It is loaded, with the decoder, for the first picture.
 * @throws {model-mismatch}
 */
export async function openImageEncoder(
  modelDirs: readonly string[],
  entry: Profile['image'],
  { threads, limits = DEFAULT_LIMITS }: { readonly threads?: number; readonly limits?: DecodeLimits },
): Promise<ImageEncoder> {
  const fingerprint = await fingerprintImageEncoder(modelDirs, entry);
  const preprocessing = await preprocessingOf(modelDirs, entry);
  const loaded = loadOnce(async () => {
    const [decoder, encoder] = await Promise.all([
      import('../picture/decode.ts'),
      loadImageModel(modelDirs, entry, { threads }),
    ]);
    return { decoder, encoder };
  });
  return {
    name: entry.name,
    outputs: outputSizes(entry),
    classes: await loadClasses(modelDirs, entry),
    preprocessing,
    fingerprint,
    key: fingerprintKey(fingerprint),
    async encode(bytes) {
      const { decoder, encoder } = await loaded.get();
      const { pixels, picture } = await decoder.decodeImage(bytes, preprocessing, limits);
      return { outputs: await encoder.encode(pixels), picture };
    },
    async describe(bytes) {
      const { decodeImage } = await import('../picture/decode.ts');
      return (await decodeImage(bytes, preprocessing, limits)).picture;
    },
    close: async () => (await loaded.peek())?.encoder.close(),
  };
}
