import { SightlineError } from '../errors.ts';
import { fieldValue, ORDERS, type OrderName } from '../picture-fields.ts';
import {
  ANY_LANGUAGE,
  type Embedder,
  type Filter,
  type LanguageHint,
  type ReadText,
  type VectorQuery,
  type VectorStore,
} from '../ports.ts';
import { type MeantQuery, meantQuery } from '../query/terms-and-filters.ts';
import type { JointEmbedding, Page } from '../types.ts';
import { mix, normalise } from '../util/vector-arithmetic.ts';
import { queryWords } from './lexical-terms.ts';
import { askedNames, byMeaning, type FoundHit, searchNames } from './rank-fusion.ts';
import { bestFit, FITS, type Fit, fitOfHits } from './result-fit.ts';
import type { SearchTerm } from './search-term.ts';
import { respelled } from './spelling.ts';

export interface SearchRequest {
  /** At least one. If all weights are below zero, pictures that are least like the terms come first. */
  readonly terms: readonly SearchTerm[];
  readonly filter: Filter;
  /** 1 to 1000. */
  readonly limit: number;
  readonly cursor?: string;
  /** Order of the hits within a page; which ones are on it depends on how well they match. @default best first */
  readonly order?: OrderName;
  /** Cosine, -1 to 1. */
  readonly minScore?: number;
  /** Hint about the language of its texts. @default none */
  readonly language?: LanguageHint;
  /** Takes texts literally, without interpreting "without" and the like. @default false */
  readonly literal?: boolean;
}

/** A hit, and how well it fits, if known. */
export interface SearchHit extends FoundHit {
  readonly fit?: Fit;
}

export interface SearchResult extends Page<SearchHit> {
  /** How well the best hit of the first page fits; absent on later pages and when unknown. */
  readonly fit?: Fit;
  /** Texts of which the model knows no word: their results are random. */
  readonly unknownTexts: readonly string[];
  /** How the first text of the query was read; null without one. */
  readonly read: ReadText | null;
  /** Texts that are certainly in a language that no text side here supports. */
  readonly foreignTexts: readonly { readonly text: string; readonly language: string }[];
  /** Whether that text could be read in another language. */
  readonly isAmbiguous: boolean;
  /** Conditions found in the texts, such as "without people"; null for none. */
  readonly understood: MeantQuery['understood'];
  /** A corrected query when nothing fits well and some words are unknown, otherwise null. */
  readonly didYouMean: string | null;
}

export interface SearchDeps {
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
}

/**
 * The query flow: words, pictures or both to the nearest points. The query vector is the direction of the weighted sum
 * of its terms' unit vectors; stored pictures named in the query are left out of the results. If the query has only
 * words, matches by name come first (see `rank-fusion.ts`); "without" and the like are interpreted (see
 * `query/understand.ts`).
 * @throws {invalid-input}
 * @throws {not-found} for an unknown imageId
 * @throws {unreadable-image}
 * @throws {too-large}
 * @throws {invalid-cursor}
 */
export async function search(deps: SearchDeps, given: SearchRequest): Promise<SearchResult> {
  if (given.terms.length === 0) throw new SightlineError('invalid-input', 'expected at least one term, got none');
  const meant = given.literal
    ? { ...given, nameFilter: given.filter, isOnlyColours: false, understood: null }
    : { ...given, ...(await meantQuery(deps.embedder, given)) };
  const result = await searchTerms(deps, meant);
  const isDoubtful = meant.understood?.colours.length ? result.items.length === 0 : fitsNothing(given, result);
  const didYouMean = isDoubtful ? await otherSpelling(deps, given, result) : null;
  return { ...result, items: inOrder(result.items, given.order), understood: meant.understood, didYouMean };
}

/** Hits without a value come last, and equal ones stay in their order. */
function inOrder(hits: readonly SearchHit[], name: OrderName | undefined): readonly SearchHit[] {
  const order = name === undefined ? undefined : ORDERS.get(name);
  if (order === undefined) return hits;
  const valued = hits.map((hit) => {
    const value = fieldValue(hit.payload, order.field) as string | number | null;
    // Without the offset.
    return { hit, value: order.field.type === 'local-time' ? (value?.toString().slice(0, 23) ?? null) : value };
  });
  const [before, after] = order.direction === 'ascending' ? [-1, 1] : [1, -1];
  const sorted = valued.toSorted(({ value: a }, { value: b }) => {
    if (a === b) return 0;
    if (a === null || b === null) return a === null ? 1 : -1;
    return a < b ? before : after;
  });
  return sorted.map(({ hit }) => hit);
}

type TermsResult = Omit<SearchResult, 'understood' | 'didYouMean'>;

/** Whether nothing on the first page fits well; when that is unknown, whether nothing matches by name. */
function fitsNothing({ cursor }: SearchRequest, { items, fit }: TermsResult): boolean {
  const isNamed = items.some(({ why }) => why.some((reason) => reason !== 'meaning'));
  return cursor === undefined && !isNamed && (fit === undefined || fit === 'poor');
}

async function otherSpelling(deps: SearchDeps, { terms, language: hint }: SearchRequest, { read }: TermsResult) {
  const term = onlyText(terms);
  if (term === null || !('text' in term) || read === null) return null;
  const { preferred } = hint ?? ANY_LANGUAGE;
  return respelled(deps, term.text, { language: hint?.lang ?? read.language, preferred });
}

/** A query with the conditions found in it. */
type MeantRequest = SearchRequest & Pick<MeantQuery, 'nameFilter' | 'isOnlyColours'>;

async function searchTerms(deps: SearchDeps, request: MeantRequest): Promise<TermsResult> {
  const { terms } = request;
  const vectors = await Promise.all([
    readTexts(deps, request),
    storedVectors(deps, terms),
    ...terms.map((term) => givenVector(deps, term)),
  ]);
  const [texts, stored, ...given] = vectors;
  const text = onlyText(terms);
  const ask = async (read: Readings): Promise<Judged> => {
    const query = {
      vector: directionOf(terms, (term, i) =>
        'text' in term ? read.get(term)?.vector : 'imageId' in term ? stored.get(term.imageId) : given[i],
      ),
      filter: request.filter,
      limit: request.limit,
      cursor: request.cursor,
      minScore: request.minScore,
      exclude: [...stored.keys()],
    };
    const page = await find(deps, request, query);
    if (text === null) return page;
    return request.isOnlyColours ? allGood(request, page) : withFit(deps, request, read.get(text)!, page);
  };
  const { page, read } = await inBetterLanguage(texts, ask);
  const [first = null] = read.values();
  const unknown = [...read].flatMap(([term, { known }]) => ('text' in term && !known ? [term.text] : []));
  const isSure = (term: SearchTerm) => texts.get(term)?.otherwise === null;
  const foreign = [...read].flatMap(([term, { speaks, language }]) =>
    'text' in term && !speaks && language !== null && isSure(term) ? [{ text: term.text, language }] : [],
  );
  const isAmbiguous = [...texts.values()].some(({ otherwise }) => otherwise !== null);
  return { ...page, unknownTexts: unknown, foreignTexts: foreign, read: first, isAmbiguous };
}

/** The direction of the weighted sum. */
function directionOf(
  terms: readonly SearchTerm[],
  vectorOf: (term: SearchTerm, i: number) => JointEmbedding | null | undefined,
): JointEmbedding {
  return mix(
    terms.map((term, i) => {
      const vector = vectorOf(term, i);
      if (!vector)
        throw new SightlineError(
          'invalid-input',
          'expected each term to hold a text, an imageId, an image or a vector',
        );
      return { vector, weight: term.weight };
    }),
  );
}

/** The only text of a query; null when there are several, or pictures. */
function onlyText(terms: readonly SearchTerm[]): SearchTerm | null {
  const wanted = terms.filter(({ weight }) => weight > 0);
  return wanted.length === 1 && 'text' in wanted[0]! ? wanted[0]! : null;
}

/** A page of hits with how well they fit. */
type Judged = Page<SearchHit> & Pick<SearchResult, 'fit'>;

/** Marks all hits as good, for a query of colours only: the filter has already removed the rest. */
function allGood({ cursor }: SearchRequest, page: Page<FoundHit>): Judged {
  const items = page.items.map((hit) => ({ ...hit, fit: 'good' as const }));
  return { ...page, items, fit: cursor === undefined && items.length > 0 ? 'good' : undefined };
}

async function withFit(
  { embedder, vectors }: SearchDeps,
  { filter, cursor }: SearchRequest,
  text: ReadText,
  page: Page<FoundHit>,
): Promise<Judged> {
  const calibration = await embedder.calibration(text.side);
  if (calibration === null) return page;
  const fits = await fitOfHits(vectors, calibration, { text, filter, hits: page.items });
  const items = page.items.map((hit, i) => ({ ...hit, fit: fits[i] }));
  return { ...page, items, fit: cursor === undefined ? bestFit(fits) : undefined };
}

/** How each text of a query was read. */
type Readings = ReadonlyMap<SearchTerm, ReadText>;

/**
 * The results for texts in their likeliest language, or in the other possible one if that fits better. A text side that
 * would have to be loaded is used only when nothing fits well.
 */
async function inBetterLanguage(
  read: Readings,
  ask: (read: Readings) => Promise<Judged>,
): Promise<{ readonly read: Readings; readonly page: Judged }> {
  const unsure = [...read].filter(([, { otherwise }]) => otherwise !== null);
  const [term, reading] = unsure[0] ?? [];
  if (term === undefined || reading === undefined || unsure.length > 1) return { read, page: await ask(read) };
  const otherwise = reading.otherwise!;
  const askOtherwise = async () => {
    const otherRead = new Map(read).set(term, await otherwise.read());
    return { read: otherRead, page: await ask(otherRead) };
  };
  const [page, early] = await Promise.all([ask(read), otherwise.isLoaded ? askOtherwise() : null]);
  const other = early ?? (page.fit === 'poor' ? await askOtherwise() : null);
  return other !== null && fitsBetter(other.page, page, otherwise.isAsLikely) ? other : { read, page };
}

/**
 * Whether the other reading fits better. A less likely one must fit where the likelier does not: a side that splits
 * unknown words into pieces may take anything for a good fit. Without calibrations the best cosine decides.
 */
function fitsBetter(one: Judged, other: Judged, isAsLikely: boolean): boolean {
  if (one.fit !== undefined && other.fit !== undefined) {
    if (!isAsLikely || one.fit === 'poor') return one.fit !== 'poor' && other.fit === 'poor';
    return FITS.indexOf(one.fit) <= FITS.indexOf(other.fit);
  }
  const best = ({ items }: Judged) => Math.max(...items.map(({ score }) => score));
  return best(one) > best(other);
}

/** Searches names and meaning if the query has only words, otherwise meaning. */
async function find(
  deps: SearchDeps,
  { terms, nameFilter }: MeantRequest,
  query: VectorQuery,
): Promise<Page<FoundHit>> {
  const wanted = terms.filter(({ weight }) => weight > 0);
  const texts = wanted.flatMap((term) => ('text' in term ? [term.text] : []));
  const words = texts.length === wanted.length ? queryWords(texts) : [];
  if (words.length === 0) return byMeaning(deps.vectors, query);
  const isWithout = wanted.length < terms.length;
  return searchNames(deps.vectors, query, await askedNames(words, deps.embedder), { nameFilter, isWithout });
}

/** One sentence about a text of {@link SearchResult.unknownTexts}, for people. */
export function aboutUnknownText(text: string): string {
  return `the model knows no word of "${shortened(text)}": what it finds is by chance; try other words`;
}

/** The same about a text of {@link SearchResult.foreignTexts}. */
export function aboutOtherLanguage(text: string, language: string): string {
  const name = languageName(language);
  return `"${shortened(text)}" seems to be ${name}, which the models here were not trained for: it may find little`;
}

/** The same about the language that the words were read in. */
export function aboutLanguage(language: string): string {
  return `read as ${languageName(language)}`;
}

function languageName(code: string): string {
  return new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code;
}

/** The same about {@link SearchResult.understood}. */
export function aboutUnderstood({ without, colours }: NonNullable<SearchResult['understood']>): string {
  const parts = [...colours.map(({ colour }) => colour), ...without.map(({ text }) => `without "${shortened(text)}"`)];
  return `understood: ${parts.join(', ')}`;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

async function readTexts(deps: SearchDeps, { terms, language }: SearchRequest): Promise<Map<SearchTerm, ReadText>> {
  const withText = terms.filter((term) => 'text' in term);
  const empty = withText.find((term) => term.text.trim() === '');
  if (empty) throw new SightlineError('invalid-input', 'expected a text with at least one character, got none');
  if (withText.length === 0) return new Map();
  const texts = withText.map((term) => term.text);
  const read = await deps.embedder.readTexts(texts, language ?? ANY_LANGUAGE);
  return new Map(withText.map((term, i) => [term, read[i]!]));
}

/** The vector of a term that brings a picture or a vector. */
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
