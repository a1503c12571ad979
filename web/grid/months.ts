import { type FacetCount, type Filter, type Item, isImage } from '../client.ts';
import { isBrowsing, type Query } from '../route.ts';

/** A list by the date of taking: its months are known from the start, their pictures are read when they are near. */

/** A month of such a list; the last one may be `''`, of pictures without a date. */
export interface Month {
  readonly value: string;
  readonly count: number;
  /** All its pictures are in the list. Of other months those before {@link next} are, or none. */
  readonly isRead: boolean;
  /** Where a page ended within it; it is read from its beginning when absent. */
  readonly next?: Reading;
}

/** What is asked for to read on: some months, each up to its end. */
export interface Reading {
  readonly filter: Filter;
  readonly cursor?: string;
  /** The last of the months. */
  readonly until: string;
}

export interface DatedList {
  readonly items: readonly Item[];
  readonly months: readonly Month[];
}

export function isByDate(asked: Query): boolean {
  return asked.sort !== undefined && asked.kind === 'image' && isBrowsing(asked);
}

export function monthOf(item: Item): string {
  return isImage(item) ? item.month : '';
}

/** A list of which nothing is read, in its order. `known` are pictures that came while they were counted. */
export function datedList(counts: readonly FacetCount[], known: readonly Item[], sort: Query['sort']): DatedList {
  const all = new Map(counts.map(({ value, count }) => [value, count]));
  for (const item of known) if (!all.has(monthOf(item))) all.set(monthOf(item), 1);
  const sign = sort === 'taken' ? 1 : -1;
  const months = [...all].sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -sign : sign));
  return { items: [], months: months.map(([value, count]) => ({ value, count, isRead: false })) };
}

/**
 * A month from its beginning on, with as many of those after it as fill a page. Pictures without a date are read by
 * themselves. What is asked for is small, since the API counts it with each page.
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

/** The list with a page that was read from the month `from` on, which may reach into those after it. */
export function withPage(list: DatedList, page: PageRead, from: string, { filter, until }: Reading): DatedList {
  const at = new Map(list.months.map(({ value }, i) => [value, i]));
  const known = new Set(list.items.map(({ id }) => id));
  const added = page.items.filter((item) => !known.has(item.id) && at.has(monthOf(item)));
  const rank = (item: Item) => at.get(monthOf(item))!;
  // Stable: of each month the first pictures come first, whichever page they are of.
  const items = added.length === 0 ? list.items : [...list.items, ...added].sort((a, b) => rank(a) - rank(b));
  const last = page.items.at(-1);
  const end = page.next === undefined ? undefined : (at.get(last ? monthOf(last) : from) ?? at.get(from));
  const months = list.months.map((month, i): Month => {
    if (month.isRead || i < at.get(from)! || i > (end ?? at.get(until)!)) return month;
    return i === end ? { ...month, next: { filter, until, cursor: page.next } } : { ...month, isRead: true };
  });
  return { items, months };
}

/** The month that has to be read before the picture beside the one at `index` is known; undefined when it is. */
export function gapBeside({ items, months }: DatedList, index: number, by: 1 | -1): Month | undefined {
  const own = monthOf(items[index]!);
  const to = items[index + by] && monthOf(items[index + by]!);
  if (to === own) return;
  const start = months.findIndex(({ value }) => value === own);
  for (let i = by > 0 ? start : start - 1; months[i] !== undefined; i += by) {
    const month = months[i]!;
    // Of each month the first pictures are known first.
    if (by > 0 && month.value === to) return;
    if (!month.isRead) return month;
    if (month.value === to) return;
  }
  return;
}

/** A month and the part of the list that is of it. */
export interface MonthPart {
  readonly month: Month;
  /** Index of its first picture in the list, and how many there are. */
  readonly first: number;
  readonly known: number;
  /** How many it has, as far as anybody knows. */
  readonly count: number;
  /** How many those before it have. */
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
