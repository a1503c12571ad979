import { loadHeadFile } from '../core/encode/head.ts';
import { loadManifest, profileOf } from '../core/encode/manifest.ts';
import { findFolder } from '../core/encode/model-files.ts';
import { type ModelInfo, trainingCurves } from './http/schemas/system.ts';

/** What GET /model answers, from the manifest and head.json. Throws `model-mismatch` and `invalid-config`. */
export async function describeModel(config: {
  readonly modelDirs: readonly string[];
  readonly profile?: string;
  readonly head?: string;
}): Promise<ModelInfo> {
  const manifest = await loadManifest(config.modelDirs);
  const profile = profileOf(manifest, config.profile ?? manifest.defaultProfile);
  const head = await loadHeadFile(config.head ?? (await findFolder(config.modelDirs, profile.head)));
  const { text, image } = profile;
  const { pairs } = head.training;
  const figures = Object.entries({ ...head.training, ...(isRecord(pairs) && pairs) }).filter(
    (entry): entry is [string, string | number | null] =>
      entry[1] === null || typeof entry[1] === 'string' || typeof entry[1] === 'number',
  );
  const curves = trainingCurves.safeParse(head.training.curves);
  return {
    space: head.space,
    dimension: head.dimension,
    profile: profile.name,
    text: {
      name: text.name,
      dimension: text.dimension,
      licence: text.licence,
      source: text.source,
      maxTokens: text.maxTokens,
    },
    image: {
      name: image.name,
      dimension: Object.entries(image.outputs)
        .filter(([output]) => head.image.inputs.includes(output))
        .reduce((sum, [, size]) => sum + size, 0),
      licence: image.licence,
      source: image.source,
      cropPixels: image.preprocessing.crop,
    },
    head: {
      name: head.name,
      trained: Object.fromEntries([['recipe', head.recipe], ...figures]),
      // A head that was made elsewhere may say nothing of its training.
      curves: curves.success ? curves.data : [],
    },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
