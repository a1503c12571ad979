import { computed, effect, signal } from '@preact/signals';
import type { Status } from '../client.ts';
import { client } from './server.ts';

/** What the server said of itself when it was asked last; null before that. */
export const serverStatus = signal<Status | null>(null);
export const failureCount = computed(() => serverStatus.value?.failures ?? 0);

/** Nothing can be added, and no file can be deleted. */
export const isReadOnly = computed(() => serverStatus.value?.readOnly ?? false);

/** Pictures are stored in S3, where their keys and buckets say something to people. */
export const isInBucket = computed(() => serverStatus.value?.storage === 's3');

/** The folders of the index, where it is made of folders. */
export const folders = computed(() => serverStatus.value?.folders ?? []);

/** How far the server is with what it has to index. */
export interface IndexingProgress {
  readonly done: number;
  readonly total: number;
  /** Undefined as long as nobody can tell. */
  readonly secondsLeft?: number;
}

/** Null when nothing waits, or so little that it is over before one has read of it. */
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

/** Something waited already when the server was asked the time before. */
const hasWaited = signal(false);

/** While something waits to be indexed, models change, or nothing is there yet, the server is asked so often. */
const pollMs = 1500;
/** Changes closer together than this are one question. */
const settleMs = 1000;
let asking: Promise<void> | undefined;
let planned: ReturnType<typeof setTimeout> | undefined;

/** Asks the server how it is; whoever calls meanwhile waits for the same answer. */
export function refreshStatus(): Promise<void> {
  asking ??= client
    .status()
    .then(
      (status) => {
        hasWaited.value = (serverStatus.value?.backlog ?? 0) > 0;
        serverStatus.value = status;
      },
      // What is shown of it stays as it was; whoever needs the server says that it is gone.
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
    // An answer that is under way may be older than the change.
    if (!document.hidden) void Promise.resolve(asking).then(refreshStatus);
  }, afterMs);
}

/** Asks again for as long as more is to come by itself. */
export function startStatus(): void {
  effect(() => {
    const status = serverStatus.value;
    if (status && (status.backlog || status.change || status.pictures === 0)) refreshStatusSoon(pollMs);
  });
}
