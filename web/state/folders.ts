import { signal } from '@preact/signals';
import type { Folder } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { notify, report } from './notices.ts';
import { searchAgain } from './results.ts';
import { refreshStatus } from './server-status.ts';
import { client } from './server-urls.ts';

/** The folder in the path dialog, 'new' when adding one; null when the dialog is closed. */
export const placeAsked = signal<Folder | 'new' | null>(null);

/** Counts changes that this page made to the list. */
export const folderTurns = signal(0);

/**
 * Adds a folder on the server's machine. Rejects like API calls.
 * @param moved true if it is the folder named in the error, moved here
 */
export async function addFolder(path: string, moved?: boolean): Promise<void> {
  const { name } = await client.addFolder(path, moved);
  await changed(t('folders.added', { name }));
}

/** Updates a folder's path. Rejects like API calls. */
export async function moveFolder(folder: Folder, path: string): Promise<void> {
  const { name } = await client.moveFolder(folder.name, path);
  await changed(t('folders.moved', { name }));
}

/** Removes a folder from the index. */
export async function removeFolder({ name }: Folder): Promise<void> {
  try {
    await client.removeFolder(name);
    await changed(t('folders.removed', { name }));
  } catch (error) {
    report(error, () => void removeFolder({ name } as Folder));
  }
}

async function changed(title: string): Promise<void> {
  notify({ tone: 'plain', title });
  folderTurns.value += 1;
  await refreshStatus();
  void searchAgain(true);
}
