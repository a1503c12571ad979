import type { Embedder, Filter, Hit, VectorQuery, VectorStore } from '../ports.ts';
import type { Page } from '../types.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../vectors/store-cursor.ts';
import { BEGINNING, MIN_BEGINNING, type Reason, reasonsFor } from './lexical-terms.ts';

/**
 * Merges pictures whose names match the words of a query with pictures close in meaning. Three disjoint lists, each by
 * cosine: names with all words; names with words that begin so, if the query has words unknown to the model; and all
 * others. The first two, one after the other, are fused with the third by reciprocal rank: the picture at position n of
 * a list scores its weight / (60 + n), and the higher score comes first. So names fill the first 61 places, then two of
 * them come before each picture found by meaning.
 */
const RANK_OFFSET = 60;
const NAME_WEIGHT = 2;
/** Makes names and meaning alternate. */
const EQUAL_WEIGHT = 1;

/** A hit and its reasons: where the words of the query occur, or `meaning`. */
export interface FoundHit extends Hit {
  readonly why: readonly Reason[];
}

/** Words of a query to look for in names. */
export interface AskedNames {
  /** All of them whole. */
  readonly whole: readonly string[];
  /** The same with prefixes for words unknown to the model; null when it knows all of them. */
  readonly begun: readonly string[] | null;
}

interface NameOptions {
  /** Filter for matches by name. @default that of the query */
  readonly nameFilter?: Filter;
  /**
   * Whether the query excludes something, which names cannot tell: if the model knows all words, names and meaning
   * alternate.
   * @default false
   */
  readonly isWithout?: boolean;
}

/** How to look for words in names; numbers and words outside the vocabulary also match as prefixes. */
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
 * One page of the fused list. If no name matches, its cursor is the store's own, which avoids a second search.
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
  const position = cursor === undefined ? START : positionOf(of, cursor);
  if (position === null) return byMeaning(vectors, query);
  const lists = new NameLists(vectors, { ...query, filter: nameFilter }, asked, position);
  const names = await lists.read(namesAmong(position, limit, weight));
  if (cursor === undefined && names.length === 0) return byMeaning(vectors, query);
  const meanings = await readOthers(vectors, query, asked, position, limit - names.length);
  if (meanings.next === END) {
    names.push(...(await lists.read(limit - names.length - meanings.items.length)));
    await lists.skipEmpty();
  }
  const items = merged(position, names, meanings.items, weight);
  if (lists.list === ALL_READ && meanings.next === END) return { items };
  const next = [position.names + names.length, position.meanings + meanings.items.length, lists.list, lists.cursor];
  return { items, next: encodeCursor(of, [...next, meanings.next]) };
}

/** Search by meaning only. */
export async function byMeaning(vectors: VectorStore, query: VectorQuery): Promise<Page<FoundHit>> {
  const { items, ...rest } = await vectors.query(query);
  return { ...rest, items: items.map((hit) => ({ ...hit, why: ['meaning'] })) };
}

/** Where a page begins: how many items of each list came before, and the store's cursors into them. */
interface Position {
  readonly names: number;
  readonly meanings: number;
  /** Index of the current list of names. */
  readonly list: number;
  readonly nameCursor: string;
  readonly meaningCursor: string;
}

/** Instead of a cursor: at the beginning of its list, and past its end. */
const [FIRST, END] = ['', '-'];
const START: Position = { names: 0, meanings: 0, list: 0, nameCursor: FIRST, meaningCursor: FIRST };
const ALL_READ = 2;

/** Null for a cursor of the store itself. */
function positionOf(of: string, cursor: string): Position | null {
  try {
    const values = decodeCursor(of, cursor, ['number', 'number', 'number', 'string', 'string']);
    const [names, meanings, list, nameCursor, meaningCursor] = values as [number, number, number, string, string];
    return { names, meanings, list, nameCursor, meaningCursor };
  } catch {
    return null;
  }
}

/** The lists of matches by name, one after the other. */
class NameLists {
  list: number;
  cursor: string;
  readonly #vectors: VectorStore;
  readonly #query: VectorQuery;
  readonly #filters: readonly (Filter | null)[];

  constructor(vectors: VectorStore, query: VectorQuery, { whole, begun }: AskedNames, position: Position) {
    this.#vectors = vectors;
    this.#query = query;
    const { filter } = query;
    const onlyBegun = begun === null ? null : { ...filter, words: begun, exceptWords: whole };
    this.#filters = [{ ...filter, words: whole }, onlyBegun];
    [this.list, this.cursor] = [position.list, position.nameCursor];
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

  /** Moves past empty lists. */
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

/** The next `wanted` pictures without a match by name, and the cursor after them. */
async function readOthers(
  vectors: VectorStore,
  query: VectorQuery,
  { whole, begun }: AskedNames,
  { meaningCursor }: Position,
  wanted: number,
): Promise<{ items: FoundHit[]; next: string }> {
  if (wanted === 0 || meaningCursor === END) return { items: [], next: meaningCursor };
  const cursor = meaningCursor === FIRST ? undefined : meaningCursor;
  const filter = { ...query.filter, exceptWords: begun ?? whole };
  const { items, next = END } = await byMeaning(vectors, { ...query, filter, limit: wanted, cursor });
  return { items: [...items], next };
}

/** How many of the next `limit` come from names, as long as neither list ends. */
function namesAmong({ names, meanings }: Position, limit: number, weight: number): number {
  let taken = 0;
  for (let i = 0; i < limit; i++) if (isNameFirst(names + taken, meanings + i - taken, weight)) taken++;
  return taken;
}

/** Whether the next match by name comes before the next one by meaning, after so many of each. */
function isNameFirst(names: number, meanings: number, weight: number): boolean {
  return weight * (RANK_OFFSET + meanings + 1) >= RANK_OFFSET + names + 1;
}

function merged(
  position: Position,
  names: readonly FoundHit[],
  meanings: readonly FoundHit[],
  weight: number,
): FoundHit[] {
  const items: FoundHit[] = [];
  let [i, j] = [0, 0];
  while (i < names.length || j < meanings.length) {
    const isFirst = isNameFirst(position.names + i, position.meanings + j, weight);
    const takesName = j >= meanings.length || (i < names.length && isFirst);
    items.push(takesName ? names[i++]! : meanings[j++]!);
  }
  return items;
}
