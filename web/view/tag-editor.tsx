import { useState } from 'preact/hooks';
import type { ImageItem } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { setTags } from '../state/actions.ts';
import { photo } from '../state/open-picture.ts';
import { tags as knownTags, refreshTags } from '../state/suggestions.ts';
import { IconButton } from './icon.tsx';

const maxTagLength = 64;

/** Tags of one picture; each change is saved at once. */
export function TagEditor({ image }: { image: ImageItem }) {
  const [saving, setSaving] = useState(false);
  const save = async (tags: readonly string[]) => {
    setSaving(true);
    if ((await setTags(image, tags)) && photo.value?.id === image.id) photo.value = { ...photo.value, tags };
    setSaving(false);
    void refreshTags();
  };
  return (
    <section aria-label={t('filter.tags')} aria-busy={saving}>
      <h3>{t('filter.tags')}</h3>
      <ul class="tags">
        {image.tags.map((tag) => (
          <li key={tag} class="tag">
            {tag}
            <IconButton
              class="chip-remove"
              icon="close"
              label={t('tags.remove', { tag })}
              onClick={() => void save(image.tags.filter((one) => one !== tag))}
            />
          </li>
        ))}
      </ul>
      <TagInput add={(tag) => void save([...new Set([...image.tags, tag])])} />
    </section>
  );
}

/** Adds one tag at a time, to one picture or to many. `first`: gets the focus when its popover opens. */
export function TagInput({ add, first = false }: { add: (tag: string) => void; first?: boolean }) {
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        const tag = String(new FormData(event.currentTarget).get('tag')).trim();
        if (tag !== '') add(tag);
        event.currentTarget.reset();
      }}
    >
      <input
        name="tag"
        type="text"
        list="known-tags"
        maxLength={maxTagLength}
        placeholder={t('tags.add')}
        aria-label={t('tags.add')}
        autocomplete="off"
        autofocus={first}
      />
      <datalist id="known-tags">
        {knownTags.value.map(({ tag }) => (
          <option key={tag} value={tag} />
        ))}
      </datalist>
      <IconButton icon="plus" type="submit" label={t('tags.addButton')} />
    </form>
  );
}
