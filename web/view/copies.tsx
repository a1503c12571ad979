import type { ImageItem, Stack } from '../client.ts';
import { formatBytes } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { deletePictures } from '../state/actions.ts';
import { openPhoto } from '../state/navigation.ts';
import { indexing, isReadOnly } from '../state/server-status.ts';
import { allStacks, isMarked, mark, markedIn, stacks } from '../state/stacks.ts';
import { Button } from './button.tsx';
import { confirm } from './confirm.tsx';
import { ListPage } from './list-page.tsx';
import { SmallPicture } from './small-picture.tsx';
import { describe, smallVersion } from './tile.tsx';

/** Groups of duplicate pictures, to keep one of each. */
export function CopiesView() {
  const { total = 0, spare } = allStacks.page.value ?? {};
  return (
    <ListPage
      list={allStacks}
      turn={indexing.value === null}
      title={t('view.copies')}
      facts={spare && total > 0 ? t('copies.spare', { count: spare.pictures, size: formatBytes(spare.bytes) }) : ''}
      action={isReadOnly.value || stacks.value.length < 2 ? null : <AllButton />}
      hint={t('copies.hint')}
      none={{ icon: 'copy', text: t('copies.none') }}
      isEmpty={allStacks.page.value !== null && stacks.value.length === 0}
      isWide
      class="stacks"
      rows={stacks.value.map((stack) => <StackRow key={stack.pictures[0]!.id} stack={stack} />)}
    />
  );
}

/** Asks for confirmation: with many stacks, nobody has checked every picture. */
function AllButton() {
  const ids = stacks.value.flatMap(markedIn);
  const ask = () =>
    confirm({
      title: t('copies.all', { count: ids.length }),
      detail: t('copies.allDetail', { count: stacks.value.length }),
      doIt: t('do.trash'),
      act: () => void deletePictures(ids),
    });
  return <Button look="bad" icon="trash" label={t('copies.allMarked')} disabled={ids.length === 0} onClick={ask} />;
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
        <Button
          icon="trash"
          label={t('copies.move', { count: marked.length })}
          about={name}
          disabled={marked.length === 0}
          onClick={() => void deletePictures(marked)}
        />
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
