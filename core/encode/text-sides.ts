import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { LanguageHint, ReadText } from '../ports.ts';
import type { JointEmbedding } from '../types.ts';
import { type Loaded, loadOnce } from '../util/load-once.ts';
import { guessLanguage, UNNAMED } from './detect-language.ts';
import type { EncoderOptions, Encoders } from './encoder-pair.ts';
import { type HeadInputs, loadTextSide, type TextProjection } from './head.ts';
import type { HeadFile, TextSideFile } from './head-file.ts';
import { loadManifest, textEncoderOf } from './manifest.ts';
import { findEncoder } from './model-files.ts';
import { fingerprintKey } from './space-id.ts';
import { loadTextEncoder, OWN_OUTPUT, type TextEncoder } from './text-encoder.ts';

/**
 * The text sides of a space: each is a text encoder and a projection of its vectors into the space. The first is loaded
 * at startup, the others with the first text that needs them.
 */

export interface TextSide {
  /** Name of its encoder. */
  readonly encoder: string;
  /** ISO 639-1 codes of its languages; empty when unspecified. */
  readonly languages: readonly string[];
  /** Changes whenever its vectors may change. */
  readonly version: string;
  isLoaded(): boolean;
  /** One result per text, in order. */
  embed(texts: readonly string[]): Promise<EmbeddedText[]>;
  /** False when its encoder knows no token of the text. */
  knows(text: string): Promise<boolean>;
  /** Share of these lower-case words that are single tokens. */
  ownShare(words: readonly string[]): Promise<number>;
  /** The rank of each word in its vocabulary, common words first; null for unknown words. */
  wordRanks(words: readonly string[]): Promise<(number | null)[]>;
  close(): Promise<void>;
}

/** A text in the joint space, and the text encoder's own output. */
type EmbeddedText = Pick<ReadText, 'vector' | 'own'>;

/** An encoder with its projection. */
interface Parts {
  readonly encoder: Pick<TextEncoder, 'outputs' | 'encode' | 'knows' | 'hasWord' | 'wordRank' | 'close'>;
  readonly projection: TextProjection;
}

/** Maximum cached texts: paging and typing request the same ones repeatedly. */
const REMEMBERED_TEXTS = 1000;
/** Longer texts are not cached. UTF-16 units. */
const REMEMBERED_LENGTH = 500;

/** The side of a profile's own text encoder; `file` is its entry in head.json, null for encoders without a head. */
export function firstSide(text: Encoders['text'], projection: TextProjection, file: TextSideFile | null): TextSide {
  const parts = { encoder: text, projection };
  return sideOf(file ?? { encoder: text.name, languages: [], onnx: { sha256: text.key } }, {
    loaded: { get: async () => parts, peek: async () => parts },
    isLoaded: () => true,
  });
}

/** The other sides of a head whose files exist, in order. Nothing is loaded yet. */
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
  file: Pick<TextSideFile, 'encoder' | 'languages'> & { readonly onnx: { readonly sha256: string } },
  { loaded, isLoaded }: { readonly loaded: Loaded<Parts>; readonly isLoaded: () => boolean },
): TextSide {
  const remembered = new LRUCache<string, EmbeddedText>({ max: REMEMBERED_TEXTS });
  const embedNew = async (texts: readonly string[]) => {
    const { encoder, projection } = await loaded.get();
    const raw = await encoder.encode(texts);
    const vectors = await projection.projectTexts(raw);
    // Keep only the own part, to save memory.
    const made = texts.map((_, i) => ({ vector: vectors[i]!, own: raw[i]!.slice(0, encoder.outputs[OWN_OUTPUT]) }));
    for (const [i, text] of texts.entries()) {
      if (text.length <= REMEMBERED_LENGTH) remembered.set(text, made[i]!);
    }
    return new Map(texts.map((text, i) => [text, made[i]!]));
  };
  return {
    encoder: file.encoder,
    languages: file.languages,
    version: `${file.encoder}-${file.onnx.sha256.slice(0, 16)}`,
    isLoaded,
    async embed(texts) {
      const known = new Map(texts.map((text) => [text, remembered.get(text)]));
      const unknown = [...known.keys()].filter((text) => known.get(text) === undefined);
      const made = unknown.length === 0 ? known : await embedNew(unknown);
      return texts.map((text) => {
        const { vector, own } = (known.get(text) ?? made.get(text))!;
        // A copy: the caller may modify its vector.
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

/** Whether a loaded side has a single token for a lower-case word. */
export async function anyHasWord(sides: readonly TextSide[], word: string): Promise<boolean> {
  const loaded = sides.filter((side) => side.isLoaded());
  const shares = await Promise.all(loaded.map((side) => side.ownShare([word])));
  return shares.includes(1);
}

/** Whether texts of this language (null when unknown) are read by that version of a side. */
export function reads(sides: readonly TextSide[], language: string | null, version: string): boolean {
  if (language === null) return sides.some((side) => side.version === version);
  return sideFor(sides, language).version === version;
}

/** The side for a language; if none supports it, the one with the most languages. */
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
      const { choice, other, isOpen = false } = choices[i]!;
      const { vector, own } = vectors.get(keyOf(text, choice))!;
      const read = await reading(text, choice, { vector: vector.slice() as JointEmbedding, own });
      if (other === null) return read;
      const otherwise = async () => reading(text, other, (await other.side.embed([text]))[0]!);
      return { ...read, otherwise: { isLoaded: other.side.isLoaded(), isAsLikely: isOpen, read: otherwise } };
    }),
  );
}

async function reading(text: string, { side, language }: Choice, embedded: EmbeddedText): Promise<ReadText> {
  const { encoder, version, languages } = side;
  const isNamed = language !== null && language !== UNNAMED;
  const speaks = !isNamed || languages.length === 0 || languages.includes(language);
  const known = await side.knows(text);
  return { ...embedded, language, side: encoder, version, speaks, known, otherwise: null };
}

async function choose(
  sides: readonly TextSide[],
  text: string,
  { lang, preferred, settled }: LanguageHint,
): Promise<{ choice: Choice; other: Choice | null; isOpen?: boolean }> {
  const first = sides[0]!;
  const speaking = (language: string | null): Choice => ({
    side: language === null ? first : sideFor(sides, language),
    language,
  });
  if (lang !== null) return { choice: speaking(lang), other: null };
  if (first.languages.length === 0) return { choice: { side: first, language: null }, other: null };
  const isEnglish = first.languages.includes('en');
  const englishShare = async (words: readonly string[]) => (isEnglish ? first.ownShare(words) : 0);
  const { language, also, isOpen } = await guessLanguage(text, { preferred, englishShare });
  if (also !== null && (also === settled || language === settled)) return { choice: speaking(settled), other: null };
  const choice = speaking(language);
  const last = sides.at(-1)!;
  const isForLast = choice.side !== last && !(await choice.side.knows(text)) && (await last.knows(text));
  if (isForLast) return { choice: { side: last, language }, other: null };
  const other = also === null ? null : speaking(also);
  if (other?.side !== choice.side) return { choice, other, isOpen };
  // If one side would read both languages, prefer the one it supports.
  return { choice: choice.side.languages.includes(language ?? '') ? choice : other, other: null };
}
