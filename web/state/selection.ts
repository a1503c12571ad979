import { computed, signal } from '@preact/signals';
import type { Item } from '../client.ts';
import { visibleItems } from './results.ts';

/** Ids of the pictures that are selected, in no order. */
export const selected = signal<ReadonlySet<string>>(new Set());
/** Tiles select instead of opening: for touch, where nothing can be hovered. */
export const selecting = signal(false);
export const selectionMode = computed(() => selecting.value || selected.value.size > 0);

let anchor: string | undefined;

/** Selects or deselects one; with `range`, everything between it and the one before. */
export function toggle(id: string, range = false): void {
  const items = visibleItems.value;
  const next = new Set(selected.value);
  const from = range && anchor !== undefined ? items.findIndex((item) => item.id === anchor) : -1;
  const to = items.findIndex((item) => item.id === id);
  if (from >= 0 && to >= 0) {
    const [first, last] = from < to ? [from, to] : [to, from];
    for (const item of items.slice(first, last + 1)) if (item.kind === 'image') next.add(item.id);
  } else if (!next.delete(id)) {
    next.add(id);
  }
  anchor = id;
  selected.value = next;
}

export function select(items: readonly Item[]): void {
  selected.value = new Set([...selected.value, ...items.filter((item) => item.kind === 'image').map(({ id }) => id)]);
}

export function clearSelection(): void {
  selected.value = new Set();
  selecting.value = false;
  anchor = undefined;
}
