import { effect, signal } from '@preact/signals';
import type { Change } from '../client.ts';
import { place } from './navigation.ts';
import { fault, newCount, searchAgain, tryAgain } from './results.ts';
import { client } from './session.ts';
import { refreshTags } from './suggestions.ts';

/** How changes reach the page. */
export const connection = signal<'connecting' | 'events' | 'polling' | 'lost'>('connecting');
export const failureCount = signal(0);
/** Counts what happened, for views that show it. */
export const changeCount = signal(0);

/** Counts how often the server came back: what failed meanwhile may be tried again. */
export const recoveries = signal(0);

/** New pictures are to be seen within two seconds. */
const pollMs = 1500;
const slowestPollMs = 30_000;
const reconnectMs = 2000;
/** Changes closer together than this are one refresh. */
const settleMs = 250;

let source: EventSource | undefined;
let refreshPlanned = false;
let pollTimer: ReturnType<typeof setTimeout> | undefined;
let pending = 0;
let misses = 0;
let newest: string | undefined;

export function startLive(): void {
  listen();
  void countFailures();
  addEventListener('online', connectAgain);
  addEventListener('offline', connectAgain);
  addEventListener('scroll', () => scrollY < 80 && newCount.value > 0 && showNew(), { passive: true });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && connection.value === 'polling') void poll();
  });
  effect(() => {
    if (place.value.view === 'failures') void countFailures();
  });
}

/**
 * Server-sent events reconnect by themselves; only a server that has none is polled. Either begins after the list was read,
 * and nobody tells what changed in between: the list is read once more.
 */
function listen(): void {
  const opened = new EventSource(new URL('events', document.baseURI));
  source = opened;
  let wasOpen = false;
  opened.onopen = () => {
    if (connection.value === 'lost') recover();
    else if (!fault.value) refreshSoon();
    wasOpen = true;
    connection.value = 'events';
  };
  opened.onmessage = ({ data }) => {
    const change = parseChange(data);
    if (change) onChange(change);
  };
  opened.onerror = () => {
    connection.value = 'lost';
    if (opened.readyState !== EventSource.CLOSED) return;
    opened.close();
    // Refused for good: after a working connection the server is being replaced, otherwise it knows no events.
    if (wasOpen) setTimeout(() => source === opened && listen(), reconnectMs);
    else startPolling();
  };
}

/** The network came or went. A connection from before may be dead without saying so, and one to this machine is not. */
function connectAgain(): void {
  if (source === undefined) return void poll();
  source.close();
  listen();
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
  if (change.type === 'failed' || change.type === 'resolved') void countFailures();
  if (change.type === 'indexed' || change.type === 'changed') pending += 1;
  if (change.type !== 'failed' && change.type !== 'resolved') refreshSoon();
}

function startPolling(): void {
  source = undefined;
  connection.value = 'polling';
  void poll();
}

/** The newest picture and the number of pictures tell whether anything came or went. */
async function poll(): Promise<void> {
  clearTimeout(pollTimer);
  if (!document.hidden) {
    try {
      const page = await client.listImages({ limit: 1 });
      const state = `${page.items[0]?.id} ${page.items[0]?.indexedAt} ${page.total}`;
      if (newest === undefined) refreshSoon();
      else if (newest !== state) {
        onChange({ type: 'changed', id: null, key: null, at: new Date().toISOString() });
        void countFailures();
      }
      newest = state;
      if (misses > 0) recover();
      misses = 0;
      connection.value = 'polling';
    } catch {
      misses += 1;
      connection.value = 'lost';
    }
  }
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

/** At the top of the list new pictures come in at once; further down they wait until somebody asks. */
async function refresh(): Promise<void> {
  const came = pending;
  pending = 0;
  void refreshTags();
  const atTop = scrollY < 80 && place.value.view === 'search' && place.value.photo === undefined;
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
  void countFailures();
}

export async function countFailures(): Promise<void> {
  try {
    failureCount.value = (await client.failures({ limit: 1 })).total;
  } catch {
    // Shown where failures are listed; here the count stays as it was.
  }
}
