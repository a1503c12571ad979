import type { ImageItem } from '../client.ts';
import { countOf } from '../format.ts';
import { ApiFault } from '../problem.ts';
import { type Chip, maxChips, withoutWeight } from '../route.ts';
import { forEachPicture } from './bulk.ts';
import { changeQuery, closePhoto, query, route } from './navigation.ts';
import { notify, report } from './notices.ts';
import { holdPicture } from './query-pictures.ts';
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

/** Pictures that are off the page and still on the server, with what keeps them there. */
interface Pending {
  readonly ids: Set<string>;
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
  if (route.value.photo !== undefined && ids.includes(route.value.photo)) closePhoto();
  const entry: Pending = {
    ids: new Set(ids),
    timer: setTimeout(() => {
      dismiss();
      void deleteNow(entry.ids).finally(() => pending.delete(entry));
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

/** Deletes what is in the set and takes it out of it; what stays on the server comes back on the page. */
async function deleteNow(ids: Set<string>): Promise<void> {
  const all = [...ids];
  const remove = (id: string) =>
    client.deleteImage(id).catch((error: unknown) => {
      // Somebody else was faster.
      if (!(error instanceof ApiFault && error.status === 404)) throw error;
    });
  const title = `Deleting ${countOf(all.length, 'picture')}`;
  const { left, fault } = await forEachPicture(all, title, remove, (id) => ids.delete(id));
  if (left.length === 0) return;
  hide(left, false);
  if (fault === undefined) notify({ tone: 'plain', title: `Stopped: ${countOf(left.length, 'picture')} kept` });
  else report(fault, () => deletePictures(left));
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
  const add = async (id: string) => {
    const { tags } = await client.getImage(id);
    patchItem(id, (await client.setTags(id, [...new Set([...tags, tag])])).tags);
  };
  const { left, fault } = await forEachPicture(ids, `Tagging ${countOf(ids.length, 'picture')}`, add);
  const done = ids.length - left.length;
  if (done > 0) notify({ tone: 'plain', title: `${countOf(done, 'picture')} tagged ${tag}` });
  if (fault !== undefined) report(fault, () => void tagPictures(left, tag));
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
