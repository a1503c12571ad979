import { ANY_LANGUAGE, type Embedder, type LanguageHint } from './ports.ts';
import type { SearchTerm } from './search.ts';
import { meantReading, readings, type Understood, unquoted } from './understand.ts';

/** Terms of a query as they are meant. */
export interface MeantTerms {
  readonly terms: readonly SearchTerm[];
  /** Null where the words say no more than what is looked for. */
  readonly understood: Omit<Understood, 'text'> | null;
  /** In which its words were understood, or as it was given. */
  readonly language: LanguageHint | undefined;
}

/** What is unwanted counts half: it is often near what is wanted. */
const WITHOUT_WEIGHT = -0.5;

/** Takes texts that are looked for apart into what is meant by their words: see `understand.ts`. */
export async function meantTerms(
  embedder: Pick<Embedder, 'readTexts'>,
  given: readonly SearchTerm[],
  hint: LanguageHint | undefined,
): Promise<MeantTerms> {
  const understood: Understood[] = [];
  let language = hint;
  const terms: SearchTerm[] = [];
  for (const term of given) {
    const meant = 'text' in term && term.weight > 0 ? await meaningOf(embedder, term.text, hint) : null;
    if (meant === null) {
      terms.push('text' in term ? { ...term, text: unquoted(term.text) || term.text } : term);
      continue;
    }
    const { weight } = term;
    terms.push({ text: meant.understood.text, weight });
    terms.push(...meant.understood.without.map(({ text }) => ({ text, weight: weight * WITHOUT_WEIGHT })));
    understood.push(meant.understood);
    // Parts are shorter than the whole, which told the language better.
    language = { ...(hint ?? ANY_LANGUAGE), lang: meant.language };
  }
  if (understood.length === 0) return { terms, understood: null, language };
  return { terms, understood: { without: understood.flatMap(({ without }) => without) }, language };
}

async function meaningOf(embedder: Pick<Embedder, 'readTexts'>, text: string, hint = ANY_LANGUAGE) {
  const found = readings(text);
  if (found.size === 0) return null;
  const isSure = found.size === 1 && [...found.values()][0]!.isSure;
  const [only] = found.keys();
  const seems = hint.lang ?? (isSure ? only! : (await embedder.readTexts([text], hint))[0]!.language);
  const language = meantReading(found, seems, hint.preferred);
  if (hint.lang !== null && language !== hint.lang) return null;
  return language === null ? null : { language, understood: found.get(language)! };
}
