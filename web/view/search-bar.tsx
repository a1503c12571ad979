import { useRef } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { maxTextLength, withoutWeight } from '../route.ts';
import { addChip, searchByPicture } from '../state/actions.ts';
import { changeQuery, query } from '../state/navigation.ts';
import { report } from '../state/notices.ts';
import { searching } from '../state/results.ts';
import { rememberQuery } from '../state/suggestions.ts';
import { Button } from './button.tsx';
import { Chips } from './chips.tsx';
import { FileInput } from './file-input.tsx';
import { Icon, IconButton } from './icon.tsx';
import { SearchInput } from './search-input.tsx';
import { useShortcut } from './use-shortcut.ts';

/** ` -word` and ` -"some words"` at the end of the text mean "without". */
const withoutPattern = /(?:^|\s)-(?:"([^"]+)"|([^\s"]\S*))/g;

export function SearchBar() {
  const input = useRef<HTMLInputElement>(null);
  useShortcut('/', () => {
    input.current?.focus();
    input.current?.select();
  });
  const submit = () => {
    const text = query.value.text;
    const without = [...text.matchAll(withoutPattern)].map((match) => match[1] ?? match[2]!);
    if (without.length > 0) changeQuery({ text: text.replaceAll(withoutPattern, '').trim() });
    for (const part of without) addChip({ by: 'text', text: part, weight: withoutWeight });
    rememberQuery(query.value.text);
  };
  const isEmpty = query.value.text === '' && query.value.chips.length === 0;
  return (
    <search class={searching.value ? 'search search-busy' : 'search'}>
      <Icon name="search" />
      <Chips />
      <SearchInput input={input} submit={submit} />
      <div class="search-tools">
        {isEmpty ? null : (
          <IconButton
            icon="close"
            label={t('search.clear')}
            title={t('search.clearTitle')}
            onClick={() => {
              changeQuery({ text: '', chips: [] });
              input.current?.focus();
            }}
          />
        )}
        {isEmpty ? null : <WithoutButton />}
        <PictureButton />
      </div>
    </search>
  );
}

function WithoutButton() {
  return (
    <>
      <Button
        class="without-button"
        icon="without"
        label={t('search.without')}
        popovertarget="without"
        title={t('search.withoutTitle')}
      />
      <div id="without" popover="auto" class="popover">
        <form
          class="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            event.stopPropagation();
            const text = String(new FormData(event.currentTarget).get('text')).trim();
            if (text !== '') addChip({ by: 'text', text, weight: withoutWeight });
            event.currentTarget.reset();
            document.getElementById('without')?.hidePopover();
          }}
        >
          <label>
            <span>{t('search.withoutLabel')}</span>
            <input
              name="text"
              type="text"
              maxLength={maxTextLength}
              placeholder={t('search.withoutExample')}
              autocomplete="off"
              autofocus
            />
          </label>
          <Button label={t('do.add')} type="submit" />
        </form>
      </div>
    </>
  );
}

function PictureButton() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton
        icon="picture"
        label={t('search.picture')}
        title={t('search.pictureTitle')}
        onClick={() => input.current?.click()}
      />
      <FileInput
        input={input}
        label={t('search.pictureLabel')}
        pick={([picked]) => {
          if (picked) searchByPicture(picked, picked.name).catch(report);
        }}
      />
    </>
  );
}
