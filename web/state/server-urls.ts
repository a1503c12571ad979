import { createClient } from '../client.ts';
import { watchedFetch } from './slow-answers.ts';

/** Server URLs, relative to the page, because a proxy may serve both under a path. */
export function addressOf(path: string): string {
  return new URL(path, document.baseURI).href;
}

export function contentUrl(id: string): string {
  return addressOf(`images/${id}/content`);
}

/** `size`: longer edge in pixels. */
export function thumbnailUrl(id: string, size: number): string {
  return addressOf(`images/${id}/thumbnail?size=${size}`);
}

/** API client; the session cookie identifies the caller, see access.ts. */
export const client = createClient({ baseUrl: addressOf('./'), fetch: watchedFetch });

/** The same, with a key. */
export function clientWithKey(key: string) {
  return createClient({ baseUrl: addressOf('./'), fetch: watchedFetch, apiKey: () => key });
}
