import { signal } from '@preact/signals';
import { ApiFault, explain, isAbort } from '../problem.ts';
import { keyWanted } from './session.ts';

export interface Notice {
  readonly id: number;
  readonly tone: 'plain' | 'error';
  readonly title: string;
  readonly detail?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

export const notices = signal<readonly Notice[]>([]);
/** The last sentence for screen readers that no element on the page says. */
export const announcement = signal('');

let nextId = 1;

/** Shows a notice; it goes away after `ms`, errors after being dismissed. Returns how to take it away. */
export function notify(notice: Omit<Notice, 'id'>, ms = notice.tone === 'error' ? 0 : 6000): () => void {
  const id = nextId++;
  const dismiss = () => {
    notices.value = notices.value.filter((one) => one.id !== id);
  };
  // The same error again replaces the one that is shown.
  const others = notices.value.filter((one) => one.title !== notice.title || one.tone !== 'error');
  notices.value = [...others.slice(-3), { ...notice, id }];
  if (ms > 0) setTimeout(dismiss, ms);
  return dismiss;
}

/** What to do with a fault that nothing on the page shows otherwise. `retry` does the refused thing again. */
export function report(error: unknown, retry?: () => void): void {
  if (isAbort(error)) return;
  if (error instanceof ApiFault && (error.status === 401 || error.status === 403)) {
    keyWanted.value = { retry };
    return;
  }
  const { title, advice } = explain(error);
  notify({ tone: 'error', title, detail: advice, action: retry && { label: 'Try again', run: retry } });
}
