import { useEffect } from 'preact/hooks';
import type { ImageItem, Stack } from '../client.ts';
import { formatBytes } from '../format.ts';
import { t } from '../i18n/translate.ts';
import { deletePictures } from '../state/actions.ts';
import { openPhoto } from '../state/navigation.ts';
import { indexing, isReadOnly } from '../state/server-status.ts';
import { isMarked, loadStacks, mark, markedIn, stackPage, stacks, stacksFault } from '../state/stacks.ts';
import { confirm } from './confirm.tsx';
import { FaultNote } from './error-note.tsx';
import { Icon } from './icon.tsx';
import { SmallPicture } from './small-picture.tsx';
import { describe, smallVersion } from './tile.tsx';

/** Pictures that are copies of each other, to keep one of each. */
export function CopiesView() {
  const { next, total = 0, spare } = stackPage.value ?? {};
  const isDone = indexing.value === null;
  useEffect(() => {
    const controller = new AbortController();
    void loadStacks(undefined, controller.signal);
    return () => controller.abort();
  }, [isDone]);
  return (
    <div class="page page-wide">
      <header class="page-head">
        <h1>
          {t('view.copies')}{' '}
          <small>
            {spare && total > 0 ? t('copies.spare', { count: spare.pictures, size: formatBytes(spare.bytes) }) : ''}
          </small>
        </h1>
        {isReadOnly.value || stacks.value.length < 2 ? null : <AllButton />}
      </header>
      <p class="hint">{t('copies.hint')}</p>
      {stacksFault.value ? <FaultNote fault={stacksFault.value} again={() => void loadStacks()} /> : null}
      {stackPage.value !== null && stacks.value.length === 0 ? (
        <section class="empty">
          <Icon name="copy" />
          <h2>{t('copies.none')}</h2>
        </section>
      ) : null}
      <ul class="stacks">
        {stacks.value.map((stack) => (
          <StackRow key={stack.pictures[0]!.id} stack={stack} />
        ))}
      </ul>
      {next === undefined ? null : (
        <button type="button" class="button" onClick={() => void loadStacks(next)}>
          {t('do.more')}
        </button>
      )}
    </div>
  );
}

/** Asks first: of many stacks nobody has looked at each picture. */
function AllButton() {
  const ids = stacks.value.flatMap(markedIn);
  const ask = () =>
    confirm({
      title: t('copies.all', { count: ids.length }),
      detail: t('copies.allDetail', { count: stacks.value.length }),
      doIt: t('do.trash'),
      act: () => void deletePictures(ids),
    });
  return (
    <button type="button" class="button button-quiet button-bad" disabled={ids.length === 0} onClick={ask}>
      <Icon name="trash" />
      <span>{t('copies.allMarked')}</span>
    </button>
  );
}

function StackRow({ stack }: { stack: Stack }) {
  const marked = markedIn(stack);
  const name = describe(stack.pictures[0]!);
  return (
    <li class="stack">
      <ul class="stack-pictures" aria-label={t('tile.copies', { count: stack.count, name })}>
        {stack.pictures.map((image) => (
          <Copy key={image.id} image={image} stack={stack} />
        ))}
      </ul>
      {isReadOnly.value ? null : (
        <button type="button" class="button" disabled={marked.length === 0} onClick={() => void deletePictures(marked)}>
          <Icon name="trash" />
          {t('copies.move', { count: marked.length })}
          <span class="visually-hidden">{name}</span>
        </button>
      )}
    </li>
  );
}

function Copy({ image, stack }: { image: ImageItem; stack: Stack }) {
  const { id, name, folder, width, height, bytes } = image;
  const goes = isMarked(stack, id);
  return (
    <li class={goes ? 'copy copy-goes' : 'copy'}>
      <button type="button" aria-label={t('detail.show', { name: describe(image) })} onClick={() => openPhoto(id)}>
        <SmallPicture src={smallVersion(image, 160)} />
      </button>
      <strong>{name}</strong>
      <small>{folder}</small>
      <small>
        {width} × {height}, {formatBytes(bytes)}
      </small>
      {isReadOnly.value ? null : (
        <label>
          <input type="checkbox" checked={goes} onChange={(event) => mark(id, event.currentTarget.checked)} />
          {t('copies.mark')}
          <span class="visually-hidden">{name}</span>
        </label>
      )}
    </li>
  );
}
