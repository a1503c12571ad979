import { computed, effect, signal } from '@preact/signals';
import type { Status } from '../client.ts';
import { client } from './server-urls.ts';

/** The server's last status; null before the first response. */
export const serverStatus = signal<Status | null>(null);
export const failureCount = computed(() => serverStatus.value?.failures ?? 0);

/** Read-only: nothing can be added or deleted. */
export const isReadOnly = computed(() => serverStatus.value?.readOnly ?? false);

/** Pictures are stored in S3, so keys and buckets are worth showing. */
export const isInBucket = computed(() => serverStatus.value?.storage === 's3');

/** The indexed folders, if the index consists of folders. */
export const folders = computed(() => serverStatus.value?.folders ?? []);

/** Indexing progress. */
export interface IndexingProgress {
  readonly done: number;
  readonly total: number;
  /** Undefined if it cannot be estimated. */
  readonly secondsLeft?: number;
}

/** Null if nothing waits, or so little that it is done before the message could be read. */
export const indexing = computed((): IndexingProgress | null => {
  const { backlog, pictures, indexed, uptimeSeconds } = serverStatus.value ?? {};
  if (!backlog || !hasWaited.value || pictures === undefined) return null;
  const perSecond = (indexed?.lastMinute ?? 0) / Math.min(60, Math.max(1, uptimeSeconds ?? 60));
  return {
    done: pictures,
    total: pictures + backlog,
    secondsLeft: perSecond > 0 ? Math.ceil(backlog / perSecond) : undefined,
  };
});

/** Work was already waiting at the previous status request. */
const hasWaited = signal(false);

/** Polling interval while files wait to be indexed, models change, or the collection is empty. */
const pollMs = 1500;
/** Changes closer together than this cause one request. */
const settleMs = 1000;
let asking: Promise<void> | undefined;
let planned: ReturnType<typeof setTimeout> | undefined;

/** Requests the status; concurrent callers share one response. */
export function refreshStatus(): Promise<void> {
  asking ??= client
    .status()
    .then(
      (status) => {
        hasWaited.value = (serverStatus.value?.backlog ?? 0) > 0;
        serverStatus.value = status;
      },
      // The shown status stays as it was; other calls report that the server is gone.
      () => {},
    )
    .finally(() => {
      asking = undefined;
    });
  return asking;
}

export function refreshStatusSoon(afterMs = settleMs): void {
  if (planned !== undefined) return;
  planned = setTimeout(() => {
    planned = undefined;
    // A request already in flight may predate the change.
    if (!document.hidden) void Promise.resolve(asking).then(refreshStatus);
  }, afterMs);
}

/** Polls for as long as more changes are expected. */
export function startStatus(): void {
  effect(() => {
    const status = serverStatus.value;
    if (status && (status.backlog || status.change || status.pictures === 0)) refreshStatusSoon(pollMs);
  });
}
