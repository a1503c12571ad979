import { useEffect } from 'preact/hooks';
import type { TrashItem } from '../client.ts';
import { formatAge, formatDate } from '../format.ts';
import { t } from '../i18n/translate.ts';
import { changeCount } from '../state/live-updates.ts';
import { addressOf } from '../state/server.ts';
import { deleteForGood, emptyTrash, loadTrash, restorePictures, trash, trashFault } from '../state/trash.ts';
import { confirm } from './confirm.tsx';
import { FaultNote } from './error-note.tsx';
import { Icon } from './icon.tsx';
import { SmallPicture } from './small-picture.tsx';

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
          {t('view.trash')} <small>{total > 0 ? t('pictures', { count: total }) : ''}</small>
        </h1>
        {total > 0 ? <EmptyButton count={total} /> : null}
      </header>
      <p class="hint">
        {keepDays === undefined ? t('trash.hint') : t('trash.hintDays', { days: t('days', { count: keepDays }) })}
      </p>
      {trashFault.value ? <FaultNote fault={trashFault.value} again={() => void loadTrash()} /> : null}
      {items?.length === 0 ? (
        <section class="empty">
          <Icon name="trash" />
          <h2>{t('trash.none')}</h2>
        </section>
      ) : null}
      <ul class="trash">
        {items?.map((item) => (
          <TrashRow key={item.id} item={item} />
        ))}
      </ul>
      {next === undefined ? null : (
        <button type="button" class="button" onClick={() => void loadTrash(next)}>
          {t('do.more')}
        </button>
      )}
    </div>
  );
}

function EmptyButton({ count }: { count: number }) {
  const ask = () =>
    confirm({
      title: t('trash.deleteAll', { count }),
      detail: t('trash.deleteAllDetail'),
      doIt: t('trash.delete'),
      act: () => void emptyTrash(),
    });
  return (
    <button type="button" class="button button-quiet button-bad" onClick={ask}>
      <Icon name="trash" />
      <span>{t('trash.empty')}</span>
    </button>
  );
}

function TrashRow({ item }: { item: TrashItem }) {
  const { id, name, folder, deletedAt, expiresAt, moved } = item;
  const ask = () =>
    confirm({
      title: t('trash.deleteName', { name }),
      detail: t(moved ? 'trash.deleteDetail' : 'trash.forgetDetail'),
      doIt: t('trash.delete'),
      act: () => void deleteForGood(item),
    });
  return (
    <li class="trash-row">
      <SmallPicture src={addressOf(`trash/${id}/thumbnail?size=256`)} />
      <div class="trash-about">
        <strong>{name}</strong>
        <p>{folder}</p>
        <small title={formatDate(deletedAt)}>
          {t('trash.deleted', { ago: formatAge(deletedAt) })} ·{' '}
          {t(moved ? 'trash.expires' : 'trash.forgotten', { when: formatAge(expiresAt) })}
          {moved ? '' : ` · ${t('trash.stays')}`}
        </small>
      </div>
      <div class="trash-actions">
        <button type="button" class="button" onClick={() => void restorePictures([id])}>
          <Icon name="undo" />
          {t('trash.restore')}
          <span class="visually-hidden">{name}</span>
        </button>
        <button type="button" class="button button-quiet button-bad" onClick={ask}>
          {t('trash.delete')}
          <span class="visually-hidden">{name}</span>
        </button>
      </div>
    </li>
  );
}
