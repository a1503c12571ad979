import { computed, effect, signal, untracked } from '@preact/signals';
import { ApiFault, isAbort, isUnreachable, mayPass } from '../api-error.ts';
import type { CaptionItem, Fit, Item, SearchWarning, Understood } from '../client.ts';
import { CopyFolder } from '../grid/fold-copies.ts';
import { type Month, monthOf } from '../grid/months.ts';
import type { Query, View } from '../route.ts';
import { fetchMonth, fetchPage, type ResultPage } from './fetch-results.ts';
import { lastMove, leaveMark, markLeft, query, route, type ScrollMark } from './navigation.ts';
import { aboveList, monthInSight, scrolledInList } from './scroll.ts';

export interface Results {
  /** Changes with each new list, which tells the grid to start at the top. */
  readonly version: number;
  readonly query: Query;
  readonly items: readonly Item[];
  /** The best captions, if both kinds are requested: a separate list, see {@link fetchPage}. */
  readonly captions: readonly CaptionItem[];
  readonly next?: string;
  /** Months of a list by date, instead of `next`: pictures load where the user looks. */
  readonly months?: readonly Month[];
  readonly warnings: readonly SearchWarning[];
  /** Language the query text was read in, see {@link ResultPage}. */
  readonly language?: string | null;
  /** Filters and other meanings found in the query text. */
  readonly understood?: Understood;
  /** Suggested correction, if nothing fits well. */
  readonly didYouMean?: string;
  /** How well the best picture fits, if known. */
  readonly fit?: Fit;
  /** Saved scroll position, see {@link scrolledInList}, to restore when this list is shown; the top if absent. */
  readonly top?: number;
  /** For lists by date: the month that `top` is relative to, because the height of earlier months is an estimate. */
  readonly month?: string;
}

/** Delay after a keystroke: short enough to feel immediate, long enough to skip intermediate letters. */
const debounceMs = 120;

export const results = signal<Results | null>(null);
/** A first page is loading. */
export const searching = signal(false);
export const loadingMore = signal(false);
export const fault = signal<unknown>(null);
/** Pictures in the collection that match the filters, if the response says so. */
export const total = signal<number | undefined>(undefined);
/** New pictures that arrived while the list was scrolled down. */
export const newCount = signal(0);
/** Items removed on this page but still in the list. */
export const hidden = signal<ReadonlySet<string>>(new Set());

/** Visible items, including copies. */
export const listedItems = computed(() => {
  const items = results.value?.items ?? [];
  return hidden.value.size === 0 ? items : items.filter((item) => !hidden.value.has(item.id));
});

let lastShown: string | undefined;
/** The picture that is, or was last, open. It represents its copies, so that its tile stays in place. */
const shownLarge = computed(() => {
  lastShown = route.value.photo ?? lastShown;
  return lastShown;
});

/** Pictures whose stacks are open: their copies follow them. */
const openStacks = signal<ReadonlySet<string>>(new Set());
const copyFolders = new Map<string, CopyFolder>();
const folded = computed(() => {
  const listed = listedItems.value;
  // Fold each month separately: loading other months must not remove a picture that the user is looking at.
  const groups = results.value?.months ? Map.groupBy(listed, monthOf) : new Map([['', listed]]);
  const all = [...groups].map(([name, items]) => {
    const folder = copyFolders.get(name) ?? new CopyFolder();
    copyFolders.set(name, folder);
    return folder.fold(items, shownLarge.value);
  });
  return { items: all.flatMap(({ items }) => items), copies: new Map(all.flatMap(({ copies }) => [...copies])) };
});
/** Copies by the id of the picture that represents them. */
export const copiesOf = computed(() => folded.value.copies);

/** Tiles in order: one per stack of copies, unless the stack is open. */
export const visibleItems = computed(() => {
  const { items, copies } = folded.value;
  const open = openStacks.value;
  if (open.size === 0) return items;
  return items.flatMap((item) => (open.has(item.id) ? [item, ...(copies.get(item.id) ?? [])] : [item]));
});

/** Number of listed pictures at a tile: a closed stack counts all of its pictures. */
export function countAt(item: Item): number {
  return isOpenStack(item.id) ? 1 : 1 + (copiesOf.value.get(item.id)?.length ?? 0);
}

/** Total pictures in a list of the collection, loaded or not, without those removed on this page. */
export const pictureCount = computed(() => {
  if (total.value === undefined) return;
  return total.value - ((results.value?.items.length ?? 0) - listedItems.value.length);
});

/** Number of loaded pictures per month, including copies. */
const listedOfMonth = computed(() => {
  const counts = new Map<string, number>();
  for (const item of listedItems.value) counts.set(monthOf(item), (counts.get(monthOf(item)) ?? 0) + 1);
  return counts;
});

/** Total pictures in a month, including copies, as far as known. */
export function countOfMonth({ value, count, isRead }: Month): number {
  const listed = listedOfMonth.value.get(value) ?? 0;
  return isRead ? listed : Math.max(listed, count);
}

export function isOpenStack(id: string): boolean {
  return openStacks.value.has(id);
}

/** Opens or closes a picture's stack of copies. */
export function toggleStack(id: string): void {
  const ids = [id, ...(copiesOf.value.get(id) ?? []).map((copy) => copy.id)];
  const open = new Set(openStacks.value);
  for (const one of ids) {
    if (isOpenStack(id)) open.delete(one);
    else open.add(one);
  }
  openStacks.value = open;
}

/** Where to continue after a reload or on return from another site. */
let mark: ScrollMark | undefined = markLeft();
/** Maximum number of items to load again to get there. */
const maxRestored = 2000;

let running: AbortController | undefined;
/** A first page is loading, visibly or in the background; a later page of the list it replaces would be discarded. */
const renewing = signal(false);
/** Another page cannot be requested now. */
export const isReading = computed(() => searching.value || renewing.value || loadingMore.value);
let version = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;

/** Searches whenever the query changes; a new query cancels the previous request. */
export function startSearching(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: Query | undefined;
  effect(() => {
    const wanted = query.value;
    if (last && nameOf(wanted) === nameOf(last)) return;
    // The saved position belongs to the list that the page starts with.
    if (last !== undefined) mark = undefined;
    const typed = last !== undefined && wanted.text !== last.text && wanted.text !== '';
    last = wanted;
    clearTimeout(timer);
    running?.abort();
    if (untracked(() => showLeft(wanted))) return;
    searching.value = true;
    if (typed) timer = setTimeout(() => void searchAgain(), debounceMs);
    else untracked(() => void searchAgain());
  });
  addEventListener('pagehide', () => {
    const place = route.value.view === 'search' ? placeIn(results.value) : { top: aboveList };
    leaveMark({ ...place, count: results.value?.items.length ?? 0 });
  });
  let lastView: View | undefined;
  effect(() => {
    const { view } = route.value;
    const shown = results.peek();
    if (lastView === 'search' && view !== 'search' && shown) results.value = { ...shown, ...placeIn(shown) };
    lastView = view;
  });
}

/** Current position in the list. */
function placeIn(shown: Results | null): Pick<Results, 'top' | 'month'> & { readonly top: number } {
  const from = shown?.months && monthInSight;
  return { top: scrolledInList() - (from?.top ?? 0), month: from?.month };
}

/** Lists that were left, by query, with their scroll positions, so that back restores them. */
const left = new Map<string, { readonly results: Results; readonly total: number | undefined }>();
const maxLeft = 20;

/** Saves the current list, and restores the target one when going back. Returns true if it was found. */
function showLeft(wanted: Query): boolean {
  const shown = results.value;
  if (shown) {
    const place = lastMove() === 'back' && route.value.view !== 'search' ? {} : placeIn(shown);
    left.delete(nameOf(shown.query));
    left.set(nameOf(shown.query), { results: { ...shown, ...place }, total: total.value });
    if (left.size > maxLeft) left.delete(left.keys().next().value!);
  }
  const known = left.get(nameOf(wanted));
  if (!known || lastMove() !== 'back') return false;
  running = new AbortController();
  results.value = { ...known.results, query: wanted, version: ++version };
  total.value = known.total;
  fault.value = null;
  searching.value = false;
  return true;
}

function nameOf(asked: Query): string {
  return JSON.stringify(asked);
}

/**
 * Runs the current query from its first page. `unnoticed` refreshes in the background and keeps the scroll position,
 * unless the user is waiting for a search: then it replaces that search. If the user scrolled past the first page
 * meanwhile, new items are only counted.
 */
export async function searchAgain(unnoticed = false): Promise<void> {
  const quiet = unnoticed && !searching.value;
  const from = scrollY;
  clearTimeout(retryTimer);
  running?.abort();
  const controller = new AbortController();
  running = controller;
  renewing.value = true;
  const wanted = query.value;
  searching.value = !quiet;
  try {
    const page = await fetchPage(wanted, undefined, controller.signal);
    const { items, next } = mark ? await fetchUpTo(mark.count, page, wanted, controller.signal) : page;
    if (controller.signal.aborted) return;
    failures = 0;
    fault.value = null;
    if (quiet && scrollY > from + settledPx) {
      newCount.value += countUnknown(items);
      return;
    }
    const { top, month } = mark ?? ((quiet && results.peek()) || {});
    mark = undefined;
    const { captions = [], months, warnings = [], fit, language, understood, didYouMean } = page;
    const answer = { query: wanted, items, captions, next, months, warnings, fit, language, understood, didYouMean };
    results.value = { version: quiet ? version : ++version, ...answer, top, month };
    total.value = page.total;
    space = page.space ?? space;
  } catch (error) {
    if (controller.signal.aborted || isAbort(error)) return;
    // The refresh ran in the background: keep the results; the connection notice explains the problem.
    if (!quiet || !isUnreachable(error)) fault.value = error;
    if (error instanceof ApiFault && error.status === 401) forgetLists();
    retryLater(error);
  } finally {
    if (running === controller) {
      searching.value = false;
      renewing.value = false;
    }
  }
}

/** When access is lost, the earlier results are hidden as well. */
function forgetLists(): void {
  results.value = null;
  left.clear();
}

/** Touching the list moves it by less than this without real scrolling. */
const settledPx = 80;

function countUnknown(items: readonly Item[]): number {
  const known = new Set(results.peek()?.items.map(({ id }) => id));
  return items.filter(({ id }) => !known.has(id)).length;
}

/**
 * Loads pages until there are more items than before, if possible: elements below the list, such as the loading
 * indicator, may be gone, and the window may have been scrolled down to them.
 */
async function fetchUpTo(count: number, first: ResultPage, wanted: Query, signal: AbortSignal) {
  const items = [...first.items];
  let { next } = first;
  while (next !== undefined && items.length <= Math.min(count, maxRestored)) {
    const page = await fetchPage(wanted, next, signal);
    items.push(...page.items);
    next = page.next;
  }
  return { items, next };
}

/** Calls back once, after the first response or error, so that deferred work does not compete with it. */
export function afterFirstAnswer(then: () => void): void {
  const stop = effect(() => {
    if (results.value === null && fault.value === null) return;
    queueMicrotask(() => stop());
    untracked(then);
  });
}

/** The embedding space of the response; a different one means that the model changed and scores are not comparable. */
let space: string | undefined;

/** Loads more at the end of the list, or in a month of a list by date. */
export async function loadMore(inMonth?: string): Promise<void> {
  const shown = results.value;
  const controller = running;
  const month = shown?.months?.find(({ value, isRead }) => value === inMonth && !isRead);
  if (!shown || !(shown.next || month) || isReading.value || !controller) return;
  loadingMore.value = true;
  try {
    const longer = await readOn(shown, month, controller.signal);
    if (results.value !== shown || controller.signal.aborted) return;
    fault.value = null;
    if (longer === 'other-space') return void searchAgain();
    results.value = longer;
  } catch (error) {
    if (controller.signal.aborted || isAbort(error)) return;
    // Cursors expire with the process or model that issued them: start over with the same query.
    if (error instanceof ApiFault && (error.code === 'invalid-cursor' || error.code === 'space-mismatch'))
      return void searchAgain();
    fault.value = error;
    retryLater(error);
  } finally {
    loadingMore.value = false;
  }
}

async function readOn(shown: Results, month: Month | undefined, signal: AbortSignal): Promise<Results | 'other-space'> {
  if (month && shown.months) {
    const list = { items: shown.items, months: shown.months };
    return { ...shown, ...(await fetchMonth(shown.query, list, month, signal)) };
  }
  const page = await fetchPage(shown.query, shown.next, signal);
  if (space !== undefined && page.space !== undefined && page.space !== space) return 'other-space';
  const known = new Set(shown.items.map((item) => item.id));
  return { ...shown, items: [...shown.items, ...page.items.filter((item) => !known.has(item.id))], next: page.next };
}

/** Retries what failed: the first page or the next one. */
export function tryAgain(): void {
  clearTimeout(retryTimer);
  // A background refresh failed; retrying it here would discard what the user has scrolled to.
  if (fault.value === null) return void (scrollY < 80 && searchAgain(true));
  fault.value = null;
  const shown = results.value;
  // In a list by date, the grid knows what is missing.
  if (shown?.query === query.value && (shown.next || shown.months)) void loadMore();
  else void searchAgain();
}

function retryLater(error: unknown): void {
  if (!mayPass(error)) return;
  const asked = error instanceof ApiFault ? error.retryAfter : undefined;
  const wait = Math.min(30, asked ?? 2 ** failures);
  failures += 1;
  retryTimer = setTimeout(tryAgain, wait * 1000);
}
