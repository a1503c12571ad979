import { type Signal, signal } from '@preact/signals';
import { isAbort } from '../api-error.ts';

/** A list that the server returns page by page. */
export interface PagedList<P> {
  /** The last page, with all items so far; null until one is loaded. */
  readonly page: Signal<P | null>;
  readonly fault: Signal<unknown>;
  /** Loads the list from its start, or continues at `cursor`. */
  load(cursor?: string, abort?: AbortSignal): Promise<void>;
}

export function pagedList<P extends { readonly items: readonly unknown[] }>(
  fetchPage: (asked: { cursor?: string; signal?: AbortSignal }) => Promise<P>,
): PagedList<P> {
  const page = signal<P | null>(null);
  const fault = signal<unknown>(null);
  return {
    page,
    fault,
    async load(cursor, abort) {
      try {
        const read = await fetchPage({ cursor, signal: abort });
        const before = cursor === undefined ? [] : (page.value?.items ?? []);
        page.value = { ...read, items: [...before, ...read.items] };
        fault.value = null;
      } catch (error) {
        if (!isAbort(error)) fault.value = error;
      }
    },
  };
}
