import { type ImageItem, isImage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { maxChips } from '../route.ts';
import { addChip, deletePictures, tagPictures } from '../state/actions.ts';
import { copyLinks, copyPaths, downloadZip, pathOf } from '../state/download.ts';
import { listedItems, visibleItems } from '../state/results.ts';
import { clearSelection, select, selected, selectionMode } from '../state/selection.ts';
import { isReadOnly } from '../state/server-status.ts';
import { Icon, IconButton } from './icon.tsx';
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
      <button type="button" class="button button-quiet" onClick={() => select(visibleItems.value)}>
        <Icon name="select" />
        <span>{t('selection.all')}</span>
      </button>
      <button type="button" class="button button-quiet" popovertarget="tag-selection" disabled={none}>
        <Icon name="tag" />
        <span>{t('selection.tag')}</span>
      </button>
      <div id="tag-selection" popover="auto" class="popover">
        <TagInput
          first
          add={(tag) => {
            document.getElementById('tag-selection')?.hidePopover();
            void tagPictures(ids, tag);
          }}
        />
      </div>
      <button
        type="button"
        class="button button-quiet"
        disabled={none || ids.length > maxChips}
        onClick={() => {
          for (const id of ids) addChip({ by: 'stored', id, weight: 1 });
          clearSelection();
        }}
      >
        <Icon name="plus" />
        <span>{t('selection.more')}</span>
      </button>
      <button
        type="button"
        class="button button-quiet"
        disabled={none || ids.length > maxInZip}
        onClick={() => void downloadZip(ids)}
      >
        <Icon name="download" />
        <span>{t('do.download')}</span>
      </button>
      <button type="button" class="button button-quiet" disabled={none} onClick={() => void copyLinks(ids)}>
        <Icon name="link" />
        <span>{t('selection.links')}</span>
      </button>
      {images.every((image) => pathOf(image) === undefined) ? null : (
        <button type="button" class="button button-quiet" onClick={() => void copyPaths(images)}>
          <Icon name="copy" />
          <span>{t('selection.paths')}</span>
        </button>
      )}
      {isReadOnly.value ? null : (
        <button
          type="button"
          class="button button-quiet button-bad"
          disabled={none}
          onClick={() => void deletePictures(ids)}
        >
          <Icon name="trash" />
          <span>{t('selection.delete')}</span>
        </button>
      )}
      <IconButton icon="close" label={t('selection.end')} title={t('selection.endTitle')} onClick={clearSelection} />
    </section>
  );
}
