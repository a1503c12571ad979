import { signal } from '@preact/signals';
import { ApiFault, isAbort } from '../api-error.ts';
import { explain } from '../explain-error.ts';
import { t } from '../i18n/translate.ts';
import { keyWanted } from './access.ts';

export interface Notice {
  readonly id: number;
  readonly tone: 'plain' | 'error';
  readonly title: string;
  readonly detail?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  /** An operation in progress. */
  readonly progress?: { readonly done: number; readonly total: number };
}

export const notices = signal<readonly Notice[]>([]);
/** The last announcement for screen readers that no visible element makes. */
export const announcement = signal('');

let nextId = 1;

/** Shows a notice for `ms`; errors stay until dismissed. Returns a function that removes it. */
export function notify(notice: Omit<Notice, 'id'>, ms = notice.tone === 'error' ? 0 : 6000): () => void {
  const id = nextId++;
  const dismiss = () => {
    notices.value = notices.value.filter((one) => one.id !== id);
  };
  // A repeated error replaces the one that is shown.
  const others = notices.value.filter((one) => one.title !== notice.title || one.tone !== 'error');
  notices.value = [...others.slice(-3), { ...notice, id }];
  if (ms > 0) setTimeout(dismiss, ms);
  return dismiss;
}

/** Operations shorter than this show no progress. */
const briefMs = 400;

/** Shows progress; `stop` cancels the operation. */
export function showTask({ title, total, stop }: { title: string; total: number; stop: () => void }): {
  update(done: number): void;
  end(): void;
} {
  const id = nextId++;
  const action = { label: t('notice.stop'), run: stop };
  let task: Notice = { id, tone: 'plain', title, action, progress: { done: 0, total } };
  const timer = setTimeout(() => {
    notices.value = [...notices.value, task];
  }, briefMs);
  return {
    update(done) {
      task = { ...task, progress: { done, total } };
      notices.value = notices.value.map((one) => (one.id === id ? task : one));
    },
    end() {
      clearTimeout(timer);
      notices.value = notices.value.filter((one) => one.id !== id);
    },
  };
}

/** Handles a fault that the page does not show elsewhere. `retry` repeats the failed action. */
export function report(error: unknown, retry?: () => void): void {
  if (isAbort(error)) return;
  if (error instanceof ApiFault && (error.status === 401 || error.status === 403) && error.code !== 'read-only') {
    keyWanted.value = { retry };
    return;
  }
  const { title, advice } = explain(error);
  notify({ tone: 'error', title, detail: advice, action: retry && { label: t('do.retry'), run: retry } });
}
