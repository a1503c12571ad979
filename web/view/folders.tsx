import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFault } from '../api-error.ts';
import type { Folder, Status } from '../client.ts';
import { explain } from '../explain-error.ts';
import { t } from '../i18n/translate.ts';
import { emptyQuery } from '../route.ts';
import { keyWanted } from '../state/access.ts';
import { addFolder, moveFolder, placeAsked, removeFolder } from '../state/folders.ts';
import { go } from '../state/navigation.ts';
import { Button } from './button.tsx';
import { confirm } from './confirm.tsx';

/** Indexed folders. Each links to its pictures; where allowed, folders can be added, moved and removed. */
export function Folders({ folders, folderChanges }: Pick<Status, 'folders' | 'folderChanges'>) {
  if (folders.length === 0 && !folderChanges) return null;
  return (
    <section aria-label={t('status.folders')}>
      <header class="page-head">
        <h2>{t('status.folders')}</h2>
        {folderChanges ? (
          <Button look="quiet" icon="folder" label={t('folders.add')} onClick={() => (placeAsked.value = 'new')} />
        ) : null}
      </header>
      <ul class="changes">
        {folders.map((folder) => (
          <FolderRow key={folder.bucket} folder={folder} canChange={folderChanges} />
        ))}
      </ul>
    </section>
  );
}

function FolderRow({ folder, canChange }: { folder: Folder; canChange: boolean }) {
  const { name, path, pictures, watched, there } = folder;
  const state = there ? (watched ? 'status.followed' : 'status.indexedOnce') : 'status.away';
  const remove = () =>
    confirm({
      title: t('folders.removeTitle', { name }),
      detail: t('folders.removeDetail'),
      doIt: t('folders.remove'),
      act: () => void removeFolder(folder),
    });
  return (
    <li>
      <span class={there ? 'change' : 'change change-failed'}>{t(state)}</span>
      <span>
        <button
          type="button"
          class="link"
          onClick={() => go({ view: 'search', query: { ...emptyQuery, filter: { bucket: name } } })}
        >
          {name}
        </button>
        {path === undefined ? null : <small class="folder-path">{path}</small>}
      </span>
      <span class="folder-actions">
        <small>{t('pictures', { count: pictures })}</small>
        {canChange ? (
          <>
            <button type="button" class="link" onClick={() => (placeAsked.value = folder)}>
              {t('do.move')}
              <span class="visually-hidden"> {name}</span>
            </button>
            <button type="button" class="link" onClick={remove}>
              {t('folders.remove')}
              <span class="visually-hidden"> {name}</span>
            </button>
          </>
        ) : null}
      </span>
    </li>
  );
}

/** Asks for the path of a new or moved folder. */
export function FolderDialog() {
  const folder = placeAsked.value;
  return folder === null ? null : <OpenFolderDialog folder={folder} />;
}

function close(): void {
  placeAsked.value = null;
}

function OpenFolderDialog({ folder }: { folder: Folder | 'new' }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const path = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current!.showModal(), []);
  const send = async (moved?: boolean): Promise<void> => {
    const place = path.current!.value.trim();
    setBusy(true);
    try {
      await (folder === 'new' ? addFolder(place, moved) : moveFolder(folder, place));
      close();
    } catch (error) {
      setFault(error);
      const needsKey = error instanceof ApiFault && (error.status === 401 || error.status === 403);
      if (needsKey) keyWanted.value = { retry: () => void send(moved) };
    }
    setBusy(false);
  };
  const isQuestion = fault instanceof ApiFault && fault.code === 'perhaps-moved';
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="folder-title" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <h2 id="folder-title">{folder === 'new' ? t('folders.add') : t('folders.moveTitle', { name: folder.name })}</h2>
        <p>{t(folder === 'new' ? 'folders.addDetail' : 'folders.moveDetail')}</p>
        <label class="field">
          <span>{t('folders.path')}</span>
          <input
            ref={path}
            autocomplete="off"
            spellcheck={false}
            required
            maxLength={4096}
            defaultValue={folder === 'new' ? '' : folder.path}
            onInput={() => setFault(null)}
          />
        </label>
        {fault ? <FaultLine fault={fault} /> : null}
        <footer>
          <Button look="quiet" label={t('do.cancel')} onClick={close} />
          {isQuestion ? (
            <>
              <Button label={t('folders.isAnother')} disabled={isBusy} onClick={() => void send(false)} />
              <Button look="primary" label={t('folders.isMoved')} disabled={isBusy} onClick={() => void send(true)} />
            </>
          ) : (
            <Button look="primary" label={t(folder === 'new' ? 'do.add' : 'do.move')} type="submit" disabled={isBusy} />
          )}
        </footer>
      </form>
    </dialog>
  );
}

function FaultLine({ fault }: { fault: unknown }) {
  const { title, advice } = explain(fault);
  return (
    <p class="bad" role="alert">
      {title}. {advice}
    </p>
  );
}
