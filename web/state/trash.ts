import { ApiFault } from '../api-error.ts';
import type { TrashItem, TrashPage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { forEachPicture } from './bulk.ts';
import { notify, report } from './notices.ts';
import { pagedList } from './paged-list.ts';
import { hidden, searchAgain } from './results.ts';
import { client } from './server-urls.ts';

/** Deleted pictures, most recent first. */
export const trash = pagedList<TrashPage>((asked) => client.trash({ limit: 60, ...asked }));

/** Restores pictures by their trash entry ids. */
export async function restorePictures(entries: readonly string[]): Promise<void> {
  const restored: string[] = [];
  const restore = async (entry: string) => void restored.push((await client.restore(entry)).id);
  const title = t('notice.restoring', { count: entries.length });
  const { fault, left } = await forEachPicture(entries, title, restore, takeAway);
  hidden.value = new Set([...hidden.value].filter((id) => !restored.includes(id)));
  if (restored.length > 0) {
    notify({ tone: 'plain', title: t('notice.restored', { count: restored.length }) });
    void searchAgain(true);
  }
  if (fault !== undefined) report(fault, () => void restorePictures(left));
}

/** Permanently deletes one trash entry. */
export async function deleteForGood({ id }: TrashItem): Promise<void> {
  try {
    await client.deleteForGood(id).catch(ignoreGone);
    takeAway(id);
  } catch (error) {
    report(error, () => void trash.load());
  }
}

export async function emptyTrash(): Promise<void> {
  try {
    await client.emptyTrash();
  } catch (error) {
    report(error, () => void emptyTrash());
  }
  await trash.load();
}

/** Someone else has already restored or deleted it. */
export function ignoreGone(error: unknown): void {
  if (!(error instanceof ApiFault && error.status === 404)) throw error;
}

function takeAway(id: string): void {
  const shown = trash.page.value;
  if (!shown?.items.some((item) => item.id === id)) return;
  trash.page.value = { ...shown, items: shown.items.filter((item) => item.id !== id), total: shown.total - 1 };
}
