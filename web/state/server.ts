import { createClient } from '../client.ts';
import { watchedFetch } from './slow-answers.ts';

/** The address of what the server has, from where the page itself is: a proxy may have put both under a path. */
export function addressOf(path: string): string {
  return new URL(path, document.baseURI).href;
}

export function contentUrl(id: string): string {
  return addressOf(`images/${id}/content`);
}

/** `size`: pixels of the longer edge. */
export function thumbnailUrl(id: string, size: number): string {
  return addressOf(`images/${id}/thumbnail?size=${size}`);
}

/** Calls of the API; who calls is known by the session's cookie, see access.ts. */
export const client = createClient({ baseUrl: addressOf('./'), fetch: watchedFetch });

/** The same, shown a key. */
export function clientWithKey(key: string) {
  return createClient({ baseUrl: addressOf('./'), fetch: watchedFetch, apiKey: () => key });
}
