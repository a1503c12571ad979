import { computed, effect, signal, untracked } from '@preact/signals';
import { ApiFault } from '../api-error.ts';
import type { Change } from '../client.ts';
import { type Listening, listenToEvents } from '../events/listen.ts';
import type { StreamState } from '../events/stream.ts';
import { accessChanges } from './access.ts';
import { route } from './navigation.ts';
import { fault, newCount, searchAgain, tryAgain } from './results.ts';
import { refreshStatus, refreshStatusSoon, startStatus } from './server-status.ts';
import { client } from './server-urls.ts';
import { refreshTags } from './suggestions.ts';

/** How the page learns of changes. */
export const connection = signal<'connecting' | 'events' | 'polling' | 'lost'>('connecting');
/** What the browser says of the network. */
export const isOnline = signal(navigator.onLine);
/** Event counters, for views that show them. */
export const changeCount = signal(0);

/** Counts reconnections to the server: calls that failed meanwhile may be retried. */
export const recoveries = signal(0);

/** New pictures appear within two seconds. */
const pollMs = 1500;
const slowestPollMs = 30_000;
/** Changes closer together than this cause one refresh. */
const settleMs = 250;

let listening: Listening | undefined;
let refreshPlanned = false;
let pollTimer: ReturnType<typeof setTimeout> | undefined;
let pending = 0;
let misses = 0;
let newest: string | undefined;

const visible = signal(!document.hidden);
/** True while background work, such as uploads, needs the connection even in a hidden tab. */
export const serverAwaited = signal(false);
/** A hidden tab closes its connection and catches up when it becomes visible again. */
const isWatching = computed(() => visible.value || serverAwaited.value);

export function startLive(): void {
  const look = () => {
    visible.value = !document.hidden;
  };
  // The tab may have been hidden while this loaded.
  look();
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', stopListening);
  addEventListener('pageshow', ({ persisted }) => persisted && isWatching.value && listen());
  effect(() => {
    if (isWatching.value) untracked(listen);
    else stopListening();
  });
  startStatus();
  accessChanges.subscribe((count) => count > 0 && onAccess());
  addEventListener('online', onNetwork);
  addEventListener('offline', onNetwork);
  addEventListener('scroll', () => scrollY < 80 && newCount.value > 0 && showNew(), { passive: true });
}

/** Uses events, or polling if the server has none. */
function listen(): void {
  stopListening();
  void refreshStatus();
  const own = listenToEvents((message) => {
    if (listening !== own) return;
    if ('data' in message) {
      const change = parseChange(message.data);
      if (change) onChange(change);
    } else onState(message.state);
  });
  listening = own;
}

function stopListening(): void {
  clearTimeout(pollTimer);
  listening?.stop();
  listening = undefined;
}

function onState(state: StreamState): void {
  clearTimeout(pollTimer);
  if (state === 'none') {
    connection.value = 'polling';
    return void poll();
  }
  if (state === 'open') {
    // The stream opens after list and status were read. Changes in between have no events, so both are read again.
    if (connection.value === 'lost') recover();
    else if (!fault.value) refreshSoon();
    refreshStatusSoon(0);
  }
  connection.value = state === 'open' ? 'events' : 'lost';
}

function onNetwork(): void {
  isOnline.value = navigator.onLine;
  connectAgain();
}

/** The network changed or a key was entered: the old connection may be dead without any error. */
export function connectAgain(): void {
  if (isWatching.value) listening?.renew();
}

function parseChange(data: unknown): Change | undefined {
  try {
    const change: unknown = JSON.parse(String(data));
    if (typeof change === 'object' && change !== null && 'type' in change && 'id' in change) return change as Change;
  } catch {
    // A proxy answered; the next refresh will show it.
  }
  return undefined;
}

function onChange(change: Change): void {
  changeCount.value += 1;
  refreshStatusSoon();
  if (change.type === 'indexed' || change.type === 'changed') pending += 1;
  if (change.type !== 'failed' && change.type !== 'resolved') refreshSoon();
}

/** The newest picture and the total count show whether pictures were added or removed. */
async function poll(): Promise<void> {
  const own = listening;
  try {
    const page = await client.listImages({ limit: 1 });
    const state = `${page.items[0]?.id} ${page.items[0]?.indexedAt} ${page.total}`;
    if (newest === undefined) refreshSoon();
    else if (newest !== state) onChange({ type: 'changed', id: null, key: null, at: new Date().toISOString() });
    newest = state;
    if (misses > 0) recover();
    misses = 0;
    connection.value = 'polling';
  } catch (error) {
    misses += 1;
    // The server is up if it asks for a key; the list shows that.
    connection.value = error instanceof ApiFault && error.status === 401 ? 'polling' : 'lost';
  }
  if (listening !== own) return;
  clearTimeout(pollTimer);
  pollTimer = setTimeout(() => void poll(), Math.min(slowestPollMs, pollMs * 2 ** misses));
}

function refreshSoon(): void {
  if (refreshPlanned) return;
  refreshPlanned = true;
  setTimeout(() => {
    refreshPlanned = false;
    void refresh();
  }, settleMs);
}

/** After a key change everything is requested again, including the list behind another view. */
function onAccess(): void {
  connectAgain();
  recoveries.value += 1;
  void refreshStatus();
  void searchAgain(true);
}

/** At the top of the list, new pictures appear at once; further down, they wait until the user asks for them. */
async function refresh(): Promise<void> {
  const came = pending;
  pending = 0;
  void refreshTags();
  const atTop = scrollY < 80 && route.value.view === 'search' && route.value.photo === undefined;
  if (atTop) await searchAgain(true);
  else newCount.value += came;
}

export function showNew(): void {
  newCount.value = 0;
  scrollTo({ top: 0 });
  void searchAgain(true);
}

function recover(): void {
  recoveries.value += 1;
  if (fault.value) tryAgain();
  else refreshSoon();
  void refreshStatus();
}
