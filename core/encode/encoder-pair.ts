import type { DecodeLimits } from '../picture/decode.ts';
import { loadOnce } from '../util/load-once.ts';
import { DEFAULT_LIMITS, type ImageEncoder, openImageEncoder } from './image-encoder.ts';
import type { ImageModel, ImageOutputs } from './image-model.ts';
import { encoderAdvice, loadManifest, type Profile, profileOf, textEncoderOf } from './manifest.ts';
import { findEncoder } from './model-files.ts';
import { fingerprintKey } from './space-id.ts';
import { describeTextEncoder, loadTextEncoder, type TextEncoder } from './text-encoder.ts';

/** Both encoders of a profile, as used by serving, training and evaluation. */
export interface Encoders {
  readonly profile: Profile;
  readonly text: TextEncoder & { readonly key: string };
  readonly image: Omit<ImageEncoder, 'close'>;
  close(): Promise<void>;
}

export interface EncoderOptions {
  /** Searched in order for folders and manifest.json; the first one wins. */
  readonly modelDirs: readonly string[];
  /** Name in manifest.json. @default the manifest's default profile */
  readonly profile?: string;
  /** Name in manifest.json of a text encoder to use instead of the profile's own. */
  readonly text?: string;
  /** When the text encoder is loaded: `later`, with the first text, for a process that may see none. @default 'now' */
  readonly texts?: 'now' | 'later';
  /** Threads of one model run. @default os.availableParallelism() */
  readonly threads?: number;
  readonly limits?: DecodeLimits;
}

/**
 * Loads the text encoder of a profile, unless it is to be loaded later, and checks the files of both encoders. The
 * image encoder is loaded, with the decoder, for the first picture.
 * @throws {model-mismatch}
 * @throws {invalid-config}
 */
export async function loadEncoders(options: EncoderOptions): Promise<Encoders> {
  const { modelDirs, threads, limits } = options;
  const manifest = await loadManifest(modelDirs);
  const own = profileOf(manifest, options.profile ?? manifest.defaultProfile);
  const profile = options.text === undefined ? own : { ...own, text: textEncoderOf(manifest, options.text) };
  for (const encoder of [profile.text, profile.image]) {
    await findEncoder(modelDirs, encoder, encoderAdvice(profile.name));
  }
  const image = await openImageEncoder(modelDirs, profile.image, { threads, limits });
  const loadText = () => loadTextEncoder(modelDirs, profile.text, { threads });
  const text =
    options.texts === 'later'
      ? await describeTextEncoder(modelDirs, profile.text, loadOnce(loadText))
      : await loadText();
  return {
    profile,
    text: { ...text, key: fingerprintKey(text.fingerprint) },
    image,
    async close() {
      await text.close();
      await image.close();
    },
  };
}

export type { ImageModel, ImageOutputs, TextEncoder };
export { DEFAULT_LIMITS };
