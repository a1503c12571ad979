import { computed, signal } from '@preact/signals';
import type { Item } from '../client.ts';
import { visibleItems } from './results.ts';

/** Ids of the selected pictures, in no order. */
export const selected = signal<ReadonlySet<string>>(new Set());
/** Tapping a tile selects instead of opening: for touch screens, which have no hover. */
export const selecting = signal(false);
export const selectionMode = computed(() => selecting.value || selected.value.size > 0);

let anchor: string | undefined;

/** Toggles one picture; with `range`, selects everything between it and the previous one. */
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
