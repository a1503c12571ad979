import { loadOnce } from '../load-once.ts';
import type { DecodeLimits } from '../picture/decode.ts';
import type { Preprocessing } from '../picture/preprocessor-config.ts';
import type { PictureInfo } from '../ports.ts';
import { type ImageClass, loadClasses } from './class-names.ts';
import {
  fingerprintImageEncoder,
  type ImageEncoder,
  type ImageOutputs,
  loadImageEncoder,
  outputSizes,
  preprocessingOf,
} from './image-encoder.ts';
import { encoderAdvice, loadManifest, type Profile, profileOf, textEncoderOf } from './manifest.ts';
import { findEncoder } from './model-files.ts';
import { type Fingerprint, fingerprintKey } from './space-id.ts';
import { describeTextEncoder, loadTextEncoder, type TextEncoder } from './text-encoder.ts';

/** Both encoders of a profile, as serving, training and evaluation use them alike. */
export interface Encoders {
  readonly profile: Profile;
  readonly text: TextEncoder & { readonly key: string };
  readonly image: {
    readonly name: string;
    /** Size of each output. */
    readonly outputs: Readonly<Record<string, number>>;
    /** What the classes of its logits are called; null when it comes without them. */
    readonly classes: readonly ImageClass[] | null;
    readonly preprocessing: Preprocessing;
    readonly fingerprint: Fingerprint;
    /** Changes whenever the outputs for the same file may change: the key of cached features. */
    readonly key: string;
    /**
     * Decodes and encodes a picture; the first call loads the model.
     * @throws {unreadable-image}
     * @throws {too-large}
     */
    encode(bytes: Uint8Array): Promise<{ outputs: ImageOutputs; picture: PictureInfo }>;
    /** What `encode` would say of a picture, without encoding it. Throws as it does; loads no model. */
    describe(bytes: Uint8Array): Promise<PictureInfo>;
  };
  close(): Promise<void>;
}

export interface EncoderOptions {
  /** Looked through in order; the first that has a folder wins, and the first that has manifest.json. */
  readonly modelDirs: readonly string[];
  /** Name in manifest.json. @default the manifest's default profile */
  readonly profile?: string;
  /** Name in manifest.json of another text encoder than the profile's own. */
  readonly text?: string;
  /** When the text encoder is loaded: `later`, with the first text, for a process that may see none. @default 'now' */
  readonly texts?: 'now' | 'later';
  /** Threads of one model run. @default os.availableParallelism() */
  readonly threads?: number;
  readonly limits?: DecodeLimits;
}

/** Enough for every camera; refuses bombs. */
export const DEFAULT_LIMITS: DecodeLimits = { maxBytes: 50 * 1024 ** 2, maxPixels: 100_000_000 };

/**
 * Loads the text encoder of a profile, unless it is to come later, and checks the files of both encoders. The image
 * encoder is loaded, with the decoder, when the first picture comes.
 * @throws {model-mismatch}
 * @throws {invalid-config}
 */
export async function loadEncoders(options: EncoderOptions): Promise<Encoders> {
  const { modelDirs, threads, limits = DEFAULT_LIMITS } = options;
  const manifest = await loadManifest(modelDirs);
  const own = profileOf(manifest, options.profile ?? manifest.defaultProfile);
  const profile = options.text === undefined ? own : { ...own, text: textEncoderOf(manifest, options.text) };
  for (const encoder of [profile.text, profile.image]) {
    await findEncoder(modelDirs, encoder, encoderAdvice(profile.name));
  }
  const fingerprint = await fingerprintImageEncoder(modelDirs, profile.image);
  const loadText = () => loadTextEncoder(modelDirs, profile.text, { threads });
  const text =
    options.texts === 'later'
      ? await describeTextEncoder(modelDirs, profile.text, loadOnce(loadText))
      : await loadText();
  const { name } = profile.image;
  const outputs = outputSizes(profile.image);
  const preprocessing = await preprocessingOf(modelDirs, profile.image);
  const classes = await loadClasses(modelDirs, profile.image);
  const image = loadOnce(async () => {
    const [decoder, encoder] = await Promise.all([
      import('../picture/decode.ts'),
      loadImageEncoder(modelDirs, profile.image, { threads }),
    ]);
    return { decoder, encoder };
  });
  return {
    profile,
    text: { ...text, key: fingerprintKey(text.fingerprint) },
    image: {
      name,
      outputs,
      classes,
      preprocessing,
      fingerprint,
      key: fingerprintKey(fingerprint),
      async encode(bytes) {
        const { decoder, encoder } = await image.get();
        const { pixels, picture } = await decoder.decodeImage(bytes, preprocessing, limits);
        return { outputs: await encoder.encode(pixels), picture };
      },
      async describe(bytes) {
        const { decodeImage } = await import('../picture/decode.ts');
        return (await decodeImage(bytes, preprocessing, limits)).picture;
      },
    },
    async close() {
      await text.close();
      await (await image.peek())?.encoder.close();
    },
  };
}

export type { ImageEncoder, ImageOutputs, TextEncoder };
