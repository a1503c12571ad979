import { loadHeadFile, trainingCurves } from '../../core/encode/head-file.ts';
import { outputSizes, preprocessingOf } from '../../core/encode/image-model.ts';
import { loadManifest, type Profile, profileOf, SHARED_OUTPUT } from '../../core/encode/manifest.ts';
import { findFolder } from '../../core/encode/model-files.ts';
import { readSharedSpaceId } from '../../core/encode/shared-space.ts';
import type { SpaceId } from '../../core/types.ts';
import { isJsonObject } from '../../core/util/canonical-json.ts';
import type { ModelInfo } from './schemas/system.ts';

/**
 * The answer of GET /model, from the manifest and head.json.
 * @throws {model-mismatch}
 * @throws {invalid-config}
 */
export async function describeModel(config: {
  readonly modelDirs: readonly string[];
  readonly profile?: string;
  readonly head?: string | null;
  /** The space, when it is known. */
  readonly space?: SpaceId;
}): Promise<ModelInfo> {
  const manifest = await loadManifest(config.modelDirs);
  const profile = profileOf(manifest, config.profile ?? manifest.defaultProfile);
  const { text, image } = profile;
  const outputs = outputSizes(image);
  const folder =
    config.head === undefined && profile.head !== null ? await findFolder(config.modelDirs, profile.head) : config.head;
  const head = folder ? await describeHead(folder) : await describeSharedSpace(config, profile);
  return {
    space: config.space ?? head.space,
    dimension: head.dimension,
    profile: profile.name,
    text: {
      name: text.name,
      dimension: text.dimension,
      licence: text.licence,
      source: text.source,
      maxTokens: text.maxTokens,
    },
    texts: head.texts ?? [{ encoder: text.name, languages: [], sha256: null }],
    image: {
      name: image.name,
      dimension: head.imageOutputs.reduce((sum, output) => sum + (outputs[output] ?? 0), 0),
      licence: image.licence,
      source: image.source,
      cropPixels: (await preprocessingOf(config.modelDirs, image)).crop,
    },
    head: head.about,
  };
}

interface Projected {
  readonly space: SpaceId;
  readonly dimension: number;
  /** The outputs of the image encoder that are used. */
  readonly imageOutputs: readonly string[];
  readonly texts: ModelInfo['texts'] | null;
  readonly about: ModelInfo['head'];
}

async function describeHead(folder: string): Promise<Projected> {
  const { space, dimension, name, recipe, training, image, texts } = await loadHeadFile(folder);
  const { pairs } = training;
  const figures = Object.entries({ ...training, ...(isJsonObject(pairs) && pairs) }).filter(
    (entry): entry is [string, string | number | null] =>
      entry[1] === null || typeof entry[1] === 'string' || typeof entry[1] === 'number',
  );
  const curves = trainingCurves.safeParse(training.curves);
  return {
    space,
    dimension,
    imageOutputs: image.inputs,
    texts: texts.map(({ encoder, languages, onnx }) => ({ encoder, languages, sha256: onnx.sha256 })),
    about: {
      name,
      trained: Object.fromEntries([['recipe', recipe], ...figures]),
      // A head made by another trainer may lack training figures.
      curves: curves.success ? curves.data : [],
    },
  };
}

async function describeSharedSpace(
  config: { readonly modelDirs: readonly string[]; readonly space?: SpaceId },
  profile: Profile,
): Promise<Projected> {
  const space = config.space ?? (await readSharedSpaceId(config.modelDirs, profile));
  const about = { name: `none: ${profile.text.sharedSpace}`, trained: {}, curves: [] };
  return { space, dimension: profile.text.dimension, imageOutputs: [SHARED_OUTPUT], texts: null, about };
}
