import { computed, effect, signal } from '@preact/signals';
import type { TagCount } from '../client.ts';
import type { Query } from '../route.ts';
import { readStorage, writeStorage } from './local-storage.ts';
import { query } from './navigation.ts';
import { client } from './server-urls.ts';

const recentName = 'sightline-recent';
const maxRecent = 20;
const maxShown = 8;

export type Suggestion =
  | { readonly kind: 'recent'; readonly text: string }
  | { readonly kind: 'tag'; readonly tag: TagCount };

/** Tags of the current kind, pictures or captions, most frequent first. */
export const tags = signal<readonly TagCount[]>([]);
const recent = signal<readonly string[]>(readRecent());

export async function refreshTags(): Promise<void> {
  try {
    tags.value = await client.tags({ kind: query.peek().kind });
  } catch {
    // Suggestions are optional; the page works without them.
  }
}

/** Keeps the tags in step with the current kind. */
export function startTags(): void {
  let kind: Query['kind'] | undefined;
  effect(() => {
    if (query.value.kind === kind) return;
    kind = query.value.kind;
    void refreshTags();
  });
}

/** Suggestions for the typed text: recent queries that start with it, then tags that contain it. */
export const suggestions = computed<readonly Suggestion[]>(() => {
  const typed = query.value.text.trim().toLocaleLowerCase();
  const fromRecent = recent.value
    .filter((text) => text.toLocaleLowerCase().startsWith(typed) && text.toLocaleLowerCase() !== typed)
    .map((text): Suggestion => ({ kind: 'recent', text }));
  const used = query.value.filter.tagsAll ?? [];
  const fromTags = tags.value
    .filter(({ tag }) => tag.toLocaleLowerCase().includes(typed) && !used.includes(tag))
    .map((tag): Suggestion => ({ kind: 'tag', tag }));
  return [...fromRecent.slice(0, maxShown - 3), ...fromTags.slice(0, 3)].slice(0, maxShown);
});

/** Called when a query is confirmed: submitted, or one of its results opened. */
export function rememberQuery(text: string): void {
  const trimmed = text.trim();
  if (trimmed === '') return;
  recent.value = [trimmed, ...recent.value.filter((one) => one !== trimmed)].slice(0, maxRecent);
  writeStorage(() => localStorage, recentName, JSON.stringify(recent.value));
}

export function forgetQueries(): void {
  recent.value = [];
  writeStorage(() => localStorage, recentName, '');
}

function readRecent(): string[] {
  try {
    const stored: unknown = JSON.parse(readStorage(() => localStorage, recentName) ?? '[]');
    return Array.isArray(stored) ? stored.filter((one) => typeof one === 'string').slice(0, maxRecent) : [];
  } catch {
    return [];
  }
}
