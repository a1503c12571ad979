import { SightlineError } from '../errors.ts';
import { LOGITS, packClasses } from '../picture/top-classes.ts';
import type { EmbeddedPicture, ImageEmbedder } from '../ports.ts';
import type { SpaceId } from '../types.ts';
import { fingerprintTextEncoder } from './encoder-fingerprints.ts';
import type { EncoderOptions } from './encoder-pair.ts';
import { type ImageProjection, openImageSide } from './head.ts';
import { type HeadFile, loadHeadFile } from './head-file.ts';
import { type ImageEncoder, openImageEncoder } from './image-encoder.ts';
import { encoderAdvice, headAdvice, loadManifest, type Profile, profileOf } from './manifest.ts';
import { findEncoder, findFolder } from './model-files.ts';
import { sharedSpace, sharedSpaceId } from './shared-space.ts';
import { type Fingerprint, pairSpaceId, spaceId } from './space-id.ts';

export interface EmbedderOptions extends EncoderOptions {
  /** Folder of the head, instead of the profile's own in one of the model directories; null for none. */
  readonly head?: string | null;
}

/**
 * Only the image side of a profile, for a process that never sees a text: it needs neither the code of text encoders
 * nor their files, except for spaces whose id depends on them ({@link hasPairId}).
 * @throws {model-mismatch} naming both sides
 * @throws {invalid-config} for an unknown profile
 */
export async function loadImageEmbedder(options: EmbedderOptions): Promise<ImageEmbedder> {
  const { modelDirs } = options;
  const manifest = await loadManifest(modelDirs);
  const profile = profileOf(manifest, options.profile ?? manifest.defaultProfile);
  await findEncoder(modelDirs, profile.image, encoderAdvice(profile.name));
  const encoder = await openImageEncoder(modelDirs, profile.image, options);
  const text = () => fingerprintTextEncoder(modelDirs, profile.text);
  const folder = await headFolder(options, profile);
  if (folder === null) {
    const space = sharedSpaceId({ text: await text(), image: encoder.fingerprint });
    return imageEmbedder({ space, sameAs: [] }, encoder, sharedSpace(profile));
  }
  const info = await loadHeadFile(folder);
  const side = await openImageSide(folder, info, encoder);
  const space = await spaceOfHead(folder, info, { text, image: encoder.fingerprint });
  return imageEmbedder({ space, sameAs: info.sameAs }, encoder, side);
}

function imageEmbedder(
  ids: Pick<ImageEmbedder, 'space' | 'sameAs'>,
  encoder: ImageEncoder,
  side: ImageProjection,
): ImageEmbedder {
  return {
    ...ids,
    dimension: side.dimension,
    embedImage: (bytes) => embedPicture(encoder, side, bytes),
    describeImage: (bytes) => encoder.describe(bytes),
    async close() {
      await side.close();
      await encoder.close();
    },
  };
}

/** A picture through its encoder and the image side of a head. */
export async function embedPicture(
  encoder: Pick<ImageEncoder, 'encode' | 'classes'>,
  side: Pick<ImageProjection, 'projectImages'>,
  bytes: Uint8Array,
): Promise<EmbeddedPicture> {
  const { outputs, picture } = await encoder.encode(bytes);
  const [vector] = await side.projectImages([outputs]);
  return { vector: vector!, classes: encoder.classes === null ? null : packClasses(outputs[LOGITS]!), picture };
}

/** The folder of the head for a profile; null for none. */
export async function headFolder({ head, modelDirs }: EmbedderOptions, profile: Profile): Promise<string | null> {
  if (head !== undefined) return head;
  return profile.head && (await findFolder(modelDirs, profile.head, headAdvice(profile.name)));
}

/** Whether the id of a space also depends on its text encoder: without a head, or with an old one. */
export function hasPairId(head: HeadFile | null): boolean {
  return head === null || head.format === 1;
}

/**
 * The space of encoders and head.
 * @throws {model-mismatch} when head.json has another one: it was made for other files
 */
export async function spaceOfHead(
  folder: string,
  info: HeadFile,
  encoders: { readonly text: () => Promise<Fingerprint>; readonly image: Fingerprint },
): Promise<SpaceId> {
  const { image } = encoders;
  const head = { sha256: info.image.onnx.sha256, dimension: info.dimension };
  const space = hasPairId(info) ? pairSpaceId({ text: await encoders.text(), image, head }) : spaceId({ image, head });
  if (space !== info.space) {
    throw new SightlineError(
      'model-mismatch',
      `${folder}: this head expects space ${info.space}, but these encoders and their preprocessing make it ${space}`,
      { details: { file: folder, expected: info.space, got: space } },
    );
  }
  return space;
}

/** The embedder with another id of its space, as used by an index. */
export function knownAs<E extends ImageEmbedder>(embedder: E, id: SpaceId | undefined): E {
  const { space, sameAs } = embedder;
  if (id === undefined || !sameAs.includes(id)) return embedder;
  return { ...embedder, space: id, sameAs: [space, ...sameAs.filter((other) => other !== id)] };
}
