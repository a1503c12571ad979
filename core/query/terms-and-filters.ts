import { ANY_LANGUAGE, type Embedder, type Filter, type LanguageHint } from '../ports.ts';
import { DEFAULT_WEIGHTS, type SearchTerm } from '../search/search-term.ts';
import { shownOf } from './people.ts';
import { unquoted } from './tokens.ts';
import { meantReading, type Reading, readings, type Understood } from './understand.ts';

/** An interpreted query. */
export interface MeantQuery {
  /** All may be negative: "no people" is everything else, what is least like people first. */
  readonly terms: readonly SearchTerm[];
  readonly filter: Filter;
  /** The query has only colours: everything that matches the filter is a result. */
  readonly isOnlyColours: boolean;
  /** Filter for matches by name: these need not have the colours in their names. */
  readonly nameFilter: Filter;
  /** The language in which words were interpreted, or the given hint. */
  readonly language: LanguageHint | undefined;
  /** The conditions found in the texts; null when there are none. */
  readonly understood: Understood | null;
}

interface GivenQuery {
  readonly terms: readonly SearchTerm[];
  readonly filter: Filter;
  readonly language?: LanguageHint;
}

/**
 * Splits query texts into search terms and conditions: see `understand.ts`. Captions have no colours, so colours are
 * interpreted only in searches for pictures.
 */
export async function meantQuery(embedder: Pick<Embedder, 'readTexts'>, given: GivenQuery): Promise<MeantQuery> {
  const terms: SearchTerm[] = [];
  const understood: Reading[] = [];
  let { language } = given;
  for (const term of given.terms) {
    const meant = 'text' in term && term.weight > 0 ? await meaningOf(embedder, term.text, given) : null;
    if (meant === null) {
      terms.push(...('text' in term ? asSaid(term) : [term]));
      continue;
    }
    const { weight } = term;
    if (meant.reading.text !== null) terms.push({ text: meant.reading.text, weight });
    terms.push(...meant.reading.without.flatMap(({ text }) => unwanted(text, weight * -DEFAULT_WEIGHTS.minus)));
    understood.push(meant.reading);
    // Keep the language of the whole text: its parts are too short to detect it.
    if (meant.reading.without.length > 0) language = { ...(language ?? ANY_LANGUAGE), lang: meant.language };
  }
  const colours = understood.flatMap((reading) => reading.colours);
  const filter = withColours(given.filter, colours);
  const isOnlyColours = understood.some((reading) => reading.isOnlyColours);
  return {
    terms,
    filter,
    isOnlyColours,
    nameFilter: isOnlyColours ? given.filter : filter,
    language,
    understood: understood.length === 0 ? null : { without: understood.flatMap(({ without }) => without), colours },
  };
}

/** A text without its quotes; an unwanted one is replaced by what pictures show, unless it is in quotes. */
function asSaid({ text, weight }: SearchTerm & { readonly text: string }): SearchTerm[] {
  return weight < 0 ? unwanted(text, weight) : [{ text: unquoted(text) || text, weight }];
}

function unwanted(text: string, weight: number): SearchTerm[] {
  return shownOf(text).map((shown) => ({ text: unquoted(shown) || shown, weight }));
}

function withColours(filter: Filter, understood: Understood['colours']): Filter {
  if (understood.length === 0) return filter;
  const colours = new Set([...(filter.colours ?? []), ...understood.map(({ colour }) => colour)]);
  return { ...filter, colours: [...colours] };
}

async function meaningOf(embedder: Pick<Embedder, 'readTexts'>, text: string, { filter, language: hint }: GivenQuery) {
  const found = readings(text, filter.kind === 'image' ? 'all' : 'without');
  if (found.size === 0) return null;
  const { lang, preferred } = hint ?? ANY_LANGUAGE;
  const [only] = found.keys();
  const isSure = found.size === 1 && found.get(only!)!.isSure;
  const seems = lang ?? (isSure ? only! : (await embedder.readTexts([text], hint ?? ANY_LANGUAGE))[0]!.language);
  const language = meantReading(found, seems, preferred);
  if (language === null || (lang !== null && language !== lang)) return null;
  return { language, reading: found.get(language)! };
}
