import type { ImageItem } from '../client.ts';
import { countOf } from '../format.ts';
import { type Chip, maxChips, withoutWeight } from '../place.ts';
import { changeQuery, closePhoto, place, query } from './navigation.ts';
import { notify, report } from './notices.ts';
import { holdPicture } from './pictures.ts';
import { hidden, results } from './results.ts';
import { clearSelection } from './selection.ts';
import { client } from './session.ts';
import { refreshTags } from './suggestions.ts';

/** What people can do, wherever they do it from. */

/** Adds a part to the query; the same part again changes its weight. */
export function addChip(chip: Chip): void {
  const key = chipKey(chip);
  const others = query.value.chips.filter((one) => chipKey(one) !== key);
  if (others.length >= maxChips) {
    notify({ tone: 'plain', title: `A query has at most ${maxChips + 1} parts`, detail: 'Take one away first.' });
    return;
  }
  changeQuery({ chips: [...others, chip] });
}

export function removeChip(chip: Chip): void {
  changeQuery({ chips: query.value.chips.filter((one) => chipKey(one) !== chipKey(chip)) });
}

export function chipKey(chip: Chip): string {
  return `${chip.by}:${chip.by === 'text' ? chip.text : chip.by === 'stored' ? chip.id : chip.ref}`;
}

export function moreLike(id: string): void {
  addChip({ by: 'stored', id, weight: 1 });
}

export function lessLike(id: string): void {
  addChip({ by: 'stored', id, weight: withoutWeight });
}

export async function searchByPicture(file: Blob, name: string): Promise<void> {
  addChip({ by: 'picture', ref: await holdPicture(file, name), weight: 1 });
}

/** Time to take a delete back. */
const undoMs = 8000;

interface Pending {
  readonly ids: readonly string[];
  readonly timer: ReturnType<typeof setTimeout>;
}
const pending = new Set<Pending>();

/**
 * Takes pictures off the page at once and deletes them when the time to undo is over. Closing the page before that
 * deletes them, too: that is what was asked for.
 */
export function deletePictures(ids: readonly string[]): void {
  if (ids.length === 0) return;
  hide(ids, true);
  clearSelection();
  if (place.value.photo !== undefined && ids.includes(place.value.photo)) closePhoto();
  const entry: Pending = {
    ids,
    timer: setTimeout(() => {
      pending.delete(entry);
      dismiss();
      void deleteNow(ids);
    }, undoMs),
  };
  pending.add(entry);
  const undo = () => {
    clearTimeout(entry.timer);
    pending.delete(entry);
    dismiss();
    hide(ids, false);
  };
  const dismiss = notify(
    { tone: 'plain', title: `${countOf(ids.length, 'picture')} deleted`, action: { label: 'Undo', run: undo } },
    undoMs,
  );
}

export function finishDeletes(): void {
  for (const { ids, timer } of pending) {
    clearTimeout(timer);
    for (const id of ids) void client.deleteImage(id, { keepalive: true }).catch(() => {});
  }
  pending.clear();
}

function hide(ids: readonly string[], away: boolean): void {
  const next = new Set(hidden.value);
  for (const id of ids) away ? next.add(id) : next.delete(id);
  hidden.value = next;
}

async function deleteNow(ids: readonly string[]): Promise<void> {
  const failed: string[] = [];
  let last: unknown;
  for (const id of ids) {
    try {
      await client.deleteImage(id);
    } catch (error) {
      failed.push(id);
      last = error;
    }
  }
  if (failed.length === 0) return;
  hide(failed, false);
  report(last, () => deletePictures(failed));
}

/** Replaces the tags of a picture, on the page at once, back again when the server refuses. */
export async function setTags(image: ImageItem, tags: readonly string[]): Promise<boolean> {
  try {
    const { tags: stored } = await client.setTags(image.id, tags);
    patchItem(image.id, stored);
    return true;
  } catch (error) {
    report(error, () => void setTags(image, tags));
    return false;
  }
}

/** Adds a tag to many pictures; those that cannot be tagged stay as they are and are told about once. */
export async function tagPictures(ids: readonly string[], tag: string): Promise<void> {
  let last: unknown;
  const failed: string[] = [];
  for (const id of ids) {
    try {
      const { tags } = await client.getImage(id);
      patchItem(id, (await client.setTags(id, [...new Set([...tags, tag])])).tags);
    } catch (error) {
      last = error;
      failed.push(id);
    }
  }
  const done = ids.length - failed.length;
  if (done > 0) notify({ tone: 'plain', title: `${countOf(done, 'picture')} tagged ${tag}` });
  if (failed.length > 0) report(last, () => void tagPictures(failed, tag));
  void refreshTags();
}

function patchItem(id: string, tags: readonly string[]): void {
  const shown = results.value;
  if (!shown) return;
  results.value = { ...shown, items: shown.items.map((item) => (item.id === id ? { ...item, tags } : item)) };
}

export async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    notify({ tone: 'plain', title: 'Link copied' }, 3000);
  } catch {
    notify({ tone: 'plain', title: 'Copying is not allowed here', detail: 'The link is in the address bar.' });
  }
}
