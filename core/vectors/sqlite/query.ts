import { LRUCache } from 'lru-cache';
import type { Filter, Hit, VectorQuery } from '../../ports.ts';
import type { Page } from '../../types.ts';
import type { Loaded } from '../../util/load-once.ts';
import { dot } from '../../util/vector-arithmetic.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../store-cursor.ts';
import { checkQuery } from '../validate.ts';
import type { Collection } from './collection.ts';
import { filterCondition } from './filter.ts';
import { PAYLOAD_COLUMNS, payloadOf } from './rows.ts';
import type { Candidates, Scanner } from './scan.ts';

/** Up to this many selected slots are scored one by one, which is exact and cheaper than a scan. */
const FEW = 4096;
/**
 * Candidates requested beyond those needed, so that the last needed one is well above the bound: codes are off by about
 * 0.02, which covers a few dozen of 100,000.
 */
const SLACK = 100;
/** Growth when candidates are not enough (ties, a long tail after the cursor). */
const GROWTH = 8;
/** Memory for cached selections, bytes. */
const SELECTIONS_BYTES = 32 * 2 ** 20;

/** The slots matching a filter in one state of the collection. */
interface Selection {
  /** Null when the matrix's own masks apply. */
  readonly few: readonly number[] | null;
  readonly masks: readonly (Float32Array | null)[];
}

/** Where a page begins: strictly after this, by score descending, then by id ascending. */
interface After {
  readonly score: number;
  readonly id: string;
}

interface Scored {
  readonly slot: number;
  readonly score: number;
}

/** The part of the store that answers {@link VectorQuery}; caches the selections of recent filters. */
export class NearestPoints {
  readonly #collection: Collection;
  readonly #scanner: Loaded<Scanner>;
  readonly #selections = new LRUCache<string, Selection>({
    maxSize: SELECTIONS_BYTES,
    sizeCalculation: ({ few, masks }) =>
      1 + (few?.length ?? 0) * 8 + masks.reduce((bytes, mask) => bytes + (mask?.byteLength ?? 0), 0),
  });

  /** The state of the cached selections. */
  #selectedAt = -1;

  constructor(collection: Collection, scanner: Loaded<Scanner>) {
    this.#collection = collection;
    this.#scanner = scanner;
  }

  /** See `VectorStore.query`. */
  async query(query: VectorQuery): Promise<Page<Hit>> {
    const { limit, filter, exclude = [], minScore = -Infinity } = query;
    const vector = checkQuery(query, this.#collection.dimension);
    const of = fingerprint(['query', vector, filter, query.minScore]);
    const after = query.cursor === undefined ? null : positionOf(of, query.cursor);
    return this.#collection.read(async () => {
      const ranked = await this.#rank(vector, this.#select(filter), {
        wanted: limit + 1,
        minScore,
        after,
        excluded: this.#slotsOf(exclude),
      });
      const items = this.#hits(ranked.slice(0, limit));
      const last = items[limit - 1];
      if (ranked.length <= limit || last === undefined) return { items };
      return { items, next: encodeCursor(of, [last.score, last.id]) };
    });
  }

  /** The first `wanted` or more in order; fewer when there are no more. */
  async #rank(
    vector: Float32Array,
    selection: Selection,
    options: { wanted: number; minScore: number; after: After | null; excluded: ReadonlySet<number> },
  ): Promise<readonly Scored[]> {
    const { wanted, minScore, after, excluded } = options;
    const upper = after?.score ?? Infinity;
    for (let k = wanted + excluded.size + SLACK; ; k *= GROWTH) {
      const { slots, bound } = await this.#candidates(vector, selection, k, upper);
      // Every slot above the bound is among the candidates; below it, a slot that is not a candidate may be better.
      const scored = slots.map((slot) => ({ slot, score: excluded.has(slot) ? NaN : this.#score(vector, slot) }));
      const certain = firstOf(scored, wanted, upper, (score) => score > bound && score >= minScore && score <= upper);
      const ranked = this.#inOrder(withTies(certain, wanted, upper), after);
      if (ranked.length >= wanted || bound < Math.max(minScore, -1)) return ranked;
    }
  }

  async #candidates(vector: Float32Array, selection: Selection, k: number, upper: number): Promise<Candidates> {
    if (selection.few !== null) return { slots: [...selection.few], bound: -Infinity };
    return (await this.#scanner.get()).scan({
      matrix: this.#collection.matrix,
      query: vector,
      masks: selection.masks,
      k,
      upper,
    });
  }

  /**
   * Cosine in float64, so that scores and order do not depend on how the scan blocks its sums, and equal vectors tie.
   * Clamped, because rounding can make a float32 unit vector slightly longer than 1.
   */
  #score(vector: Float32Array, slot: number): number {
    return Math.max(-1, Math.min(1, dot(vector, this.#collection.matrix.row(slot))));
  }

  /** Sorts ties by id in a list sorted by score. Ids are in the database, and most pages need none. */
  #inOrder(scored: readonly Scored[], after: After | null): readonly Scored[] {
    const tied = scored.some(({ score }, i) => score === (i === 0 ? after : scored[i - 1])?.score);
    if (!tied) return scored;
    const ids = this.#idsOf(scored.map(({ slot }) => slot));
    return scored
      .map(({ slot, score }) => ({ slot, score, id: ids.get(slot)! }))
      .filter(({ score, id }) => after === null || score < after.score || id > after.id)
      .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  }

  #select(filter: Filter): Selection {
    const { exceptWords, ...others } = filter;
    const { matrix, change } = this.#collection;
    const { kind, ...beside } = filter;
    if (Object.values(beside).every((value) => value === undefined)) return { few: null, masks: matrix.masks(kind) };
    if (this.#selectedAt !== change) this.#selections.clear();
    this.#selectedAt = change;
    const key = fingerprint([filter]);
    let selection = this.#selections.get(key);
    if (selection === undefined) {
      selection = exceptWords === undefined ? this.#selectMatching(filter) : this.#selectOthers(others, exceptWords);
      this.#selections.set(key, selection);
    }
    return selection;
  }

  #selectMatching(filter: Filter): Selection {
    const slots = this.#matching(filter);
    if (slots.length <= FEW) return { few: slots, masks: [] };
    return { few: null, masks: this.#collection.matrix.masksOf(slots) };
  }

  /** Excludes the few points with a name: selecting all others would take far longer. */
  #selectOthers(filter: Filter, exceptWords: readonly string[]): Selection {
    const out = this.#matching({ ...filter, words: [...new Set([...(filter.words ?? []), ...exceptWords])] });
    const all = this.#select(filter);
    if (out.length === 0) return all;
    if (all.few === null) return { few: null, masks: this.#collection.matrix.without(all.masks, out) };
    const named = new Set(out);
    return { few: all.few.filter((slot) => !named.has(slot)), masks: [] };
  }

  #matching(filter: Filter): number[] {
    const { sql, values } = filterCondition(filter);
    // As one JSON text: ten times faster than one row each when there are many.
    const row = this.#collection
      .sql(`SELECT json_group_array(p.slot) AS slots FROM points p WHERE +p.collection = ? AND ${sql}`)
      .get(this.#collection.id, ...values);
    return JSON.parse(row?.slots as string) as number[];
  }

  #slotsOf(ids: readonly string[]): Set<number> {
    if (ids.length === 0) return new Set();
    const rows = this.#collection
      .sql('SELECT slot FROM points WHERE collection = ? AND id IN (SELECT value FROM json_each(?))')
      .all(this.#collection.id, JSON.stringify(ids));
    return new Set(rows.map((row) => row.slot as number));
  }

  #idsOf(slots: readonly number[]): Map<number, string> {
    const rows = this.#collection
      .sql('SELECT slot, id FROM points WHERE collection = ? AND slot IN (SELECT value FROM json_each(?))')
      .all(this.#collection.id, JSON.stringify(slots));
    return new Map(rows.map((row) => [row.slot as number, row.id as string]));
  }

  #hits(ranked: readonly Scored[]): Hit[] {
    const rows = this.#collection
      .sql(`SELECT ${PAYLOAD_COLUMNS} FROM points p
        WHERE p.collection = ? AND p.slot IN (SELECT value FROM json_each(?))`)
      .all(this.#collection.id, JSON.stringify(ranked.map(({ slot }) => slot)));
    const found = new Map(rows.map((row) => [row.slot, row]));
    return ranked.map(({ slot, score }) => {
      const row = found.get(slot)!;
      return { id: row.id as string, score, payload: payloadOf(row) };
    });
  }
}

/**
 * The first `wanted` below `upper`, ties with the last of them, and everything not below; best first. Only these are
 * sorted: sorting some thousand takes as long as scoring them.
 */
function firstOf(
  scored: readonly Scored[],
  wanted: number,
  upper: number,
  counts: (score: number) => boolean,
): Scored[] {
  const best: number[] = [];
  let least = -Infinity;
  for (const { score } of scored) {
    if (score <= least || score >= upper || !counts(score)) continue;
    const place = best.findIndex((one) => one < score);
    best.splice(place < 0 ? best.length : place, 0, score);
    if (best.length > wanted) best.pop();
    if (best.length === wanted) least = best.at(-1)!;
  }
  return scored.filter(({ score }) => score >= least && counts(score)).sort((a, b) => b.score - a.score);
}

/**
 * The part of a list sorted by score that determines the first `wanted` after the cursor: those below `upper` including
 * all ties with the last one, and all ties with the cursor.
 */
function withTies(sorted: readonly Scored[], wanted: number, upper: number): readonly Scored[] {
  const firstBelow = sorted.findIndex(({ score }) => score < upper);
  const last = firstBelow < 0 ? undefined : sorted[firstBelow + wanted - 1];
  if (last === undefined) return sorted;
  const end = sorted.findIndex(({ score }) => score < last.score);
  return end < 0 ? sorted : sorted.slice(0, end);
}

function positionOf(of: string, cursor: string): After {
  const [score, id] = decodeCursor(of, cursor, ['number', 'string']);
  return { score: score as number, id: id as string };
}
