import { type ImageItem, isImage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { maxChips } from '../route.ts';
import { addChip, deletePictures, tagPictures } from '../state/actions.ts';
import { copyLinks, copyPaths, downloadZip, pathOf } from '../state/download.ts';
import { listedItems, visibleItems } from '../state/results.ts';
import { clearSelection, select, selected, selectionMode } from '../state/selection.ts';
import { isReadOnly } from '../state/server-status.ts';
import { Button } from './button.tsx';
import { IconButton } from './icon.tsx';
import { Marked } from './inline-markup.tsx';
import { TagInput } from './tag-editor.tsx';

/** Maximum pictures per zip file: the API's limit. */
const maxInZip = 10_000;

/** Actions on the selected pictures. */
export function SelectionBar() {
  if (!selectionMode.value) return null;
  const ids = [...selected.value];
  const none = ids.length === 0;
  const images = listedItems.value.filter((item): item is ImageItem => isImage(item) && selected.value.has(item.id));
  return (
    <section class="panel selection-bar" aria-label={t('selection.title')}>
      <strong>
        <Marked text={none ? t('selection.choose') : t('selection.count', { count: ids.length })} as="span" />
      </strong>
      <Button look="quiet" icon="select" label={t('selection.all')} onClick={() => select(visibleItems.value)} />
      <TagSelection ids={ids} />
      <Button
        look="quiet"
        icon="plus"
        label={t('selection.more')}
        disabled={none || ids.length > maxChips}
        onClick={() => {
          for (const id of ids) addChip({ by: 'stored', id, weight: 1 });
          clearSelection();
        }}
      />
      <Button
        look="quiet"
        icon="download"
        label={t('do.download')}
        disabled={none || ids.length > maxInZip}
        onClick={() => void downloadZip(ids)}
      />
      <Button
        look="quiet"
        icon="link"
        label={t('selection.links')}
        disabled={none}
        onClick={() => void copyLinks(ids)}
      />
      {images.every((image) => pathOf(image) === undefined) ? null : (
        <Button look="quiet" icon="copy" label={t('selection.paths')} onClick={() => void copyPaths(images)} />
      )}
      {isReadOnly.value ? null : (
        <Button
          look="bad"
          icon="trash"
          label={t('selection.delete')}
          disabled={none}
          onClick={() => void deletePictures(ids)}
        />
      )}
      <IconButton icon="close" label={t('selection.end')} title={t('selection.endTitle')} onClick={clearSelection} />
    </section>
  );
}

function TagSelection({ ids }: { ids: readonly string[] }) {
  return (
    <>
      <Button
        look="quiet"
        icon="tag"
        label={t('selection.tag')}
        popovertarget="tag-selection"
        disabled={ids.length === 0}
      />
      <div id="tag-selection" popover="auto" class="popover">
        <TagInput
          first
          add={(tag) => {
            document.getElementById('tag-selection')?.hidePopover();
            void tagPictures(ids, tag);
          }}
        />
      </div>
    </>
  );
}
