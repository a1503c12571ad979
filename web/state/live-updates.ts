import { computed, effect, signal, untracked } from '@preact/signals';
import { ApiFault } from '../api-error.ts';
import type { Change } from '../client.ts';
import { type Listening, listenToEvents } from '../events/listen.ts';
import type { StreamState } from '../events/stream.ts';
import { accessChanges } from './access.ts';
import { route } from './navigation.ts';
import { fault, newCount, searchAgain, tryAgain } from './results.ts';
import { client } from './server.ts';
import { refreshStatus, refreshStatusSoon, startStatus } from './server-status.ts';
import { refreshTags } from './suggestions.ts';

/** How changes reach the page. */
export const connection = signal<'connecting' | 'events' | 'polling' | 'lost'>('connecting');
/** Counts what happened, for views that show it. */
export const changeCount = signal(0);

/** Counts how often the server came back: what failed meanwhile may be tried again. */
export const recoveries = signal(0);

/** New pictures are to be seen within two seconds. */
const pollMs = 1500;
const slowestPollMs = 30_000;
/** Changes closer together than this are one refresh. */
const settleMs = 250;

let listening: Listening | undefined;
let refreshPlanned = false;
let pollTimer: ReturnType<typeof setTimeout> | undefined;
let pending = 0;
let misses = 0;
let newest: string | undefined;

const visible = signal(!document.hidden);
/** True while something waits for the server to come back that goes on also when nobody looks, such as uploads. */
export const serverAwaited = signal(false);
/** A tab that nobody looks at lets go of the connection, and reads what it missed when somebody does. */
const isWatching = computed(() => visible.value || serverAwaited.value);

export function startLive(): void {
  const look = () => {
    visible.value = !document.hidden;
  };
  // Somebody may have gone to another tab since this was loaded.
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
  addEventListener('online', connectAgain);
  addEventListener('offline', connectAgain);
  addEventListener('scroll', () => scrollY < 80 && newCount.value > 0 && showNew(), { passive: true });
}

/** Events, or polling where the server has none. */
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
    // Events begin after list and status were read, and nobody tells what changed in between: both are read once more.
    if (connection.value === 'lost') recover();
    else if (!fault.value) refreshSoon();
    refreshStatusSoon(0);
  }
  connection.value = state === 'open' ? 'events' : 'lost';
}

/** The network came or went, or a key was entered. A connection from before may be dead without saying so. */
export function connectAgain(): void {
  if (isWatching.value) listening?.renew();
}

function parseChange(data: unknown): Change | undefined {
  try {
    const change: unknown = JSON.parse(String(data));
    if (typeof change === 'object' && change !== null && 'type' in change && 'id' in change) return change as Change;
  } catch {
    // Something in between spoke; the next refresh will tell.
  }
  return undefined;
}

function onChange(change: Change): void {
  changeCount.value += 1;
  refreshStatusSoon();
  if (change.type === 'indexed' || change.type === 'changed') pending += 1;
  if (change.type !== 'failed' && change.type !== 'resolved') refreshSoon();
}

/** The newest picture and the number of pictures tell whether anything came or went. */
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
    // A server that wants a key answers; the list says so.
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

/** With another key, or none, everything is asked for again, also the list behind another view. */
function onAccess(): void {
  connectAgain();
  recoveries.value += 1;
  void refreshStatus();
  void searchAgain(true);
}

/** At the top of the list new pictures come in at once; further down they wait until somebody asks. */
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
