import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { type Loaded, loadOnce } from '../load-once.ts';
import type { LanguageHint, ReadText } from '../ports.ts';
import type { JointEmbedding } from '../types.ts';
import { guessLanguage, UNNAMED } from './detect-language.ts';
import type { EncoderOptions, Encoders } from './encoders.ts';
import { type HeadInputs, loadTextSide, type TextProjection } from './head.ts';
import type { HeadFile, TextSideFile } from './head-file.ts';
import { loadManifest, textEncoderOf } from './manifest.ts';
import { findEncoder } from './model-files.ts';
import { fingerprintKey } from './space-id.ts';
import { loadTextEncoder, OWN_OUTPUT, type TextEncoder } from './text-encoder.ts';

/**
 * The text sides of a space: a text encoder each, and what brings its vectors into the space. The first is there from
 * the start; each other one is loaded with the first text that needs it.
 */

export interface TextSide {
  /** Name of its encoder. */
  readonly encoder: string;
  /** ISO 639-1 codes of the languages that it is meant for; none when nobody says. */
  readonly languages: readonly string[];
  /** Cosine of the picture that usually fits best; null when nobody measured it. */
  readonly match: ReadText['match'];
  /** Changes whenever its vectors may. */
  readonly version: string;
  isLoaded(): boolean;
  /** One answer a text, in order. */
  embed(texts: readonly string[]): Promise<EmbeddedText[]>;
  /** False when its encoder has no token for anything in the text. */
  knows(text: string): Promise<boolean>;
  /** Which share of these words, in lower case, have a token of their own. */
  ownShare(words: readonly string[]): Promise<number>;
  /** The place of each word in its vocabulary, where common ones come first; null for those that it does not have. */
  wordRanks(words: readonly string[]): Promise<(number | null)[]>;
  close(): Promise<void>;
}

/** A text in the joint space, and as the text encoder itself sees it. */
type EmbeddedText = Pick<ReadText, 'vector' | 'own'>;

/** An encoder with its projection. */
interface Parts {
  readonly encoder: Pick<TextEncoder, 'outputs' | 'encode' | 'knows' | 'hasWord' | 'wordRank' | 'close'>;
  readonly projection: TextProjection;
}

/** Vectors of recent texts: paging and typing ask for the same ones again and again. */
const REMEMBERED_TEXTS = 1000;
/** Longer texts are not worth keeping. UTF-16 units. */
const REMEMBERED_LENGTH = 500;

/** The side of a profile's own text encoder; `file` is what head.json says of it, null for encoders without a head. */
export function firstSide(text: Encoders['text'], projection: TextProjection, file: TextSideFile | null): TextSide {
  const parts = { encoder: text, projection };
  return sideOf(file ?? { encoder: text.name, languages: [], onnx: { sha256: text.key } }, {
    loaded: { get: async () => parts, peek: async () => parts },
    isLoaded: () => true,
  });
}

/** The other sides of a head whose files are here, in its order. Nothing of them is loaded yet. */
export async function otherSides(
  options: EncoderOptions,
  folder: string,
  head: HeadFile,
  first: string,
): Promise<TextSide[]> {
  const others = head.texts.filter(({ encoder }) => encoder !== first);
  if (others.length === 0) return [];
  const { modelDirs, threads } = options;
  const manifest = await loadManifest(modelDirs);
  const sides = others.map(async (file) => {
    const entry = Object.hasOwn(manifest.encoders, file.encoder) ? textEncoderOf(manifest, file.encoder) : null;
    const places = [join(folder, file.onnx.path), entry && (await findEncoder(modelDirs, entry).catch(() => null))];
    const found = await Promise.all(places.map((place) => place && stat(place).catch(() => null)));
    if (entry === null || found.includes(null)) return [];
    let isLoaded = false;
    const loaded = loadOnce(async () => {
      const encoder = await loadTextEncoder(modelDirs, entry, { threads });
      const inputs: HeadInputs['text'] = { ...encoder, key: fingerprintKey(encoder.fingerprint) };
      const projection = await loadTextSide(folder, head, file, inputs).catch(async (error: unknown) => {
        await encoder.close();
        throw error;
      });
      isLoaded = true;
      return { encoder, projection };
    });
    return [sideOf(file, { loaded, isLoaded: () => isLoaded })];
  });
  return (await Promise.all(sides)).flat();
}

function sideOf(
  file: Pick<TextSideFile, 'encoder' | 'languages' | 'match'> & { readonly onnx: { readonly sha256: string } },
  { loaded, isLoaded }: { readonly loaded: Loaded<Parts>; readonly isLoaded: () => boolean },
): TextSide {
  const remembered = new LRUCache<string, EmbeddedText>({ max: REMEMBERED_TEXTS });
  const embedNew = async (texts: readonly string[]) => {
    const { encoder, projection } = await loaded.get();
    const raw = await encoder.encode(texts);
    const vectors = await projection.projectTexts(raw);
    // The other parts would only take memory.
    const made = texts.map((_, i) => ({ vector: vectors[i]!, own: raw[i]!.slice(0, encoder.outputs[OWN_OUTPUT]) }));
    for (const [i, text] of texts.entries()) {
      if (text.length <= REMEMBERED_LENGTH) remembered.set(text, made[i]!);
    }
    return new Map(texts.map((text, i) => [text, made[i]!]));
  };
  return {
    encoder: file.encoder,
    languages: file.languages,
    match: file.match ?? null,
    version: `${file.encoder}-${file.onnx.sha256.slice(0, 16)}`,
    isLoaded,
    async embed(texts) {
      const known = new Map(texts.map((text) => [text, remembered.get(text)]));
      const unknown = [...known.keys()].filter((text) => known.get(text) === undefined);
      const made = unknown.length === 0 ? known : await embedNew(unknown);
      return texts.map((text) => {
        const { vector, own } = (known.get(text) ?? made.get(text))!;
        // A copy: a caller may do with its vector what it likes.
        return { vector: vector.slice() as JointEmbedding, own };
      });
    },
    knows: async (text) => (await loaded.get()).encoder.knows(text),
    async ownShare(words) {
      const { encoder } = await loaded.get();
      const own = await Promise.all(words.map((word) => encoder.hasWord(word)));
      return own.filter(Boolean).length / Math.max(1, words.length);
    },
    async wordRanks(words) {
      const { encoder } = await loaded.get();
      return Promise.all(words.map((word) => encoder.wordRank(word)));
    },
    async close() {
      const parts = await loaded.peek();
      await parts?.encoder.close();
      await parts?.projection.close();
    },
  };
}

/** Whether a side that is loaded has one token for all of a word, in lower case. */
export async function anyHasWord(sides: readonly TextSide[], word: string): Promise<boolean> {
  const loaded = sides.filter((side) => side.isLoaded());
  const shares = await Promise.all(loaded.map((side) => side.ownShare([word])));
  return shares.includes(1);
}

/** Whether a text of this language, null when nothing says, is read by that version of a side. */
export function reads(sides: readonly TextSide[], language: string | null, version: string): boolean {
  if (language === null) return sides.some((side) => side.version === version);
  return sideFor(sides, language).version === version;
}

/** A language that none is meant for is best known by the one with the most. */
function sideFor(sides: readonly TextSide[], language: string): TextSide {
  return sides.find(({ languages }) => languages.includes(language)) ?? sides.at(-1)!;
}

/** Which side reads a text, and as which language. */
interface Choice {
  readonly side: TextSide;
  readonly language: string | null;
}

/** Reads texts, each with the side of its language. */
export async function readTexts(
  sides: readonly TextSide[],
  texts: readonly string[],
  hint: LanguageHint,
): Promise<ReadText[]> {
  const choices = await Promise.all(texts.map((text) => choose(sides, text, hint)));
  const vectors = new Map<string, EmbeddedText>();
  const keyOf = (text: string, { side }: Choice) => `${side.encoder} ${text}`;
  for (const side of sides) {
    const own = texts.filter((_, i) => choices[i]!.choice.side === side);
    const made = own.length === 0 ? [] : await side.embed(own);
    for (const [i, text] of own.entries()) vectors.set(keyOf(text, { side, language: null }), made[i]!);
  }
  return Promise.all(
    texts.map(async (text, i) => {
      const { choice, other } = choices[i]!;
      const { vector, own } = vectors.get(keyOf(text, choice))!;
      const read = await reading(text, choice, { vector: vector.slice() as JointEmbedding, own });
      if (other === null) return read;
      const otherwise = async () => reading(text, other, (await other.side.embed([text]))[0]!);
      return { ...read, otherwise: { isLoaded: other.side.isLoaded(), read: otherwise } };
    }),
  );
}

async function reading(text: string, { side, language }: Choice, embedded: EmbeddedText): Promise<ReadText> {
  const { encoder, match, version, languages } = side;
  const isNamed = language !== null && language !== UNNAMED;
  const speaks = !isNamed || languages.length === 0 || languages.includes(language);
  const known = await side.knows(text);
  return { ...embedded, language, side: encoder, version, speaks, match, known, otherwise: null };
}

async function choose(
  sides: readonly TextSide[],
  text: string,
  { lang, preferred, settled }: LanguageHint,
): Promise<{ choice: Choice; other: Choice | null }> {
  const first = sides[0]!;
  const speaking = (language: string | null): Choice => ({
    side: language === null ? first : sideFor(sides, language),
    language,
  });
  if (lang !== null) return { choice: speaking(lang), other: null };
  if (first.languages.length === 0) return { choice: { side: first, language: null }, other: null };
  const isEnglish = first.languages.includes('en');
  const englishShare = async (words: readonly string[]) => (isEnglish ? first.ownShare(words) : 0);
  const { language, also } = await guessLanguage(text, { preferred, englishShare });
  if (also !== null && (also === settled || language === settled)) return { choice: speaking(settled), other: null };
  const choice = speaking(language);
  const last = sides.at(-1)!;
  const isForLast = choice.side !== last && !(await choice.side.knows(text)) && (await last.knows(text));
  if (isForLast) return { choice: { side: last, language }, other: null };
  const other = also === null ? null : speaking(also);
  if (other?.side !== choice.side) return { choice, other };
  // Of two languages that one side would read, the one that it is meant for.
  return { choice: choice.side.languages.includes(language ?? '') ? choice : other, other: null };
}
