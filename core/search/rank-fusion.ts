import type { Embedder, Filter, Hit, VectorQuery, VectorStore } from '../ports.ts';
import type { Page } from '../types.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../vectors/cursor.ts';
import { BEGINNING, MIN_BEGINNING, type Reason, reasonsFor } from './lexical-terms.ts';

/**
 * Pictures that are called by the words of a query, and those that are near to it in meaning, as one list. Three lists
 * without a picture in common, each by cosine: called by all words; called by words that begin so, where the query has
 * words that the model does not know; and all others. The first two, one behind the other, are fused with the third by
 * reciprocal rank: the picture at place n of a list counts its weight / (60 + n), and the larger comes first. So names
 * fill the first 61 places as far as they go, then two of them stand before each picture that is near in meaning.
 */
const RANK_OFFSET = 60;
const NAME_WEIGHT = 2;
/** Names and meaning take turns. */
const EQUAL_WEIGHT = 1;

/** A hit, and why it is one: where the words of the query stand, or `meaning`. */
export interface FoundHit extends Hit {
  readonly why: readonly Reason[];
}

/** Words of a query as names are asked for by them. */
export interface AskedNames {
  /** All of them whole. */
  readonly whole: readonly string[];
  /** The same with beginnings for those that the model does not know; null when it knows all of them. */
  readonly begun: readonly string[] | null;
}

interface NameOptions {
  /** For those that are called so. @default that of the query */
  readonly nameFilter?: Filter;
  /**
   * Something is unwanted, of which names tell nothing: where the model knows all words, names and meaning take turns.
   * @default false
   */
  readonly isWithout?: boolean;
}

/** How to ask for names by some words; numbers and words that are in no vocabulary may be beginnings. */
export async function askedNames(words: readonly string[], embedder: Pick<Embedder, 'hasWord'>): Promise<AskedNames> {
  const begun = await Promise.all(
    words.map(async (word) => {
      if (Array.from(word).length < MIN_BEGINNING) return word;
      return !/^\p{N}/u.test(word) && (await embedder.hasWord(word)) ? word : `${word}${BEGINNING}`;
    }),
  );
  return { whole: words, begun: begun.some((word) => word.endsWith(BEGINNING)) ? begun : null };
}

/**
 * One page of the fused list. Its cursor is the store's own when nothing has such a name, so that nothing is looked for
 * twice.
 * @throws {invalid-cursor} and what the store throws
 */
export async function searchNames(
  vectors: VectorStore,
  query: VectorQuery,
  asked: AskedNames,
  { nameFilter = query.filter, isWithout = false }: NameOptions = {},
): Promise<Page<FoundHit>> {
  const { cursor, limit } = query;
  const weight = isWithout && asked.begun === null ? EQUAL_WEIGHT : NAME_WEIGHT;
  const of = fingerprint(['fused', query.vector, query.filter, nameFilter, query.minScore, asked, weight]);
  const place = cursor === undefined ? START : placeOf(of, cursor);
  if (place === null) return byMeaning(vectors, query);
  const lists = new NameLists(vectors, { ...query, filter: nameFilter }, asked, place);
  const names = await lists.read(namesAmong(place, limit, weight));
  if (cursor === undefined && names.length === 0) return byMeaning(vectors, query);
  const meanings = await readOthers(vectors, query, asked, place, limit - names.length);
  if (meanings.next === END) {
    names.push(...(await lists.read(limit - names.length - meanings.items.length)));
    await lists.skipEmpty();
  }
  const items = merged(place, names, meanings.items, weight);
  if (lists.list === ALL_READ && meanings.next === END) return { items };
  const next = [place.names + names.length, place.meanings + meanings.items.length, lists.list, lists.cursor];
  return { items, next: encodeCursor(of, [...next, meanings.next]) };
}

/** Only by meaning, which names have no part in. */
export async function byMeaning(vectors: VectorStore, query: VectorQuery): Promise<Page<FoundHit>> {
  const { items, ...rest } = await vectors.query(query);
  return { ...rest, items: items.map((hit) => ({ ...hit, why: ['meaning'] })) };
}

/** Where a page begins: how many of each list came before, and the store's own cursors into them. */
interface Place {
  readonly names: number;
  readonly meanings: number;
  /** Number of the list of names that is being read. */
  readonly list: number;
  readonly nameCursor: string;
  readonly meaningCursor: string;
}

/** In place of a cursor: at the beginning of its list, and behind its end. */
const [FIRST, END] = ['', '-'];
const START: Place = { names: 0, meanings: 0, list: 0, nameCursor: FIRST, meaningCursor: FIRST };
const ALL_READ = 2;

/** Null for a cursor of the store itself. */
function placeOf(of: string, cursor: string): Place | null {
  try {
    const values = decodeCursor(of, cursor, ['number', 'number', 'number', 'string', 'string']);
    const [names, meanings, list, nameCursor, meaningCursor] = values as [number, number, number, string, string];
    return { names, meanings, list, nameCursor, meaningCursor };
  } catch {
    return null;
  }
}

/** The lists of those that have the names, one behind the other. */
class NameLists {
  list: number;
  cursor: string;
  readonly #vectors: VectorStore;
  readonly #query: VectorQuery;
  readonly #filters: readonly (Filter | null)[];

  constructor(vectors: VectorStore, query: VectorQuery, { whole, begun }: AskedNames, place: Place) {
    this.#vectors = vectors;
    this.#query = query;
    const { filter } = query;
    const onlyBegun = begun === null ? null : { ...filter, words: begun, exceptWords: whole };
    this.#filters = [{ ...filter, words: whole }, onlyBegun];
    [this.list, this.cursor] = [place.list, place.nameCursor];
  }

  /** The next `wanted`, fewer at the end of all. */
  async read(wanted: number): Promise<FoundHit[]> {
    const found: FoundHit[] = [];
    while (found.length < wanted && this.list < ALL_READ) {
      const page = await this.#page(wanted - found.length);
      found.push(...page.items.map((hit) => ({ ...hit, why: reasonsFor(hit.payload, this.#filter?.words ?? []) })));
      this.cursor = page.next ?? FIRST;
      if (page.next === undefined) this.list += 1;
    }
    return found;
  }

  /** Goes on to the end when nothing is left to read. */
  async skipEmpty(): Promise<void> {
    while (this.list < ALL_READ && this.cursor === FIRST && (await this.#page(1)).items.length === 0) this.list += 1;
  }

  get #filter(): Filter | null {
    return this.#filters[this.list]!;
  }

  async #page(limit: number): Promise<Page<Hit>> {
    if (this.#filter === null) return { items: [] };
    const cursor = this.cursor === FIRST ? undefined : this.cursor;
    return this.#vectors.query({ ...this.#query, filter: this.#filter, limit, cursor });
  }
}

/** The next `wanted` of those that have no such name, and the cursor behind them. */
async function readOthers(
  vectors: VectorStore,
  query: VectorQuery,
  { whole, begun }: AskedNames,
  { meaningCursor }: Place,
  wanted: number,
): Promise<{ items: FoundHit[]; next: string }> {
  if (wanted === 0 || meaningCursor === END) return { items: [], next: meaningCursor };
  const cursor = meaningCursor === FIRST ? undefined : meaningCursor;
  const filter = { ...query.filter, exceptWords: begun ?? whole };
  const { items, next = END } = await byMeaning(vectors, { ...query, filter, limit: wanted, cursor });
  return { items: [...items], next };
}

/** How many of the next `limit` are names, as long as neither list ends. */
function namesAmong({ names, meanings }: Place, limit: number, weight: number): number {
  let taken = 0;
  for (let i = 0; i < limit; i++) if (isNameFirst(names + taken, meanings + i - taken, weight)) taken++;
  return taken;
}

/** Whether the next name comes before the next picture that is near in meaning, when so many of each were before. */
function isNameFirst(names: number, meanings: number, weight: number): boolean {
  return weight * (RANK_OFFSET + meanings + 1) >= RANK_OFFSET + names + 1;
}

function merged(place: Place, names: readonly FoundHit[], meanings: readonly FoundHit[], weight: number): FoundHit[] {
  const items: FoundHit[] = [];
  let [i, j] = [0, 0];
  while (i < names.length || j < meanings.length) {
    const isFirst = isNameFirst(place.names + i, place.meanings + j, weight);
    const takesName = j >= meanings.length || (i < names.length && isFirst);
    items.push(takesName ? names[i++]! : meanings[j++]!);
  }
  return items;
}
