import { computed, effect, signal } from '@preact/signals';
import { isAbort } from '../api-error.ts';
import { type CaptionItem, type ImageItem, type Item, isImage } from '../client.ts';
import { gapBeside, partsOf } from '../grid/months.ts';
import { openPhoto, query, route } from './navigation.ts';
import { countAt, countOfMonth, listedItems, loadMore, pictureCount, results, visibleItems } from './results.ts';
import { client } from './server-urls.ts';
import { rememberQuery } from './suggestions.ts';

/** The open picture, with its related results. */
export const photo = signal<ImageItem | null>(null);
export const photoFault = signal<unknown>(null);
export const neighbours = signal<readonly ImageItem[]>([]);
/** Related results that fit: a cosine of 0 or less means unrelated. */
export const captions = signal<readonly CaptionItem[]>([]);

const aroundCount = 12;
const captionCount = 5;

/** Its index in the results; -1 if it was opened from elsewhere. */
export const position = computed(() => visibleItems.value.findIndex((item) => item.id === route.value.photo));

/**
 * Its number among the results (from 1, including copies), their total, and whether there are neighbours; null if it
 * was opened from elsewhere. The total is undefined while there are more results to load.
 */
export const placeInList = computed(() => {
  const at = position.value;
  const items = visibleItems.value;
  const { months, next } = results.value ?? {};
  if (at < 0) return null;
  const countFrom = (first: number) => items.slice(first, at).reduce((sum, item) => sum + countAt(item), 1);
  if (!months) {
    const count = pictureCount.value ?? (next === undefined ? listedItems.value.length : undefined);
    return { number: countFrom(0), count, hasPrevious: at > 0, hasNext: at < items.length - 1 };
  }
  const parts = partsOf({ items, months });
  const index = parts.findLastIndex((part) => part.first <= at && part.known > 0);
  const { first, before: tilesBefore } = parts[index]!;
  const counts = parts.map(({ month }) => countOfMonth(month));
  const sum = (some: readonly number[]) => some.reduce((a, b) => a + b, 0);
  const tile = tilesBefore + at - first;
  return {
    number: sum(counts.slice(0, index)) + countFrom(first),
    count: sum(counts),
    hasPrevious: tile > 0,
    hasNext: tile + 1 < sum(parts.map(({ count }) => count)),
  };
});

export function startPhoto(): void {
  let controller: AbortController | undefined;
  let shownId: string | undefined;
  effect(() => {
    const id = route.value.photo;
    if (id === shownId) return;
    shownId = id;
    controller?.abort();
    photoFault.value = null;
    neighbours.value = [];
    captions.value = [];
    photo.value = id === undefined ? null : (findImage(results.peek()?.items, id) ?? null);
    if (id === undefined) return;
    // A query that led to a picture is worth remembering.
    rememberQuery(query.peek().text);
    controller = new AbortController();
    void load(id, controller.signal);
  });
}

function findImage(items: readonly Item[] | undefined, id: string): ImageItem | undefined {
  const found = items?.find((item) => item.id === id);
  return found && isImage(found) ? found : undefined;
}

export async function load(id: string, signal: AbortSignal): Promise<void> {
  const loading = [
    client.getImage(id, signal).then((image) => {
      photo.value = { ...image, score: photo.value?.score };
    }),
    client.similar(id, { limit: aroundCount, signal }).then(({ items }) => {
      neighbours.value = items.filter((item) => item.kind === 'image');
    }),
    client.captionsFor(id, { limit: captionCount, signal }).then(({ items }) => {
      captions.value = items.filter((item) => item.kind === 'caption').filter(({ score }) => score > 0);
    }),
  ];
  const [picture] = await Promise.allSettled(loading);
  if (picture?.status === 'rejected' && !signal.aborted && !isAbort(picture.reason)) photoFault.value = picture.reason;
}

/** Opens the next (1) or previous (-1) result. */
export async function step(by: 1 | -1): Promise<void> {
  const shown = results.value;
  if (position.value < 0 || !shown) return;
  const items = visibleItems.value;
  const gap = shown.months && gapBeside({ items, months: shown.months }, position.value, by);
  if (gap) {
    const from = route.value.photo;
    await loadMore(gap.value);
    // No page arrives if another request is running; pressing again will find it.
    return results.value === shown || route.value.photo !== from ? undefined : step(by);
  }
  const ahead = by > 0 ? items.slice(position.value + 1) : items.slice(0, position.value).reverse();
  const item = ahead.find(isImage);
  if (item) openPhoto(item.id);
  if (by > 0 && ahead.length < 10) void loadMore();
}
