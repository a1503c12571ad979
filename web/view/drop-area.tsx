import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { searchByPicture } from '../state/actions.ts';
import { notify, report } from '../state/notices.ts';
import { filesOf, pictureOf } from '../state/picked-files.ts';
import { isReadOnly } from '../state/server-status.ts';
import { addUploads } from '../state/upload-queue.ts';
import { Icon } from './icon.tsx';

/** Accepts pictures dropped or pasted anywhere on the page: one can be searched by or added; several are added. */
export function DropArea() {
  const [dragged, setDragged] = useState(0);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const listeners: Partial<Record<'dragenter' | 'dragover' | 'dragleave' | 'drop', (event: DragEvent) => void>> = {
      dragenter: (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        depth += 1;
        setDragged(Math.max(1, [...event.dataTransfer!.items].filter((item) => item.kind === 'file').length));
      },
      dragover: (event) => {
        if (hasFiles(event)) event.preventDefault();
      },
      dragleave: (event) => {
        if (!hasFiles(event)) return;
        depth = Math.max(0, depth - 1);
        if (depth === 0) setDragged(0);
      },
      drop: (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        depth = 0;
        setDragged(0);
        void drop(event);
      },
    };
    const listening = new AbortController();
    const { signal } = listening;
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name as 'drop', listener, { signal });
    addEventListener('paste', paste, { signal });
    return () => listening.abort();
  }, []);
  if (dragged === 0) return null;
  return (
    <div class="drop" aria-hidden="true">
      {dragged === 1 ? (
        <div class="drop-target" data-drop="search">
          <Icon name="search" />
          <strong>{t('drop.search')}</strong>
          <span>{t('drop.searchDetail')}</span>
        </div>
      ) : null}
      {isReadOnly.value ? null : (
        <div class="drop-target" data-drop="add">
          <Icon name="upload" />
          <strong>{t('drop.add')}</strong>
          <span>{dragged === 1 ? t('drop.addOne') : t('drop.addSeveral', { count: dragged })}</span>
        </div>
      )}
    </div>
  );
}

async function drop(event: DragEvent): Promise<void> {
  const target = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-drop]') : null;
  const picture = pictureOf(event.dataTransfer);
  const files = filesOf(event.dataTransfer!);
  try {
    const all = await files;
    if (target?.dataset.drop !== 'add' && all.length === 1 && picture)
      return await searchByPicture(picture, picture.name);
    if (all.length === 0) notify({ tone: 'plain', title: t('drop.nothing') });
    else if (isReadOnly.value) notify({ tone: 'plain', title: t('drop.readOnly') });
    else addUploads(all);
  } catch (error) {
    report(error);
  }
}

function paste(event: ClipboardEvent): void {
  const picture = pictureOf(event.clipboardData);
  if (!picture) return;
  event.preventDefault();
  searchByPicture(picture, t('search.pasted')).catch(report);
}
