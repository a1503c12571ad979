import { seenWords } from '../picture/words-for-classes.ts';
import { ANY_LANGUAGE, type Embedder } from '../ports.ts';
import { type Calibration, loadCalibration } from '../search/calibration.ts';
import { wordsOf } from '../search/lexical-terms.ts';
import { type Loaded, loadOnce } from '../util/load-once.ts';
import { loadCaptionWords } from './caption-words.ts';
import { type Encoders, loadEncoders } from './encoder-pair.ts';
import { loadHead } from './head.ts';
import { type EmbedderOptions, embedPicture, headFolder, spaceOfHead } from './image-embedder.ts';
import { findEncoder } from './model-files.ts';
import { type Projection, sharedSpace, sharedSpaceId } from './shared-space.ts';
import { anyHasWord, firstSide, otherSides, reads, readTexts, type TextSide } from './text-sides.ts';

/**
 * Loads text encoder and head and checks that they match; the image encoder is loaded with the first picture.
 * @throws {model-mismatch} naming both sides
 * @throws {invalid-config} for an unknown profile
 */
export async function loadEmbedder(options: EmbedderOptions): Promise<Embedder> {
  const encoders = await loadEncoders(options);
  try {
    const head = await headFolder(options, encoders.profile);
    if (head !== null) return await withHead(options, encoders, head);
    const space = sharedSpaceId({ text: encoders.text.fingerprint, image: encoders.image.fingerprint });
    const shared = sharedSpace(encoders.profile);
    const sides = [firstSide(encoders.text, shared, null)];
    const folder = await findEncoder(options.modelDirs, encoders.profile.text);
    return createEmbedder({ encoders, head: shared, sides, folder }, { space, sameAs: [] });
  } catch (error) {
    await encoders.close();
    throw error;
  }
}

async function withHead(options: EmbedderOptions, encoders: Encoders, folder: string): Promise<Embedder> {
  const head = await loadHead(folder, encoders);
  try {
    const { sameAs } = head.info;
    const { fingerprint: image } = encoders.image;
    const space = await spaceOfHead(folder, head.info, { text: async () => encoders.text.fingerprint, image });
    const { name } = encoders.text;
    const first = firstSide(encoders.text, head, head.info.texts.find(({ encoder }) => encoder === name)!);
    const sides = [first, ...(await otherSides(options, folder, head.info, name))];
    return createEmbedder({ encoders, head, sides, folder }, { space, sameAs });
  } catch (error) {
    await head.close();
    throw error;
  }
}

/** Rank of a word that occurs only in class names of the image encoder: after the whole vocabulary. */
const RARE = 1e6;

/** The parts of an embedder. */
interface Parts {
  readonly encoders: Encoders;
  readonly head: Projection;
  readonly sides: readonly TextSide[];
  /** Where calibrations are: the folder of the head, or without one that of the text encoder. */
  readonly folder: string;
}

function createEmbedder({ encoders, head, sides, folder }: Parts, ids: Pick<Embedder, 'space' | 'sameAs'>): Embedder {
  const calibrations = new Map<string, Loaded<Calibration | null>>(
    sides.map(({ encoder }) => [encoder, loadOnce(() => loadCalibration(folder, encoder, head.dimension))]),
  );
  const captionWords = loadOnce(() => loadCaptionWords(folder));
  const { classes: named } = encoders.image;
  const nameWords = new Set(named?.flatMap(({ names, hypernyms }) => [names[0]!, ...hypernyms].flatMap(wordsOf)));
  return {
    ...ids,
    dimension: head.dimension,
    embedTexts: async (texts) => (await readTexts(sides, texts, ANY_LANGUAGE)).map(({ vector }) => vector),
    readTexts: (texts, hint) => readTexts(sides, texts, hint),
    reads: (language, version) => reads(sides, language, version),
    calibration: async (side) => calibrations.get(side)?.get() ?? null,
    hasWord: async (word) => anyHasWord(sides, word),
    async wordRanks(words) {
      const ranks = await sides[0]!.wordRanks(words);
      return words.map((word, i) => ranks[i] ?? (nameWords.has(word) ? RARE : null));
    },
    async captionWords(language) {
      const words = await captionWords.get();
      return language === null ? Object.values(words).flat() : (words[language] ?? []);
    },
    embedImage: (bytes) => embedPicture(encoders.image, head, bytes),
    describeImage: (bytes) => encoders.image.describe(bytes),
    seenWords: (classes) => (named === null || classes === null ? [] : seenWords(named, classes)),
    async close() {
      for (const side of sides.slice(1)) await side.close();
      await head.close();
      await encoders.close();
    },
  };
}
