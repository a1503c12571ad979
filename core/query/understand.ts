import type { Colour } from '../picture/colour-names.ts';
import { type ColourCut, chineseColourCuts, colourCuts, isAboutPictures } from './find-colours.ts';
import { chineseWithoutCuts, saysNothing, withoutCuts } from './find-exclusions.ts';
import { type Cut, type Token, tokensOf, unquoted } from './tokens.ts';

/**
 * Interprets words of a query that a model misreads: to a text encoder "a beach without people" is about people. Only
 * clear phrases are interpreted, and quoted text is taken literally (docs/decisions/0026-words-people-type.md).
 */

/** The supported languages: those of the page. */
const LANGUAGES = ['en', 'de', 'fr', 'es', 'zh'] as const;
export type UnderstoodLanguage = (typeof LANGUAGES)[number];

/** Something unwanted, with the words that say so: in quotes they would be taken literally. */
export interface UnderstoodWithout {
  readonly text: string;
  readonly words: string;
}

/** The same of a colour of the whole picture. */
export interface UnderstoodColour {
  readonly colour: Colour;
  readonly words: string;
}

export interface Understood {
  readonly without: readonly UnderstoodWithout[];
  readonly colours: readonly UnderstoodColour[];
}

/** The interpretation of a text in one language. */
export interface Reading extends Understood {
  /**
   * The remaining text to search for, without quotes: the whole text when it has only colours, null when only
   * exclusions remain. Never empty.
   */
  readonly text: string | null;
  /** The text has only colours. */
  readonly isOnlyColours: boolean;
  /** No other supported language has these words. */
  readonly isSure: boolean;
}

export type Readings = ReadonlyMap<UnderstoodLanguage, Reading>;

/** The readings of a text, for each language in which it has conditions; usually none. */
export function readings(text: string, what: 'all' | 'without' = 'all'): Readings {
  const tokens = tokensOf(text);
  const found = LANGUAGES.map((language) => [language, readingIn(text, tokens, language, what)] as const);
  return new Map(found.flatMap(([language, reading]) => (reading === null ? [] : [[language, reading] as const])));
}

/**
 * The most likely reading, or null.
 * @param language detected language of the text; null when unknown
 * @param preferred languages of the caller, in order of preference
 */
export function meantReading(
  found: Readings,
  language: string | null,
  preferred: readonly string[],
): UnderstoodLanguage | null {
  const has = (one: string | null): one is UnderstoodLanguage => found.has(one as UnderstoodLanguage);
  if (has(language)) return language;
  const [sure] = [...found].find(([, { isSure }]) => isSure) ?? [];
  return sure ?? (language === null ? ([...preferred, 'en'].find(has) ?? null) : null);
}

/** Null when the text has no conditions. */
function readingIn(
  text: string,
  tokens: readonly Token[],
  language: UnderstoodLanguage,
  what: 'all' | 'without',
): Reading | null {
  const asked = language === 'zh' ? chineseColourCuts(text) : colourCuts(tokens, language);
  const colours = what === 'all' ? asked : [];
  const without =
    language === 'zh' ? chineseWithoutCuts(text) : withoutCuts(text, apartFrom(colours, tokens), language);
  const cuts: Cut[] = [...colours, ...without].sort((a, b) => a.from - b.from);
  if (cuts.length === 0) return null;
  const rest = restOf(text, cuts);
  const isAllCut = colours.length > 0 ? !tells(rest, language) : !names(rest, language);
  const isOnlyColours = isAllCut && without.length === 0;
  return {
    text: isOnlyColours ? unquoted(text) : isAllCut ? null : rest,
    without: without.map((cut) => ({ text: cut.text, words: text.slice(cut.from, cut.to) })),
    colours: coloursOf(text, colours),
    isOnlyColours,
    isSure: cuts.some(({ isSure }) => isSure),
  };
}

function coloursOf(text: string, cuts: readonly ColourCut[]): UnderstoodColour[] {
  const all = cuts.flatMap(({ colours }) => colours);
  const first = all.filter(({ colour }, i) => all.findIndex((one) => one.colour === colour) === i);
  return first.map(({ colour, from, to }) => ({ colour, words: text.slice(from, to) }));
}

/** The tokens with a stop in place of each colour phrase. */
function apartFrom(cuts: readonly Cut[], tokens: readonly Token[]): Token[] {
  const isCut = ({ from }: Token) => cuts.some((cut) => from >= cut.from && from < cut.to);
  return tokens.map((token) => (isCut(token) ? { ...token, kind: 'stop', word: ';' } : token));
}

/** A text without its cuts and quotes. */
function restOf(text: string, cuts: readonly Cut[]): string {
  let rest = '';
  let last = 0;
  for (const { from, to } of cuts) {
    rest += text.slice(last, from).replace(/[\s,;，；]+$/u, '');
    last = to;
  }
  return unquoted(`${rest}${text.slice(last)}`.replace(/^[\s,;.，。；]+|[\s,;，；]+$/gu, ''));
}

/** Whether it names anything. */
function names(text: string, language: UnderstoodLanguage): boolean {
  if (language === 'zh') return /[^\s的，,。；;]/u.test(text);
  return tokensOf(text).some(({ kind, word }) => kind !== 'stop' && !saysNothing(word, language));
}

/** Whether it says anything about a picture's content. */
function tells(text: string, language: UnderstoodLanguage): boolean {
  if (language === 'zh') return names(text.replace(/(照片|相片|图片|图像|照|图|摄影|影像)$/u, ''), language);
  const words = tokensOf(text).filter(({ kind, word }) => kind !== 'stop' && !saysNothing(word, language));
  return words.some(({ word }) => !isAboutPictures(word, language));
}
