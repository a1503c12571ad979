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
  /** Changes with every new list, so that the grid knows to start at the top. */
  readonly version: number;
  readonly query: Query;
  readonly items: readonly Item[];
  /** The best captions, where pictures and captions are asked for: a list of their own, see {@link fetchPage}. */
  readonly captions: readonly CaptionItem[];
  readonly next?: string;
  /** Months of a list by date, instead of `next`: its pictures are read where somebody looks. */
  readonly months?: readonly Month[];
  readonly warnings: readonly SearchWarning[];
  /** That the words were read in, see {@link ResultPage}. */
  readonly language?: string | null;
  /** What the words say beside what is looked for. */
  readonly understood?: Understood;
  /** The words that may have been meant, where nothing fits well. */
  readonly didYouMean?: string;
  /** How well the best picture fits, where anybody can say. */
  readonly fit?: Fit;
  /** Where in it one was, see {@link scrolledInList}, to go on there when this list appears; the top when absent. */
  readonly top?: number;
  /** The month that `top` is counted from, in a list by date: how high those before it are is not known for sure. */
  readonly month?: string;
}

/** Wait after a keystroke; short enough to feel immediate, long enough to skip the letters in between. */
const debounceMs = 120;

export const results = signal<Results | null>(null);
/** A first page is on its way. */
export const searching = signal(false);
export const loadingMore = signal(false);
export const fault = signal<unknown>(null);
/** Pictures in the collection that the filters let through, where the list says so. */
export const total = signal<number | undefined>(undefined);
/** Pictures that came in while the list was not at its top. */
export const newCount = signal(0);
/** Items taken away on this page whose removal the list does not know yet. */
export const hidden = signal<ReadonlySet<string>>(new Set());

/** What is listed, copies included. */
export const listedItems = computed(() => {
  const items = results.value?.items ?? [];
  return hidden.value.size === 0 ? items : items.filter((item) => !hidden.value.has(item.id));
});

let lastShown: string | undefined;
/** The picture that is, or was last, shown large: it stands for its copies, so that its tile is where one left it. */
const shownLarge = computed(() => {
  lastShown = route.value.photo ?? lastShown;
  return lastShown;
});

/** Pictures whose stacks are open: their copies stand behind them. */
const openStacks = signal<ReadonlySet<string>>(new Set());
const copyFolders = new Map<string, CopyFolder>();
const folded = computed(() => {
  const listed = listedItems.value;
  // Each month by itself: what is read of others later must not take a picture away from where one looks.
  const groups = results.value?.months ? Map.groupBy(listed, monthOf) : new Map([['', listed]]);
  const all = [...groups].map(([name, items]) => {
    const folder = copyFolders.get(name) ?? new CopyFolder();
    copyFolders.set(name, folder);
    return folder.fold(items, shownLarge.value);
  });
  return { items: all.flatMap(({ items }) => items), copies: new Map(all.flatMap(({ copies }) => [...copies])) };
});
/** The copies of the pictures that stand for some, by id. */
export const copiesOf = computed(() => folded.value.copies);

/** Tiles, in order: one for the copies of a picture, unless their stack is open. */
export const visibleItems = computed(() => {
  const { items, copies } = folded.value;
  const open = openStacks.value;
  if (open.size === 0) return items;
  return items.flatMap((item) => (open.has(item.id) ? [item, ...(copies.get(item.id) ?? [])] : [item]));
});

/** How many of the list stand at a tile: a closed stack has all its pictures there. */
export function countAt(item: Item): number {
  return isOpenStack(item.id) ? 1 : 1 + (copiesOf.value.get(item.id)?.length ?? 0);
}

/** How many pictures a list of the collection has, read or not, without those that were taken away on this page. */
export const pictureCount = computed(() => {
  if (total.value === undefined) return;
  return total.value - ((results.value?.items.length ?? 0) - listedItems.value.length);
});

/** How many pictures of each month are in the list, copies included. */
const listedOfMonth = computed(() => {
  const counts = new Map<string, number>();
  for (const item of listedItems.value) counts.set(monthOf(item), (counts.get(monthOf(item)) ?? 0) + 1);
  return counts;
});

/** How many pictures a month has, copies included, as far as anybody knows. */
export function countOfMonth({ value, count, isRead }: Month): number {
  const listed = listedOfMonth.value.get(value) ?? 0;
  return isRead ? listed : Math.max(listed, count);
}

export function isOpenStack(id: string): boolean {
  return openStacks.value.has(id);
}

/** Opens the stack of a picture that stands for copies, or closes it. */
export function toggleStack(id: string): void {
  const ids = [id, ...(copiesOf.value.get(id) ?? []).map((copy) => copy.id)];
  const open = new Set(openStacks.value);
  for (const one of ids) {
    if (isOpenStack(id)) open.delete(one);
    else open.add(one);
  }
  openStacks.value = open;
}

/** Where a reload, or the way back from another site, goes on. */
let mark: ScrollMark | undefined = markLeft();
/** Items of a list that are read again to get there. */
const maxRestored = 2000;

let running: AbortController | undefined;
/** A first page is on its way, shown or quiet: a later page of the list that it replaces would be thrown away. */
const renewing = signal(false);
/** Nothing else can be read now. */
export const isReading = computed(() => searching.value || renewing.value || loadingMore.value);
let version = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;

/** Searches whenever the query changes; a newer query ends the older one's request. */
export function startSearching(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: Query | undefined;
  effect(() => {
    const wanted = query.value;
    if (last && nameOf(wanted) === nameOf(last)) return;
    // The mark was left in the list that the page began with.
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

/** Where in a list one is. */
function placeIn(shown: Results | null): Pick<Results, 'top' | 'month'> & { readonly top: number } {
  const from = shown?.months && monthInSight;
  return { top: scrolledInList() - (from?.top ?? 0), month: from?.month };
}

/** Lists that were left for others, by their query, with how far they were scrolled: back finds them as they were. */
const left = new Map<string, { readonly results: Results; readonly total: number | undefined }>();
const maxLeft = 20;

/** Keeps the list that is shown; shows the one that was left when somebody goes back to it. True when there was one. */
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
 * Runs the current query from its first page. `unnoticed` keeps the list where it is scrolled to, unless a search that
 * people wait for is under way: then it replaces that one. When somebody has scrolled on meanwhile, and looks at more
 * than a first page, what is new in it is only counted.
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
    // Nobody asked for this list: what is shown stays, and the connection's own note says what is the matter.
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

/** Who may not look any more does not see what was there before, either. */
function forgetLists(): void {
  results.value = null;
  left.clear();
}

/** A touch moves a list by less than this without anybody having scrolled. */
const settledPx = 80;

function countUnknown(items: readonly Item[]): number {
  const known = new Set(results.peek()?.items.map(({ id }) => id));
  return items.filter(({ id }) => !known.has(id)).length;
}

/**
 * A first page and those after it, until there are more items than before, if there are more: what stood below them,
 * such as the sign that a page is on its way, is gone, and the window may have been scrolled down there.
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

/** Calls back once, when the first answer or fault is there: what can wait should not compete with it. */
export function afterFirstAnswer(then: () => void): void {
  const stop = effect(() => {
    if (results.value === null && fault.value === null) return;
    queueMicrotask(() => stop());
    untracked(then);
  });
}

/** The space that answered; another one means that the model was swapped and scores are not comparable. */
let space: string | undefined;

/** Reads on at the end of the list, or in a month of a list by date. */
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
    // A cursor ends with the process or the model that made it: start over, the query is still good.
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

/** Does what failed again: the first page or the next one. */
export function tryAgain(): void {
  clearTimeout(retryTimer);
  // A refresh that nobody saw fail; further down it would take away what one has scrolled to.
  if (fault.value === null) return void (scrollY < 80 && searchAgain(true));
  fault.value = null;
  const shown = results.value;
  // Of a list by date the grid knows what is missing.
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
