import type { Colour } from '../picture/colour-names.ts';
import { type ColourCut, chineseColourCuts, colourCuts, isAboutPictures } from './colours.ts';
import { type Cut, type Token, tokensOf, unquoted } from './tokens.ts';
import { chineseWithoutCuts, saysNothing, withoutCuts } from './without.ts';

/**
 * What people mean by the words of a query that a model does not take so: to a text encoder "a beach without people" is
 * about people. Only clear forms are understood, and what stands in quotes is taken as it is
 * (docs/decisions/0026-words-people-type.md).
 */

/** The languages whose words are understood: those of the page. */
const LANGUAGES = ['en', 'de', 'fr', 'es', 'zh'] as const;
export type UnderstoodLanguage = (typeof LANGUAGES)[number];

/** What is unwanted, with the words that say it: in quotes they would be taken as they are. */
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

/** What a text says, by the words of one language. */
export interface Reading extends Understood {
  /** What is left to look for, without quotes; all of the text when it says nothing but colours. Never empty. */
  readonly text: string;
  /** It says nothing but colours. */
  readonly isOnlyColours: boolean;
  /** No other of these languages has such words. */
  readonly isSure: boolean;
}

export type Readings = ReadonlyMap<UnderstoodLanguage, Reading>;

/** What a text says, by each language in which it says more than its words; most often none. */
export function readings(text: string, what: 'all' | 'without' = 'all'): Readings {
  const tokens = tokensOf(text);
  const found = LANGUAGES.map((language) => [language, readingIn(text, tokens, language, what)] as const);
  return new Map(found.flatMap(([language, reading]) => (reading === null ? [] : [[language, reading] as const])));
}

/**
 * The reading that is meant, or null.
 * @param language that the text seems to be in; null when nothing says
 * @param preferred languages of the caller, best first
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

/** Null when nothing is understood, or what is unwanted would be all there is. */
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
  const isOnlyColours = colours.length > 0 && !tells(rest, language);
  if (without.length > 0 && (isOnlyColours || !names(rest, language))) return null;
  return {
    text: isOnlyColours ? unquoted(text) : rest,
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

/** Tokens where what says colours ends whatever is before it. */
function apartFrom(cuts: readonly Cut[], tokens: readonly Token[]): Token[] {
  const isCut = ({ from }: Token) => cuts.some((cut) => from >= cut.from && from < cut.to);
  return tokens.map((token) => (isCut(token) ? { ...token, kind: 'stop', word: ';' } : token));
}

/** A text with its cuts taken out, and its quotes. */
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

/** Whether it says anything of what a picture shows. */
function tells(text: string, language: UnderstoodLanguage): boolean {
  if (language === 'zh') return names(text.replace(/(照片|相片|图片|图像|照|图|摄影|影像)$/u, ''), language);
  const words = tokensOf(text).filter(({ kind, word }) => kind !== 'stop' && !saysNothing(word, language));
  return words.some(({ word }) => !isAboutPictures(word, language));
}
