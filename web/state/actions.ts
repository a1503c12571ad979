import type { ImageItem } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { type Chip, maxChips, withoutWeight } from '../route.ts';
import { forEachPicture } from './bulk.ts';
import { changeQuery, closePhoto, query, route } from './navigation.ts';
import { notify, report } from './notices.ts';
import { holdPicture } from './query-pictures.ts';
import { hidden, results } from './results.ts';
import { clearSelection } from './selection.ts';
import { isReadOnly } from './server-status.ts';
import { client } from './server-urls.ts';
import { refreshTags } from './suggestions.ts';
import { ignoreGone, restorePictures } from './trash.ts';

/** User actions, shared by buttons, keys and menus. */

/** Adds a term to the query; adding the same term again changes its weight. */
export function addChip(chip: Chip): void {
  const key = chipKey(chip);
  const others = query.value.chips.filter((one) => chipKey(one) !== key);
  if (others.length >= maxChips) {
    notify({ tone: 'plain', title: t('chip.tooMany', { count: maxChips + 1 }), detail: t('chip.tooManyDetail') });
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

/** Moves pictures to the trash. They disappear from the page at once and come back if the server refuses. */
export async function deletePictures(ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  if (isReadOnly.value) return void notify({ tone: 'plain', title: t('notice.deleteReadOnly') });
  hide(ids, true);
  clearSelection();
  if (route.value.photo !== undefined && ids.includes(route.value.photo)) closePhoto();
  const entries: string[] = [];
  const remove = async (id: string) => {
    const entry = await client.deleteImage(id).catch(ignoreGone);
    if (entry) entries.push(entry);
  };
  const { left, fault } = await forEachPicture(ids, t('notice.deleting', { count: ids.length }), remove);
  hide(left, false);
  if (left.length < ids.length) await tellOfDeleted(ids.length - left.length, entries);
  if (fault !== undefined) report(fault, () => void deletePictures(left));
}

/** How long undo is offered; later, pictures can be restored from the trash. */
const undoMs = 12_000;

async function tellOfDeleted(count: number, entries: readonly string[]): Promise<void> {
  const { items, keepDays } = await client.trash({ limit: 1 }).catch(() => ({ items: [], keepDays: undefined }));
  const isMoved = items[0]?.moved ?? true;
  const title = t(isMoved ? 'notice.deletedToTrash' : 'notice.deletedFromIndex', { count });
  const detail = isMoved ? keptFor(count, keepDays) : t('notice.filesStay', { count });
  const undo = { label: t('notice.undo'), run: () => void restorePictures(entries) };
  notify({ tone: 'plain', title, detail, action: entries.length > 0 ? undo : undefined }, undoMs);
}

function keptFor(count: number, days: number | undefined): string | undefined {
  if (days === undefined) return undefined;
  return t('notice.keptFor', { count, days: t('days', { count: days }) });
}

function hide(ids: readonly string[], away: boolean): void {
  const next = new Set(hidden.value);
  for (const id of ids) away ? next.add(id) : next.delete(id);
  hidden.value = next;
}

/** Replaces the tags of a picture, optimistically: reverted if the server refuses. */
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

/** Adds a tag to many pictures. Pictures that cannot be tagged are left unchanged and reported in one message. */
export async function tagPictures(ids: readonly string[], tag: string): Promise<void> {
  const add = async (id: string) => {
    const { tags } = await client.getImage(id);
    patchItem(id, (await client.setTags(id, [...new Set([...tags, tag])])).tags);
  };
  const { left, fault } = await forEachPicture(ids, t('notice.tagging', { count: ids.length }), add);
  const done = ids.length - left.length;
  if (done > 0) notify({ tone: 'plain', title: t('notice.tagged', { count: done, tag }) });
  if (fault !== undefined) report(fault, () => void tagPictures(left, tag));
  void refreshTags();
}

function patchItem(id: string, tags: readonly string[]): void {
  const shown = results.value;
  if (!shown) return;
  results.value = { ...shown, items: shown.items.map((item) => (item.id === id ? { ...item, tags } : item)) };
}

/** Copies a link to what the page shows: a search or a picture. */
export function copyLink(): Promise<void> {
  return copyText(location.href, t('notice.linkCopied'), t('notice.copyRefusedDetail'));
}

/** Copies text to the clipboard and confirms it; `otherwise` is the message if the browser does not allow it. */
export async function copyText(text: string, done: string, otherwise: string = text): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify({ tone: 'plain', title: done }, 3000);
  } catch {
    notify({ tone: 'plain', title: t('notice.copyRefused'), detail: otherwise });
  }
}
