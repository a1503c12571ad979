import { useEffect } from 'preact/hooks';
import type { TrashItem } from '../client.ts';
import { countOf, formatAge, formatDate } from '../format.ts';
import { changeCount } from '../state/live-updates.ts';
import { addressOf } from '../state/server.ts';
import { deleteForGood, emptyTrash, loadTrash, restorePictures, trash, trashFault } from '../state/trash.ts';
import { confirm } from './confirm.tsx';
import { FaultNote } from './fault-note.tsx';
import { Icon } from './icon.tsx';

/** Deleted pictures, with the way back and the way out for good. */
export function TrashView() {
  const { items, total = 0, keepDays, next } = trash.value ?? {};
  useEffect(() => {
    const controller = new AbortController();
    void loadTrash(undefined, controller.signal);
    return () => controller.abort();
  }, [changeCount.value]);
  return (
    <div class="page page-wide">
      <header class="page-head">
        <h1>
          Trash <small>{total > 0 ? countOf(total, 'picture') : ''}</small>
        </h1>
        {total > 0 ? <EmptyButton count={total} /> : null}
      </header>
      <p class="hint">
        Files of deleted pictures are kept here{keepDays === undefined ? '' : ` for ${countOf(keepDays, 'day')}`}, then
        they are deleted for good.
      </p>
      {trashFault.value ? <FaultNote fault={trashFault.value} again={() => void loadTrash()} /> : null}
      {items?.length === 0 ? (
        <section class="empty">
          <Icon name="trash" />
          <h2>Nothing is in the trash</h2>
        </section>
      ) : null}
      <ul class="trash">
        {items?.map((item) => (
          <TrashRow key={item.id} item={item} />
        ))}
      </ul>
      {next === undefined ? null : (
        <button type="button" class="button" onClick={() => void loadTrash(next)}>
          More
        </button>
      )}
    </div>
  );
}

function EmptyButton({ count }: { count: number }) {
  const ask = () =>
    confirm({
      title: `Delete ${countOf(count, 'picture')} for good?`,
      detail: 'Their files are deleted, with all versions that are kept of them. Nothing brings them back.',
      doIt: 'Delete for good',
      act: () => void emptyTrash(),
    });
  return (
    <button type="button" class="button button-quiet button-bad" onClick={ask}>
      <Icon name="trash" />
      <span>Empty the trash</span>
    </button>
  );
}

function TrashRow({ item }: { item: TrashItem }) {
  const { id, name, folder, deletedAt, expiresAt, moved } = item;
  const ask = () =>
    confirm({
      title: `Delete ${name} for good?`,
      detail: moved
        ? 'Its file is deleted, with all versions that are kept of it. Nothing brings it back.'
        : 'Its file stays where it is; the index forgets its tags.',
      doIt: 'Delete for good',
      act: () => void deleteForGood(item),
    });
  return (
    <li class="trash-row">
      <img src={addressOf(`trash/${id}/thumbnail?size=256`)} alt="" loading="lazy" />
      <div class="trash-about">
        <strong>{name}</strong>
        <p>{folder}</p>
        <small title={formatDate(deletedAt)}>
          deleted {formatAge(deletedAt)} · {moved ? 'for good' : 'forgotten'} {formatAge(expiresAt)}
          {moved ? '' : ' · its file is where it was'}
        </small>
      </div>
      <div class="trash-actions">
        <button type="button" class="button" onClick={() => void restorePictures([id])}>
          <Icon name="undo" />
          Restore
          <span class="visually-hidden">{name}</span>
        </button>
        <button type="button" class="button button-quiet button-bad" onClick={ask}>
          Delete for good
          <span class="visually-hidden">{name}</span>
        </button>
      </div>
    </li>
  );
}
