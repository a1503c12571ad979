import type { TrashItem } from '../client.ts';
import { formatAge, formatDate } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { changeCount } from '../state/live-updates.ts';
import { addressOf } from '../state/server-urls.ts';
import { deleteForGood, emptyTrash, restorePictures, trash } from '../state/trash.ts';
import { Button } from './button.tsx';
import { confirm } from './confirm.tsx';
import { ListPage } from './list-page.tsx';
import { SmallPicture } from './small-picture.tsx';

/** Deleted pictures, to restore or delete for good. */
export function TrashView() {
  const { items, total = 0, keepDays } = trash.page.value ?? {};
  return (
    <ListPage
      list={trash}
      turn={changeCount.value}
      title={t('view.trash')}
      facts={total > 0 ? t('pictures', { count: total }) : ''}
      action={total > 0 ? <EmptyButton count={total} /> : null}
      hint={keepDays === undefined ? t('trash.hint') : t('trash.hintDays', { days: t('days', { count: keepDays }) })}
      none={{ icon: 'trash', text: t('trash.none') }}
      isEmpty={items?.length === 0}
      isWide
      class="trash"
      rows={items?.map((item) => <TrashRow key={item.id} item={item} />)}
    />
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
  return <Button look="bad" icon="trash" label={t('trash.empty')} onClick={ask} />;
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
        <Button icon="undo" label={t('trash.restore')} about={name} onClick={() => void restorePictures([id])} />
        <Button look="bad" label={t('trash.delete')} about={name} onClick={ask} />
      </div>
    </li>
  );
}
