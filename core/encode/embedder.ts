import { LRUCache } from 'lru-cache';
import { SightlineError } from '../errors.ts';
import { type Calibration, loadCalibration } from '../fit.ts';
import { loadOnce } from '../load-once.ts';
import type { Embedder } from '../ports.ts';
import type { JointEmbedding, SpaceId } from '../types.ts';
import { type EncoderOptions, type Encoders, loadEncoders } from './encoders.ts';
import { type Head, loadHead } from './head.ts';
import { type Projection, sharedSpace, sharedSpaceId } from './identity-head.ts';
import { headAdvice } from './manifest.ts';
import { findFolder } from './model-files.ts';
import { pairSpaceId, spaceId } from './space-id.ts';

export interface EmbedderOptions extends EncoderOptions {
  /** Folder of the head, instead of the profile's own in one of the model directories; null for none. */
  readonly head?: string | null;
}

/** Vectors of recent texts: paging and typing ask for the same ones again and again. */
const REMEMBERED_TEXTS = 1000;
/** Longer texts are not worth keeping. UTF-16 units. */
const REMEMBERED_LENGTH = 500;

/**
 * Loads text encoder and head and checks that everything fits together; the image encoder is loaded when the first
 * picture comes. Throws `model-mismatch` naming both sides, and `invalid-config` for an unknown profile.
 */
export async function loadEmbedder(options: EmbedderOptions): Promise<Embedder> {
  const encoders = await loadEncoders(options);
  try {
    const own = encoders.profile.head;
    const head =
      options.head === undefined
        ? own && (await findFolder(options.modelDirs, own, headAdvice(encoders.profile.name)))
        : options.head;
    if (head !== null) return await withHead(encoders, head);
    const space = sharedSpaceId({ text: encoders.text.fingerprint, image: encoders.image.fingerprint });
    return createEmbedder(encoders, sharedSpace(encoders.profile), { space, sameAs: [] }, null);
  } catch (error) {
    await encoders.close();
    throw error;
  }
}

/** The embedder under the id by which an index knows its space, when that is another id of it. */
export function knownAs(embedder: Embedder, id: SpaceId | undefined): Embedder {
  const { space, sameAs } = embedder;
  if (id === undefined || !sameAs.includes(id)) return embedder;
  return { ...embedder, space: id, sameAs: [space, ...sameAs.filter((other) => other !== id)] };
}

async function withHead(encoders: Encoders, folder: string): Promise<Embedder> {
  const head = await loadHead(folder, encoders);
  try {
    const { sameAs } = head.info;
    const calibration = () => loadCalibration(folder, encoders.text.name, head.dimension);
    return createEmbedder(encoders, head, { space: checkSpace(encoders, head, folder), sameAs }, calibration);
  } catch (error) {
    await head.close();
    throw error;
  }
}

/** The space that encoders and head make together; head.json has to say the same, or it was made for other files. */
function checkSpace(encoders: Encoders, { info }: Head, folder: string): SpaceId {
  const { fingerprint } = encoders.image;
  const weights = { sha256: info.image.onnx.sha256, dimension: info.dimension };
  const space =
    info.format === 1
      ? pairSpaceId({ text: encoders.text.fingerprint, image: fingerprint, head: weights })
      : spaceId({ image: fingerprint, head: weights });
  if (space !== info.space) {
    throw new SightlineError(
      'model-mismatch',
      `${folder}: this head expects space ${info.space}, but these encoders and their preprocessing make it ${space}`,
      { details: { file: folder, expected: info.space, got: space } },
    );
  }
  return space;
}

function createEmbedder(
  encoders: Encoders,
  head: Projection,
  ids: Pick<Embedder, 'space' | 'sameAs'>,
  loadOwn: (() => Promise<Calibration | null>) | null,
): Embedder {
  const calibration = loadOnce(loadOwn ?? (async () => null));
  const remembered = new LRUCache<string, JointEmbedding>({ max: REMEMBERED_TEXTS });
  const embedNew = async (texts: readonly string[]) => {
    const vectors = await head.projectTexts(await encoders.text.encode(texts));
    for (const [i, text] of texts.entries()) {
      if (text.length <= REMEMBERED_LENGTH) remembered.set(text, vectors[i]!);
    }
    return new Map(texts.map((text, i) => [text, vectors[i]!]));
  };
  return {
    ...ids,
    dimension: head.dimension,
    async embedTexts(texts) {
      const known = new Map(texts.map((text) => [text, remembered.get(text)]));
      const unknown = [...known.keys()].filter((text) => known.get(text) === undefined);
      const made = unknown.length === 0 ? known : await embedNew(unknown);
      // Copies: a caller may do with its vector what it likes.
      return texts.map((text) => (known.get(text) ?? made.get(text))!.slice() as JointEmbedding);
    },
    calibration: () => calibration.get(),
    knowsText: (text) => encoders.text.knows(text),
    hasWord: (word) => encoders.text.hasWord(word),
    async embedImage(bytes) {
      const { outputs, picture } = await encoders.image.encode(bytes);
      const [vector] = await head.projectImages([outputs]);
      return { vector: vector!, picture };
    },
    describeImage: (bytes) => encoders.image.describe(bytes),
    async close() {
      await head.close();
      await encoders.close();
    },
  };
}
