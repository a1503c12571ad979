import { computed, effect, signal } from '@preact/signals';
import { ApiFault, isUnreachable, mayPass } from '../api-error.ts';
import { explain } from '../explain-error.ts';
import { t } from '../i18n/translate.ts';
import { accessChanges, hasSession, keyWanted } from './access.ts';
import { followIndexing } from './follow-indexing.ts';
import { connection, serverAwaited } from './live-updates.ts';
import { searchAgain } from './results.ts';
import { sendPicture } from './send-picture.ts';

export type UploadState = 'waiting' | 'sending' | 'indexing' | 'done' | 'failed' | 'cancelled';

export interface Upload {
  readonly id: number;
  readonly file: File;
  /** Path relative to the dropped folder, or the file name. */
  readonly name: string;
  readonly state: UploadState;
  /** 0 to 1. */
  readonly sent: number;
  /** Why it failed, for the user. */
  readonly reason?: string;
  /** Retrying the same file may help. */
  readonly retryable?: boolean;
  /** Id of the stored picture. */
  readonly picture?: string;
  /** Object key if the upload bypassed the API. */
  readonly key?: string;
}

/** Concurrent uploads; the server embeds on few cores, so more would only wait there. */
const parallel = 3;
const maxAttempts = 3;

export const uploads = signal<readonly Upload[]>([]);
export const uploadSummary = computed(() => {
  const count = (state: UploadState) => uploads.value.filter((one) => one.state === state).length;
  const active = count('waiting') + count('sending') + count('indexing');
  const again = uploads.value.filter(mayBeSentAgain).length;
  return { total: uploads.value.length, active, done: count('done'), failed: count('failed'), again };
});

effect(() => {
  serverAwaited.value = uploadSummary.value.active > 0;
});

// Retry what was refused for lack of a key, including refusals while the key was being entered.
accessChanges.subscribe(() => {
  if (hasSession.peek()) retryFailed();
});

let nextId = 1;
const running = new Map<number, AbortController>();
let refreshTimer: ReturnType<typeof setTimeout> | undefined;

export function addUploads(files: readonly { readonly file: File; readonly name: string }[]): void {
  const added = files.map(({ file, name }): Upload => ({ id: nextId++, file, name, state: 'waiting', sent: 0 }));
  uploads.value = [...uploads.value, ...added];
  startNext();
}

export function cancelUpload(id: number): void {
  cancel([id]);
}

export function cancelAll(): void {
  cancel(uploads.value.filter(isActive).map(({ id }) => id));
}

/** Adds all at once: each change copies the list, and there may be thousands of files. */
function cancel(ids: readonly number[]): void {
  const gone = new Set(ids);
  uploads.value = uploads.value.map((one) => (gone.has(one.id) ? { ...one, state: 'cancelled' } : one));
  for (const id of ids) running.get(id)?.abort();
  startNext();
}

export function retryUpload(id: number): void {
  retry((one) => one.id === id);
}

/** Faults that may not recur; the server has judged everything else and will not change its mind. */
export function retryFailed(): void {
  retry(mayBeSentAgain);
}

function mayBeSentAgain({ state, retryable }: Upload): boolean {
  return state === 'failed' && retryable === true;
}

function retry(wanted: (one: Upload) => boolean): void {
  uploads.value = uploads.value.map((one) =>
    wanted(one) ? { ...one, state: 'waiting', sent: 0, reason: undefined, key: undefined } : one,
  );
  startNext();
}

/** Removes finished uploads. */
export function clearUploads(): void {
  uploads.value = uploads.value.filter(isActive);
}

export function isActive({ state }: Upload): boolean {
  return state === 'waiting' || state === 'sending' || state === 'indexing';
}

function change(id: number, what: Partial<Upload>): void {
  uploads.value = uploads.value.map((one) => (one.id === id ? { ...one, ...what } : one));
}

function startNext(): void {
  const free = parallel - running.size;
  if (free <= 0) return;
  const waiting = [];
  for (const one of uploads.value) {
    if (one.state === 'waiting' && !running.has(one.id)) waiting.push(one);
    if (waiting.length === free) break;
  }
  for (const upload of waiting) void run(upload);
}

async function run(upload: Upload): Promise<void> {
  const { id } = upload;
  const controller = new AbortController();
  running.set(id, controller);
  change(id, { state: 'sending', sent: 0 });
  const onSent = (sent: number) => change(id, { sent, state: sent >= 1 ? 'indexing' : 'sending' });
  for (let attempt = 1; !controller.signal.aborted; attempt++) {
    try {
      const stored = await sendPicture(upload.file, upload.name, onSent, controller.signal);
      if (stored.indexed) {
        change(id, {
          state: 'done',
          sent: 1,
          picture: stored.id,
          reason: stored.isCopy ? t('upload.copy') : undefined,
        });
        refreshSoon();
      } else {
        change(id, { state: 'indexing', sent: 1, picture: stored.id, key: stored.key });
        watchIndexing();
      }
      break;
    } catch (error) {
      if (controller.signal.aborted) break;
      if (isUnreachable(error) && connection.value === 'lost') {
        change(id, { state: 'waiting', sent: 0 });
        await reconnected(controller.signal);
        attempt = 0;
        continue;
      }
      if (!mayPass(error) || attempt === maxAttempts) {
        fail(id, error);
        break;
      }
      await pause(error instanceof ApiFault && error.retryAfter ? error.retryAfter : attempt, controller.signal);
    }
  }
  running.delete(id);
  startNext();
}

function fail(id: number, error: unknown): void {
  const { title, advice } = explain(error);
  const needsKey = error instanceof ApiFault && error.status === 401;
  change(id, { state: 'failed', reason: `${title}. ${advice}`, retryable: needsKey || mayPass(error) });
  if (needsKey && !keyWanted.value) keyWanted.value = { retry: retryFailed };
}

/** Waits for the outcome of direct uploads: they are indexed or rejected some seconds later. */
function watchIndexing(): void {
  if (watching) return;
  watching = true;
  void followIndexing(
    () => uploads.value.filter(({ state, key }) => state === 'indexing' && key !== undefined).map(({ key }) => key!),
    (key, outcome) => {
      const upload = uploads.value.find((one) => one.key === key && one.state === 'indexing');
      if (!upload) return;
      if (outcome === 'indexed') change(upload.id, { state: 'done' });
      else if (outcome === 'overdue')
        change(upload.id, { state: 'done', picture: undefined, reason: t('upload.overdue') });
      else change(upload.id, { state: 'failed', reason: outcome.message, retryable: outcome.retryable });
      refreshSoon();
    },
  ).finally(() => {
    watching = false;
  });
}

let watching = false;

/** Refreshes the results after uploads; bursts are combined. */
function refreshSoon(): void {
  if (refreshTimer !== undefined) return;
  refreshTimer = setTimeout(() => {
    refreshTimer = undefined;
    if (scrollY < innerHeight) void searchAgain(true);
  }, 400);
}

/** If the server is unreachable, uploads wait until it is back or they are cancelled. */
async function reconnected(abort: AbortSignal): Promise<void> {
  let stop = () => {};
  await new Promise<void>((resolve) => {
    stop = connection.subscribe((state) => state !== 'lost' && resolve());
    abort.addEventListener('abort', () => resolve(), { once: true });
  });
  stop();
}

/** Cancelling one frees its slot at once. */
function pause(seconds: number, abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(30, seconds) * 1000);
    abort.addEventListener('abort', () => resolve(), { once: true });
  });
}
