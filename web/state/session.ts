import { signal } from '@preact/signals';
import { createClient } from '../client.ts';
import { watchedFetch } from './late-answers.ts';

const keyName = 'sightline-api-key';
const themeName = 'sightline-theme';

export type Theme = 'auto' | 'light' | 'dark';

/** The key for writing; kept for this tab only and forgotten when it closes. */
export const apiKey = signal(readStorage(() => sessionStorage, keyName) ?? '');
export const theme = signal<Theme>(asTheme(readStorage(() => localStorage, themeName)));

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

/** Shown when a call was refused for want of a key; `retry` is what to do once there is one. */
export const keyWanted = signal<{ readonly retry?: () => void } | null>(null);

export const client = createClient({
  baseUrl: addressOf('./'),
  apiKey: () => apiKey.value,
  fetch: watchedFetch,
});

export function setApiKey(key: string): void {
  apiKey.value = key;
  writeStorage(() => sessionStorage, keyName, key);
}

export function setTheme(value: Theme): void {
  theme.value = value;
  writeStorage(() => localStorage, themeName, value === 'auto' ? '' : value);
  showTheme();
}

export function showTheme(): void {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

function asTheme(value: string | undefined): Theme {
  return value === 'light' || value === 'dark' ? value : 'auto';
}

/** Storage may be switched off in the browser; the page works without. */
export function readStorage(storage: () => Storage, name: string): string | undefined {
  try {
    return storage().getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function writeStorage(storage: () => Storage, name: string, value: string): void {
  try {
    if (value === '') storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    // Full or switched off: the value lives as long as the page.
  }
}
