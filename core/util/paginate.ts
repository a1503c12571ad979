import type { Page } from '../types.ts';

/** All pages of a list, each fetched on demand. */
export async function* everyPage<P extends Page<unknown>>(ask: (cursor?: string) => Promise<P>): AsyncGenerator<P> {
  let cursor: string | undefined;
  do {
    const page = await ask(cursor);
    yield page;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** The items of all pages. */
export async function* everyItem<T>(ask: (cursor?: string) => Promise<Page<T>>): AsyncGenerator<T> {
  for await (const { items } of everyPage(ask)) yield* items;
}
