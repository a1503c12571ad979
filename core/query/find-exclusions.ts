import { CHINESE_WITHOUT, FORMS, type Forms, type Marker } from './exclusion-phrases.ts';
import { type Cut, maskQuoted, setOf, standAt, type Token, tokensOf, unquoted } from './tokens.ts';

/** A part of a query that excludes something. */

export interface WithoutCut extends Cut {
  /** What is unwanted. */
  readonly text: string;
}

type Spaced = keyof typeof FORMS;

/** A longer unwanted part is a sentence. */
const MOST_UNWANTED_WORDS = 6;

interface CompiledMarker {
  readonly words: readonly string[];
  readonly marker: Pick<Marker, 'isSure'>;
  readonly unless: ReadonlySet<string>;
  readonly unlessBehind: ReadonlySet<string>;
  readonly unlessEnding: ReadonlySet<string>;
}

interface CompiledForms {
  /** Longest phrases first. */
  readonly markers: readonly CompiledMarker[];
  readonly articles: ReadonlySet<string>;
  readonly ends: ReadonlySet<string>;
}

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

/** The exclusions in a text, in a language with spaces between words. */
export function withoutCuts(text: string, tokens: readonly Token[], language: Spaced): WithoutCut[] {
  const cuts: WithoutCut[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const found = cutAt(text, tokens, at, COMPILED[language]);
    if (found === null) continue;
    cuts.push(found.cut);
    at = found.end - 1;
  }
  return cuts;
}

/** The same in Chinese. */
export function chineseWithoutCuts(text: string): WithoutCut[] {
  return Array.from(maskQuoted(text).matchAll(CHINESE_WITHOUT), ({ 0: words, 1: unwanted, index }) => ({
    text: unwanted!,
    from: index,
    to: index + words.length,
    isSure: true,
  }));
}

/** Whether it is an article or preposition: a text of only these says nothing. */
export function saysNothing(word: string, language: Spaced): boolean {
  return COMPILED[language].articles.has(word) || COMPILED[language].ends.has(word);
}

/** Whether it is the last word of a phrase for "without". */
export function isMarker(word: string, language: Spaced): boolean {
  return COMPILED[language].markers.some(({ words }) => words.at(-1) === word);
}

function markerAt(tokens: readonly Token[], at: number, { markers }: CompiledForms): CompiledMarker | undefined {
  return markers.find(({ words }) => standAt(words, tokens, at));
}

/** The exclusion that begins at a token and ends before the token `end`. */
function cutAt(
  text: string,
  tokens: readonly Token[],
  at: number,
  forms: CompiledForms,
): { cut: WithoutCut; end: number } | null {
  const found = markerAt(tokens, at, forms);
  if (found === undefined || found.unlessBehind.has(tokens[at - 1]?.word ?? '-')) return null;
  const first = at + found.words.length;
  let begin = first;
  while (forms.articles.has(tokens[begin]?.word ?? '-')) begin++;
  let end = begin;
  while (goesOn(tokens, end, forms)) end++;
  const unwanted = tokens.slice(begin, end);
  const isNamed = [first, begin].some((i) => found.unless.has(tokens[i]?.word ?? '-'));
  if (unwanted.length === 0 || unwanted.length > MOST_UNWANTED_WORDS || isNamed) return null;
  if (found.unlessEnding.has(unwanted.at(-1)!.word) || !/^["“„«\p{L}]/u.test(unwanted[0]!.word)) return null;
  const { to } = unwanted.at(-1)!;
  const said = unquoted(text.slice(unwanted[0]!.from, to));
  return { cut: { text: said, from: tokens[at]!.from, to, isSure: found.marker.isSure === true }, end };
}

/** Whether the unwanted part includes this token. */
function goesOn(tokens: readonly Token[], at: number, forms: CompiledForms): boolean {
  const token = tokens[at];
  if (token === undefined || token.kind === 'stop') return false;
  return token.kind === 'quoted' || !(forms.ends.has(token.word) || markerAt(tokens, at, forms) !== undefined);
}
