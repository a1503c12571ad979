import { computed, signal } from '@preact/signals';
import { emptyQuery, type Query, type Route, routeFromParams, routeToParams, type View } from '../route.ts';

const current = signal(read());

/** Where the page is. Changes through the functions below and the browser's own back and forward. */
export const route = computed(() => current.value);
export const query = computed(() => current.value.query);

/** Keystrokes closer together than this are one entry in the history. */
const typingPauseMs = 1500;
let lastTypedAt = 0;
let moved: 'on' | 'back' = 'on';

/** How the page came where it is: by something one did on it, or by the browser's back and forward. */
export function lastMove(): 'on' | 'back' {
  return moved;
}

export function startNavigation(): void {
  // Back to a result list has to find the scroll position that the list was left at; the grid restores it itself.
  history.scrollRestoration = 'manual';
  addEventListener('popstate', () => {
    lastTypedAt = 0;
    moved = 'back';
    current.value = read();
  });
}

/** Where in a list one was: how far it was scrolled, in pixels from its top, and how many items there were. */
export interface ScrollMark {
  readonly top: number;
  readonly count: number;
  /** The month of a list by date whose beginning `top` is counted from. */
  readonly month?: string;
}

const markName = 'sightline-scroll';

/** Notes where in the list one is when the page is left, for a reload and the way back from another site. */
export function leaveMark(mark: ScrollMark): void {
  try {
    sessionStorage.setItem(markName, JSON.stringify({ ...mark, url: location.href }));
  } catch {
    // Without it the list begins at its top.
  }
}

/** What the page that was at this address before left there. */
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

/** Entries of this page before the current one. */
function depth(): number {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null && 'depth' in state ? Number(state.depth) : 0;
}

export function changeQuery(change: Partial<Query>): void {
  lastTypedAt = 0;
  go({ view: whereResultsShow(), query: { ...query.value, ...change } });
}

/** The map shows where the results are; every other page makes way for their list. */
function whereResultsShow(): View {
  return current.value.view === 'map' ? 'map' : 'search';
}

/** Like {@link changeQuery} for each keystroke: a burst of typing is one step back. */
export function typeText(text: string): void {
  const now = Date.now();
  const how = now - lastTypedAt < typingPauseMs ? 'replace' : 'push';
  lastTypedAt = now;
  go({ view: whereResultsShow(), query: { ...query.value, text } }, how);
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
