import { CHINESE_WITHOUT, FORMS, type Forms, type Marker } from './understand-forms.ts';

/**
 * What people mean by the words of a query that a model does not take so: to a text encoder "a beach without people" is
 * about people. Only clear forms are understood, and what stands in quotes is taken as it is
 * (docs/decisions/0026-words-people-type.md).
 */

/** The languages whose words are understood: those of the page. */
export const UNDERSTOOD_LANGUAGES = ['en', 'de', 'fr', 'es', 'zh'] as const;
export type UnderstoodLanguage = (typeof UNDERSTOOD_LANGUAGES)[number];

/** A part of a query, with the words that say it: in quotes they would be taken as they are. */
export interface UnderstoodPart {
  readonly text: string;
  readonly words: string;
}

export interface Understood {
  /** What is left to look for, without quotes; never empty. */
  readonly text: string;
  /** What the pictures should not show. */
  readonly without: readonly UnderstoodPart[];
}

/** The same by the words of one language. */
export interface Reading extends Understood {
  /** No other of these languages has such words. */
  readonly isSure: boolean;
}

export type Readings = ReadonlyMap<UnderstoodLanguage, Reading>;

/** What a text says, by each language in which it says more than its words; most often none. */
export function readings(text: string): Readings {
  const tokens = tokensOf(text);
  const found = UNDERSTOOD_LANGUAGES.map((language) => {
    const cuts = language === 'zh' ? chineseCuts(text) : cutsOf(text, tokens, COMPILED[language]);
    return [language, readingOf(text, cuts, language)] as const;
  });
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

const QUOTED = /"[^"]+"|“[^”]+”|„[^“”]+[“”]|«[^»]+»/u;
const EVERY_QUOTED = new RegExp(QUOTED, 'gu');

/** A text without its quotes, in pairs: what they hold is taken as it is. */
export function unquoted(text: string): string {
  return text.replaceAll(EVERY_QUOTED, (quoted) => quoted.slice(1, -1).trim()).trim();
}

interface Token {
  readonly kind: 'word' | 'quoted' | 'stop';
  /** In lower case. */
  readonly word: string;
  readonly from: number;
  readonly to: number;
}

const TOKEN = new RegExp(`${QUOTED.source}|[\\p{L}\\p{M}\\p{N}&/_-]+['’]?|[,;.:!?()，。；]`, 'gu');

function tokensOf(text: string): Token[] {
  return Array.from(text.matchAll(TOKEN), ({ 0: token, index }) => {
    const kind = QUOTED.test(token) ? 'quoted' : /^[,;.:!?()，。；]$/.test(token) ? 'stop' : 'word';
    return { kind, word: token.toLowerCase().replace('’', "'"), from: index, to: index + token.length };
  });
}

/** Something that is taken out of a text: what it says, and where it stands. */
interface Cut {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly isSure: boolean;
}

/** Longer ones are sentences. */
const MOST_UNWANTED_WORDS = 6;

interface CompiledMarker {
  readonly words: readonly string[];
  readonly marker: Pick<Marker, 'isSure' | 'needsWords'>;
  readonly unless: ReadonlySet<string>;
  readonly unlessBehind: ReadonlySet<string>;
  readonly unlessEnding: ReadonlySet<string>;
}

interface CompiledForms {
  /** Those of more words first. */
  readonly markers: readonly CompiledMarker[];
  readonly articles: ReadonlySet<string>;
  readonly ends: ReadonlySet<string>;
}

const setOf = (words = '') => new Set(words.split(/\s+/));

function compile({ markers, articles, ends }: Forms): CompiledForms {
  const compiled = markers.flatMap((marker) =>
    marker.says.split(',').map((said) => ({
      words: tokensOf(said).map(({ word }) => word),
      marker,
      unless: setOf(marker.unless),
      unlessBehind: setOf(marker.unlessBehind),
      unlessEnding: setOf(marker.unlessEnding),
    })),
  );
  compiled.sort((a, b) => b.words.length - a.words.length);
  return { markers: compiled, articles: setOf(articles), ends: setOf(ends) };
}

const COMPILED = { en: compile(FORMS.en), de: compile(FORMS.de), fr: compile(FORMS.fr), es: compile(FORMS.es) };

function cutsOf(text: string, tokens: readonly Token[], forms: CompiledForms): Cut[] {
  const cuts: Cut[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const found = cutAt(text, tokens, at, forms);
    if (found === null) continue;
    cuts.push(found.cut);
    at = found.end - 1;
  }
  return cuts;
}

function markerAt(tokens: readonly Token[], at: number, { markers }: CompiledForms): CompiledMarker | undefined {
  return markers.find(({ words }) => words.every((word, i) => tokens[at + i]?.word === word));
}

/** What is said to be unwanted from a token on, up to the token `end`. */
function cutAt(
  text: string,
  tokens: readonly Token[],
  at: number,
  forms: CompiledForms,
): { cut: Cut; end: number } | null {
  const found = markerAt(tokens, at, forms);
  if (found === undefined) return null;
  const { words, marker, unless, unlessBehind, unlessEnding } = found;
  const isFree = (one: Token) => one.kind !== 'word' || !(forms.articles.has(one.word) || forms.ends.has(one.word));
  if (unlessBehind.has(tokens[at - 1]?.word ?? '-')) return null;
  if (marker.needsWords && !tokens.slice(0, at).some((one) => one.kind !== 'stop' && isFree(one))) return null;
  const first = at + words.length;
  let begin = first;
  while (forms.articles.has(tokens[begin]?.word ?? '-')) begin++;
  let end = begin;
  const goesOn = (one: Token | undefined) =>
    one !== undefined &&
    one.kind !== 'stop' &&
    !(one.kind === 'word' && forms.ends.has(one.word)) &&
    markerAt(tokens, end, forms) === undefined;
  while (goesOn(tokens[end])) end++;
  const unwanted = tokens.slice(begin, end);
  const isNamed = unless.has(tokens[first]?.word ?? '-') || unless.has(tokens[begin]?.word ?? '-');
  if (unwanted.length === 0 || unwanted.length > MOST_UNWANTED_WORDS || isNamed) return null;
  if (unlessEnding.has(unwanted.at(-1)!.word) || !/^["“„«\p{L}]/u.test(unwanted[0]!.word)) return null;
  const to = unwanted.at(-1)!.to;
  const said = unquoted(text.slice(unwanted[0]!.from, to));
  return { cut: { text: said, from: tokens[at]!.from, to, isSure: marker.isSure === true }, end };
}

function chineseCuts(text: string): Cut[] {
  // What is in quotes is no word of the pattern.
  const plain = text.replaceAll(EVERY_QUOTED, (quoted) => ';'.repeat(quoted.length));
  return Array.from(plain.matchAll(CHINESE_WITHOUT), ({ 0: words, 1: unwanted, index }) => ({
    text: unwanted!,
    from: index,
    to: index + words.length,
    isSure: true,
  }));
}

/** A text with its cuts taken out; null when nothing is cut or nothing to look for is left. */
function readingOf(text: string, cuts: readonly Cut[], language: UnderstoodLanguage): Reading | null {
  if (cuts.length === 0) return null;
  let rest = '';
  let last = 0;
  for (const { from, to } of cuts) {
    rest += text.slice(last, from).replace(/[\s,;，；]+$/u, '');
    last = to;
  }
  rest = unquoted(`${rest}${text.slice(last)}`.replace(/^[\s,;.，。；]+|[\s,;，；]+$/gu, ''));
  const tells = tokensOf(rest).some(({ kind, word }) => kind !== 'stop' && !saysNothing(word, language));
  if (!tells) return null;
  const without = cuts.map((cut) => ({
    text: cut.text,
    words: text.slice(cut.from, cut.to),
  }));
  return { text: rest, without, isSure: cuts.some(({ isSure }) => isSure) };
}

function saysNothing(word: string, language: UnderstoodLanguage): boolean {
  return language !== 'zh' && (COMPILED[language].articles.has(word) || COMPILED[language].ends.has(word));
}
