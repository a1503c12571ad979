import { type FacetCount, type Filter, type Item, isImage } from '../client.ts';
import { isBrowsing, type Query } from '../route.ts';

/** A list sorted by date taken: its months are known from the start; their pictures are loaded when they come near. */

/** A month of the list; the last may be `''`, for pictures without a date. */
export interface Month {
  readonly value: string;
  readonly count: number;
  /** True if all its pictures are loaded. Otherwise only those before {@link next}, or none, are. */
  readonly isRead: boolean;
  /** Cursor where the last page ended within the month; if absent, the month is read from its start. */
  readonly next?: Reading;
}

/** The next request: some months, each to its end. */
export interface Reading {
  readonly filter: Filter;
  readonly cursor?: string;
  /** The last of these months. */
  readonly until: string;
}

export interface DatedList {
  readonly items: readonly Item[];
  readonly months: readonly Month[];
}

export function isByDate(asked: Query): boolean {
  const { sort = 'newest', kind } = asked;
  return sort !== 'newest' && kind === 'image' && isBrowsing(asked);
}

export function monthOf(item: Item): string {
  return isImage(item) ? item.month : '';
}

/** A sorted list with nothing loaded. `known` are pictures that arrived while the months were counted. */
export function datedList(counts: readonly FacetCount[], known: readonly Item[], sort: Query['sort']): DatedList {
  const all = new Map(counts.map(({ value, count }) => [value, count]));
  for (const item of known) if (!all.has(monthOf(item))) all.set(monthOf(item), 1);
  const sign = sort === 'taken' ? 1 : -1;
  const months = [...all].sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -sign : sign));
  return { items: [], months: months.map(([value, count]) => ({ value, count, isRead: false })) };
}

/**
 * Requests a month from its start, and as many later months as fit on a page. Pictures without a date are requested
 * separately. Requests are kept small because the API counts their pictures for every page.
 */
export function readingFrom(
  month: string,
  months: readonly Month[],
  pageSize: number,
  { filter, sort }: Query,
): Reading {
  if (month === '') return { filter: { ...filter, month }, until: month };
  let at = months.findIndex(({ value }) => value === month);
  for (let count = months[at]!.count; count < pageSize && months[at + 1]?.value; count += months[at]!.count) at++;
  const until = months[at]!.value;
  const [from, to] = sort === 'taken' ? [month, until] : [until, month];
  const [year, number] = to.split('-').map(Number);
  const lastDay = new Date(Date.UTC(year!, number!, 0)).toISOString().slice(0, 10);
  const takenAfter = later(filter.takenAfter, `${from}-01`);
  return { filter: { ...filter, takenAfter, takenBefore: earlier(filter.takenBefore, lastDay) }, until };
}

function later(a: string | undefined, b: string): string {
  return a !== undefined && a > b ? a : b;
}

function earlier(a: string | undefined, b: string): string {
  return a !== undefined && a < b ? a : b;
}

interface PageRead {
  readonly items: readonly Item[];
  readonly next?: string;
}

/** Adds a page that was read from month `from` and may extend into later months. */
export function withPage(list: DatedList, page: PageRead, from: string, { filter, until }: Reading): DatedList {
  const at = new Map(list.months.map(({ value }, i) => [value, i]));
  const known = new Set(list.items.map(({ id }) => id));
  const added = page.items.filter((item) => !known.has(item.id) && at.has(monthOf(item)));
  const rank = (item: Item) => at.get(monthOf(item))!;
  // The sort is stable: each month keeps its first pictures first, whichever page they came from.
  const items = added.length === 0 ? list.items : [...list.items, ...added].sort((a, b) => rank(a) - rank(b));
  const last = page.items.at(-1);
  const end = page.next === undefined ? undefined : (at.get(last ? monthOf(last) : from) ?? at.get(from));
  const months = list.months.map((month, i): Month => {
    if (month.isRead || i < at.get(from)! || i > (end ?? at.get(until)!)) return month;
    return i === end ? { ...month, next: { filter, until, cursor: page.next } } : { ...month, isRead: true };
  });
  return { items, months };
}

/** The month to load before the neighbour of the picture at `index` is known; undefined if it is known. */
export function gapBeside({ items, months }: DatedList, index: number, by: 1 | -1): Month | undefined {
  const own = monthOf(items[index]!);
  const to = items[index + by] && monthOf(items[index + by]!);
  if (to === own) return;
  const start = months.findIndex(({ value }) => value === own);
  for (let i = by > 0 ? start : start - 1; months[i] !== undefined; i += by) {
    const month = months[i]!;
    // Each month is loaded from its start.
    if (by > 0 && month.value === to) return;
    if (!month.isRead) return month;
    if (month.value === to) return;
  }
  return;
}

/** A month and its part of the list. */
export interface MonthPart {
  readonly month: Month;
  /** Index of its first picture in the list, and the number of pictures loaded. */
  readonly first: number;
  readonly known: number;
  /** Its total number of pictures, as far as known. */
  readonly count: number;
  /** The total for the months before it. */
  readonly before: number;
}

/** The months that have pictures. */
export function partsOf({ items, months }: DatedList): MonthPart[] {
  const parts: MonthPart[] = [];
  let first = 0;
  let before = 0;
  for (const month of months) {
    let end = first;
    while (end < items.length && monthOf(items[end]!) === month.value) end++;
    const known = end - first;
    const count = month.isRead ? known : Math.max(known, month.count);
    if (count > 0) parts.push({ month, first, known, count, before });
    first = end;
    before += count;
  }
  return parts;
}
