import { SightlineError } from './errors.ts';
import { bestFit, type Fit, fitOfHits } from './fit.ts';
import { askedNames, byMeaning, type FoundHit, searchNames } from './fusion.ts';
import type { Embedder, Filter, VectorQuery, VectorStore } from './ports.ts';
import type { JointEmbedding, Page } from './types.ts';
import { mix, normalise } from './vector-arithmetic.ts';
import { queryWords } from './words.ts';

/**
 * One part of a query. A weight below zero means "without that"; only the ratio of weights matters.
 */
export type SearchTerm = { readonly weight: number } & (
  | { readonly text: string }
  /** A picture or caption that is stored. */
  | { readonly imageId: string }
  /** The bytes of a picture that need not be stored. */
  | { readonly image: Uint8Array }
  /** A vector of the space of the store, any length but zero; the caller has made sure of that. */
  | { readonly vector: JointEmbedding }
);

export interface SearchRequest {
  /** At least one of them with a weight above zero. */
  readonly terms: readonly SearchTerm[];
  readonly filter: Filter;
  /** 1 to 1000. */
  readonly limit: number;
  readonly cursor?: string;
  /** Cosine, -1 to 1. */
  readonly minScore?: number;
}

/** A hit, and how well it fits, where that is known. */
export interface SearchHit extends FoundHit {
  readonly fit?: Fit;
}

export interface SearchResult extends Page<SearchHit> {
  /** How well the best of the first page fits; absent on later pages and where nobody knows. */
  readonly fit?: Fit;
  /** Texts of the query of which the model knows nothing: what they find is by chance. */
  readonly unknownTexts: readonly string[];
}

export interface SearchDeps {
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
}

/**
 * The query flow: words, pictures or both to the nearest points. The query is the direction of the weighted sum of its
 * terms' unit vectors; stored pictures named in the query are not part of the answer. Where only words are looked for,
 * what is called by them comes first (see `fusion.ts`). Throws `invalid-input`, `not-found` for
 * an unknown imageId, `unreadable-image`, `too-large` and `invalid-cursor`.
 */
export async function search(deps: SearchDeps, request: SearchRequest): Promise<SearchResult> {
  const { terms } = request;
  if (!terms.some((term) => term.weight > 0)) {
    throw new SightlineError('invalid-input', 'expected at least one term with a weight above 0, got none');
  }
  const vectors = await Promise.all([
    embedTexts(deps, terms),
    storedVectors(deps, terms),
    ...terms.map((term) => givenVector(deps, term)),
  ]);
  const [texts, stored, ...given] = vectors;
  const query = mix(
    terms.map((term, i) => {
      const vector = 'text' in term ? texts.get(term) : 'imageId' in term ? stored.get(term.imageId) : given[i];
      if (!vector)
        throw new SightlineError(
          'invalid-input',
          'expected each term to hold a text, an imageId, an image or a vector',
        );
      return { vector, weight: term.weight };
    }),
  );
  const { filter, limit, cursor, minScore } = request;
  const page = await find(deps, terms, {
    vector: query,
    filter,
    limit,
    cursor,
    minScore,
    exclude: [...stored.keys()],
  });
  const text = onlyText(terms);
  const [unknown, judged] = await Promise.all([
    unknownTexts(deps, terms),
    text === null ? page : withFit(deps, request, texts.get(text)!, page),
  ]);
  return { ...judged, unknownTexts: unknown };
}

/** The one text that is looked for; null when it is several, or pictures. */
function onlyText(terms: readonly SearchTerm[]): SearchTerm | null {
  const wanted = terms.filter(({ weight }) => weight > 0);
  return wanted.length === 1 && 'text' in wanted[0]! ? wanted[0]! : null;
}

async function withFit(
  { embedder, vectors }: SearchDeps,
  { filter, cursor }: SearchRequest,
  text: JointEmbedding,
  page: Page<FoundHit>,
): Promise<Page<SearchHit> & Pick<SearchResult, 'fit'>> {
  const calibration = await embedder.calibration();
  if (calibration === null) return page;
  const fits = await fitOfHits(vectors, calibration, { text, filter, hits: page.items });
  const items = page.items.map((hit, i) => ({ ...hit, fit: fits[i] }));
  return { ...page, items, fit: cursor === undefined ? bestFit(fits) : undefined };
}

/** By names and meaning where all that is looked for is words, otherwise by meaning. */
async function find(deps: SearchDeps, terms: readonly SearchTerm[], query: VectorQuery): Promise<Page<FoundHit>> {
  const wanted = terms.filter(({ weight }) => weight > 0);
  const texts = wanted.flatMap((term) => ('text' in term ? [term.text] : []));
  const words = texts.length === wanted.length ? queryWords(texts) : [];
  if (words.length === 0) return byMeaning(deps.vectors, query);
  return searchNames(deps.vectors, query, await askedNames(words, deps.embedder));
}

/** One sentence about a text of {@link SearchResult.unknownTexts}, for people. */
export function aboutUnknownText(text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  return `the model knows no word of "${shown}": what it finds is by chance; try other words, in English`;
}

async function unknownTexts({ embedder }: SearchDeps, terms: readonly SearchTerm[]): Promise<string[]> {
  const texts = terms.flatMap((term) => ('text' in term ? [term.text] : []));
  const known = await Promise.all(texts.map((text) => embedder.knowsText(text)));
  return texts.filter((_, i) => !known[i]);
}

async function embedTexts(deps: SearchDeps, terms: readonly SearchTerm[]): Promise<Map<SearchTerm, JointEmbedding>> {
  const withText = terms.filter((term) => 'text' in term);
  const empty = withText.find((term) => term.text.trim() === '');
  if (empty) throw new SightlineError('invalid-input', 'expected a text with at least one character, got none');
  if (withText.length === 0) return new Map();
  const embedded = await deps.embedder.embedTexts(withText.map((term) => term.text));
  return new Map(withText.map((term, i) => [term, embedded[i]!]));
}

/** The vector of what the term itself brings: a picture or a vector. */
async function givenVector(deps: SearchDeps, term: SearchTerm): Promise<JointEmbedding | null> {
  if ('image' in term) return (await deps.embedder.embedImage(term.image)).vector;
  if (!('vector' in term)) return null;
  if (term.vector.length !== deps.vectors.dimension) {
    const message = `expected a vector of ${deps.vectors.dimension} components, got ${term.vector.length}`;
    throw new SightlineError('invalid-input', message);
  }
  return normalise(term.vector);
}

async function storedVectors(deps: SearchDeps, terms: readonly SearchTerm[]): Promise<Map<string, JointEmbedding>> {
  const ids = terms.flatMap((term) => ('imageId' in term ? [term.imageId] : []));
  if (ids.length === 0) return new Map();
  const found = await deps.vectors.vectors([...new Set(ids)]);
  const missing = ids.find((id) => !found.has(id));
  if (missing !== undefined) throw new SightlineError('not-found', `no stored picture has the id ${missing}`);
  return found;
}
