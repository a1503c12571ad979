import { computed, signal } from '@preact/signals';
import { emptyQuery, isBrowsing, type Query, type Route, routeFromParams, routeToParams, type View } from '../route.ts';

const current = signal(read());

/** The current route. Changed by the functions below and by the browser's back and forward. */
export const route = computed(() => current.value);
export const query = computed(() => current.value.query);

/** Keystrokes closer together than this share one history entry. */
const typingPauseMs = 1500;
let lastTypedAt = 0;
let moved: 'on' | 'back' = 'on';

/** How the current route was reached: by an action on the page, or by back and forward. */
export function lastMove(): 'on' | 'back' {
  return moved;
}

export function startNavigation(): void {
  // Going back must restore the list's scroll position; the grid does that itself.
  history.scrollRestoration = 'manual';
  addEventListener('popstate', () => {
    lastTypedAt = 0;
    moved = 'back';
    current.value = read();
  });
}

/** Position in a list: scroll offset in pixels from its top, and number of items. */
export interface ScrollMark {
  readonly top: number;
  readonly count: number;
  /** For lists by date: the month whose start `top` is relative to. */
  readonly month?: string;
}

const markName = 'sightline-scroll';

/** Saves the list position when the page unloads, for reloads and for coming back from another site. */
export function leaveMark(mark: ScrollMark): void {
  try {
    sessionStorage.setItem(markName, JSON.stringify({ ...mark, url: location.href }));
  } catch {
    // Without it, the list starts at the top.
  }
}

/** The position saved when this address was left. */
export function markLeft(): ScrollMark | undefined {
  try {
    const mark = JSON.parse(sessionStorage.getItem(markName) ?? '{}');
    return mark.url === location.href ? { ...mark, top: Number(mark.top), count: Number(mark.count) } : undefined;
  } catch {
    return undefined;
  }
}

function read(): Route {
  return routeFromParams(new URLSearchParams(location.search));
}

export function urlOf(target: Route): string {
  const params = routeToParams(target).toString();
  return params === '' ? location.pathname : `?${params}`;
}

export function go(target: Route, how: 'push' | 'replace' = 'push'): void {
  const url = urlOf(target);
  moved = 'on';
  current.value = target;
  if (url === urlOf(read())) return;
  if (how === 'push') history.pushState({ depth: depth() + 1 }, '', url);
  else history.replaceState(history.state, '', url);
}

/** Number of history entries of this page before the current one. */
function depth(): number {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null && 'depth' in state ? Number(state.depth) : 0;
}

export function changeQuery(change: Partial<Query>): void {
  lastTypedAt = 0;
  go({ view: whereResultsShow(), query: changed(change) });
}

/** A search begins with its best matches, whatever the order of the collection was, and leaves no order behind. */
function changed(change: Partial<Query>): Query {
  const after = { ...query.value, ...change };
  return isBrowsing(query.value) === isBrowsing(after) ? after : { ...after, sort: undefined };
}

/** The map shows results in place; every other page closes to show the list. */
function whereResultsShow(): View {
  return current.value.view === 'map' ? 'map' : 'search';
}

/** Like {@link changeQuery}, for keystrokes: a burst of typing becomes one history entry. */
export function typeText(text: string): void {
  const now = Date.now();
  const how = now - lastTypedAt < typingPauseMs ? 'replace' : 'push';
  lastTypedAt = now;
  go({ view: whereResultsShow(), query: changed({ text }) }, how);
}

export function openView(view: View): void {
  go({ view, query: view === 'search' ? emptyQuery : query.value });
  scrollTo({ top: 0 });
}

export function openPhoto(id: string): void {
  go({ ...current.value, photo: id }, current.value.photo === undefined ? 'push' : 'replace');
}

export function closePhoto(): void {
  const { photo: _, ...rest } = current.value;
  if (depth() > 0) history.back();
  else go(rest, 'replace');
}
