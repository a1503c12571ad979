import { signal } from '@preact/signals';
import type { Folder } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { notify, report } from './notices.ts';
import { searchAgain } from './results.ts';
import { client } from './server.ts';
import { refreshStatus } from './server-status.ts';

/** The folder whose place is asked for, 'new' for one that is to come; null when none is. */
export const placeAsked = signal<Folder | 'new' | null>(null);

/** Counts changes of the list by this page. */
export const folderTurns = signal(0);

/**
 * Adds a folder of the server's machine. Rejects as calls do.
 * @param moved whether it is the one that a refusal named, moved
 */
export async function addFolder(path: string, moved?: boolean): Promise<void> {
  const { name } = await client.addFolder(path, moved);
  await changed(t('folders.added', { name }));
}

/** Says where a folder is now. Rejects as calls do. */
export async function moveFolder(folder: Folder, path: string): Promise<void> {
  const { name } = await client.moveFolder(folder.name, path);
  await changed(t('folders.moved', { name }));
}

/** Takes a folder out of the index. */
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
