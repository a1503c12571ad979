import type { Colour } from '../picture/colour-names.ts';
import {
  CHINESE_COLOUR,
  CHINESE_MAIN_COLOUR,
  CHINESE_MONOCHROME,
  CHINESE_ONLY_COLOURS,
  COLOUR_FORMS,
  type ColourForms,
} from './colour-phrases.ts';
import { isMarker } from './find-exclusions.ts';
import { type Cut, maskQuoted, setOf, standAt, type Token, tokensOf } from './tokens.ts';

/**
 * Finds the colours that a query requires of the whole picture. "Red car" is about a car and stays text; so does "black
 * and white cat".
 */

export interface ColourCut extends Cut {
  readonly colours: readonly { readonly colour: Colour; readonly from: number; readonly to: number }[];
}

type Spaced = keyof typeof COLOUR_FORMS;
type WordSets = Readonly<
  Record<
    'unsure' | 'monochrome' | 'inside' | 'pictures' | 'kinds' | 'mainly' | 'tones' | 'fillers',
    ReadonlySet<string>
  >
>;

interface CompiledColours extends WordSets {
  readonly names: ReadonlyMap<string, Colour>;
  /** Longest phrases first. */
  readonly blackAndWhite: readonly (readonly string[])[];
  readonly endIsClear: boolean;
}

function compile(forms: ColourForms): CompiledColours {
  const { names, unsure, blackAndWhite, monochrome, inside, pictures, kinds, mainly, tones, fillers } = forms;
  const phrases = blackAndWhite.split(',').map((said) => tokensOf(said).map(({ word }) => word));
  return {
    names: new Map(
      Object.entries(names).flatMap(([colour, words]) => [...setOf(words)].map((word) => [word, colour as Colour])),
    ),
    blackAndWhite: phrases.sort((a, b) => b.length - a.length),
    endIsClear: forms.endIsClear === true,
    unsure: setOf(unsure),
    monochrome: setOf(monochrome),
    inside: setOf(inside),
    pictures: setOf(pictures),
    kinds: setOf(kinds),
    mainly: setOf(mainly),
    tones: setOf(tones),
    fillers: setOf(fillers),
  };
}

const COMPILED = {
  en: compile(COLOUR_FORMS.en),
  de: compile(COLOUR_FORMS.de),
  fr: compile(COLOUR_FORMS.fr),
  es: compile(COLOUR_FORMS.es),
};

/** The colours in a text, in a language with spaces between words. */
export function colourCuts(tokens: readonly Token[], language: Spaced): ColourCut[] {
  const forms = COMPILED[language];
  const cuts: ColourCut[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const found = isMarker(tokens[at - 1]?.word ?? '', language) ? null : cutAt(tokens, at, forms);
    if (found === null) continue;
    cuts.push(found.cut);
    at = found.end - 1;
  }
  return cuts.length > 0 ? cuts : onlyColours(tokens, forms);
}

/** Whether a word says nothing about a picture's content. */
export function isAboutPictures(word: string, language: Spaced): boolean {
  const { pictures, fillers, inside } = COMPILED[language];
  return pictures.has(word) || fillers.has(word) || inside.has(word);
}

/** The colours that a phrase at a token asks for; it ends before the token `end`. */
function cutAt(tokens: readonly Token[], at: number, forms: CompiledColours) {
  const { inside, monochrome, mainly, tones, blackAndWhite } = forms;
  const isWordOf = (set: ReadonlySet<string>, i: number) => tokens[i]?.kind === 'word' && set.has(tokens[i]!.word);
  const begin = isWordOf(inside, at) ? at + 1 : at;
  const gray = (end: number, isSure: boolean) => {
    const place = { from: tokens[at]!.from, to: tokens[end - 1]!.to };
    return { end, cut: { ...place, isSure, colours: [{ colour: 'monochrome' as const, ...place }] } };
  };
  if (isWordOf(monochrome, begin)) return gray(begin + 1, true);
  const phrase = blackAndWhite.find((words) => standAt(words, tokens, begin));
  if (phrase !== undefined && isClear(tokens, at, begin, begin + phrase.length, forms)) {
    return gray(begin + phrase.length, true);
  }
  const isMain = isWordOf(mainly, begin);
  const run = colourRun(tokens, isMain ? begin + 1 : begin, forms);
  if (run === null || !(isMain || isWordOf(tones, run.end))) return null;
  const end = isMain ? run.end : run.end + 1;
  const place = { from: tokens[at]!.from, to: tokens[end - 1]!.to };
  const colours = run.colours.map((colour) => ({ colour, ...place }));
  return { end, cut: { ...place, isSure: run.isSure, colours } };
}

/** Whether "black and white" is about the picture: not before a noun that may have these colours. */
function isClear(
  tokens: readonly Token[],
  at: number,
  begin: number,
  end: number,
  { pictures, kinds, endIsClear, fillers }: CompiledColours,
): boolean {
  const [before, next] = [tokens[at - 1], tokens[end]];
  const isPicture = (token: Token | undefined) => pictures.has(token?.word ?? '') || kinds.has(token?.word ?? '');
  const isAlone = tokens.every(({ word }, i) => (i >= at && i < end) || fillers.has(word));
  const endsHere = next === undefined || next.kind === 'stop';
  if (isAlone || isPicture(next) || (isPicture(before) && (endsHere || !endIsClear))) return true;
  return endsHere ? begin > at || endIsClear || before?.kind === 'stop' : begin > at && isPreposition(next.word);
}

/** After "in black and white" only a place may follow. */
function isPreposition(word: string): boolean {
  return /^(of|at|on|with|by|from|von|mit|bei|am|de|du|d'|avec|con)$/.test(word);
}

/** Consecutive colours, with "and" between them. */
function colourRun(tokens: readonly Token[], begin: number, { names, fillers, unsure }: CompiledColours) {
  const colours: Colour[] = [];
  let end = begin;
  let isSure = true;
  for (let at = begin; at < tokens.length; at++) {
    const { kind, word } = tokens[at]!;
    const colour = kind === 'word' ? names.get(word) : undefined;
    if (colour !== undefined) {
      colours.push(colour);
      isSure &&= !unsure.has(word);
      end = at + 1;
    } else if (!(fillers.has(word) || word === ',')) break;
  }
  return colours.length === 0 ? null : { colours, end, isSure };
}

/** A query of only colours and words for pictures. */
function onlyColours(tokens: readonly Token[], { names, pictures, fillers, unsure }: CompiledColours): ColourCut[] {
  const found = tokens.flatMap(({ kind, word, from, to }) => {
    const colour = kind === 'word' ? names.get(word) : undefined;
    return colour === undefined ? [] : [{ colour, word, from, to }];
  });
  const others = tokens.filter(({ kind, word }) => kind === 'quoted' || (kind === 'word' && !names.has(word)));
  const isOnly = others.every(({ kind, word }) => kind === 'word' && (pictures.has(word) || fillers.has(word)));
  if (found.length === 0 || !isOnly) return [];
  return found.map(({ colour, word, from, to }) => ({
    from,
    to,
    isSure: !unsure.has(word),
    colours: [{ colour, from, to }],
  }));
}

/** The same in Chinese. */
export function chineseColourCuts(text: string): ColourCut[] {
  const plain = maskQuoted(text);
  const gray = Array.from(plain.matchAll(CHINESE_MONOCHROME), ({ 0: words, index }) => {
    const place = { from: index, to: index + words.length };
    return { ...place, isSure: true, colours: [{ colour: 'monochrome' as const, ...place }] };
  });
  if (gray.length > 0) return gray;
  const isWhole = CHINESE_ONLY_COLOURS.test(plain.trim());
  const found = isWhole ? [{ 0: plain, index: 0 }] : plain.matchAll(CHINESE_MAIN_COLOUR);
  return Array.from(found, ({ 0: words, index }) => {
    const place = { from: index, to: index + words.length };
    const colours = Array.from(words.matchAll(CHINESE_COLOUR), ({ groups, 0: word, index: at }) => ({
      colour: Object.keys(groups!).find((name) => groups![name] !== undefined) as Colour,
      ...(isWhole ? { from: at, to: at + word.length } : place),
    }));
    return { ...place, isSure: true, colours };
  });
}
