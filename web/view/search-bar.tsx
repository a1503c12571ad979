import { useEffect, useRef, useState } from 'preact/hooks';
import { countOf } from '../format.ts';
import { maxTextLength, withoutWeight } from '../place.ts';
import { addChip, searchByPicture } from '../state/actions.ts';
import { changeQuery, query, typeText } from '../state/navigation.ts';
import { report } from '../state/notices.ts';
import { searching } from '../state/results.ts';
import { forgetQueries, rememberQuery, type Suggestion, suggestions } from '../state/suggestions.ts';
import { Chips } from './chips.tsx';
import { Icon } from './icon.tsx';

/** ` -word` and ` -"some words"` at the end of what is typed mean "without". */
const withoutPattern = /(?:^|\s)-(?:"([^"]+)"|([^\s"]\S*))/g;

export function SearchBar() {
  const input = useRef<HTMLInputElement>(null);
  useSlashKey(input);
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
          <button
            type="button"
            class="icon-button"
            aria-label="Clear the query"
            title="Clear"
            onClick={() => {
              changeQuery({ text: '', chips: [] });
              input.current?.focus();
            }}
          >
            <Icon name="close" />
          </button>
        )}
        {isEmpty ? null : <WithoutButton />}
        <PictureButton />
      </div>
    </search>
  );
}

/** What a tag counts. */
const nouns = { image: 'picture', caption: 'caption', any: 'item' } as const;

function SearchInput({ input, submit }: { input: { current: HTMLInputElement | null }; submit: () => void }) {
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const options = suggestions.value;
  const shown = open && options.length > 0;
  // The last one forgets the recent ones.
  const count = options.length + (options.some(({ kind }) => kind === 'recent') ? 1 : 0);
  const take = (option: Suggestion) => {
    setOpen(false);
    setActive(-1);
    if (option.kind === 'recent') changeQuery({ text: option.text });
    else {
      const tagsAll = [...(query.value.filter.tagsAll ?? []), option.tag.tag];
      changeQuery({ text: '', filter: { ...query.value.filter, tagsAll } });
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && shown) {
      event.preventDefault();
      setOpen(false);
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && options.length > 0) {
      event.preventDefault();
      setOpen(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setActive(((active + step + 1 + count + 1) % (count + 1)) - 1);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (shown && active === options.length) forgetQueries();
      else if (shown && active >= 0) take(options[active]!);
      else submit();
      setOpen(false);
    } else if (event.key === 'Backspace' && query.value.text === '' && query.value.chips.length > 0) {
      changeQuery({ chips: query.value.chips.slice(0, -1) });
    }
  };
  return (
    <div class="search-field">
      <input
        ref={input}
        type="text"
        inputMode="search"
        enterkeyhint="search"
        autocomplete="off"
        spellcheck={false}
        maxLength={maxTextLength}
        role="combobox"
        aria-label="Search pictures with words"
        aria-expanded={shown}
        aria-controls="suggestions"
        aria-autocomplete="list"
        aria-activedescendant={shown && active >= 0 ? `suggestion-${active}` : undefined}
        placeholder={query.value.chips.length > 0 ? 'and…' : 'What are you looking for?'}
        value={query.value.text}
        onInput={(event) => {
          setActive(-1);
          setOpen(true);
          typeText(event.currentTarget.value);
        }}
        onClick={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div id="suggestions" role="listbox" aria-label="Suggestions" class="suggestions" hidden={!shown}>
        {shown &&
          options.map((option, i) => (
            <button
              type="button"
              tabIndex={-1}
              key={option.kind === 'recent' ? option.text : `tag:${option.tag.tag}`}
              id={`suggestion-${i}`}
              role="option"
              aria-selected={i === active}
              class="suggestion"
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(option)}
            >
              <Icon name={option.kind === 'recent' ? 'undo' : 'tag'} />
              <span>{option.kind === 'recent' ? option.text : option.tag.tag}</span>
              {option.kind === 'tag' ? <small>{countOf(option.tag.count, nouns[query.value.kind])}</small> : null}
            </button>
          ))}
        {shown && options.some(({ kind }) => kind === 'recent') ? (
          <button
            type="button"
            tabIndex={-1}
            id={`suggestion-${options.length}`}
            role="option"
            aria-selected={active === options.length}
            class="suggestion suggestion-forget"
            onMouseDown={(event) => event.preventDefault()}
            onClick={forgetQueries}
          >
            Forget earlier searches
          </button>
        ) : null}
      </div>
    </div>
  );
}

function WithoutButton() {
  const popover = useRef<HTMLFormElement>(null);
  return (
    <>
      <button
        type="button"
        class="button without-button"
        popovertarget="without"
        title="Leave out what is like these words"
      >
        <Icon name="without" />
        <span>without…</span>
      </button>
      <div id="without" popover="auto" class="popover">
        <form
          ref={popover}
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
            <span>Without</span>
            <input name="text" type="text" maxLength={maxTextLength} placeholder="people" autocomplete="off" />
          </label>
          <button type="submit" class="button">
            Add
          </button>
        </form>
      </div>
    </>
  );
}

function PictureButton() {
  const file = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="icon-button"
        aria-label="Search by a picture"
        title="Search by a picture: pick one, drop it here or paste it"
        onClick={() => file.current?.click()}
      >
        <Icon name="picture" />
      </button>
      <input
        ref={file}
        class="visually-hidden"
        type="file"
        accept="image/*"
        aria-label="Picture to search by"
        tabIndex={-1}
        onChange={(event) => {
          const picked = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          if (picked) searchByPicture(picked, picked.name).catch(report);
        }}
      />
    </>
  );
}

/** `/` goes to the search field from anywhere. */
function useSlashKey(input: { current: HTMLInputElement | null }): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== '/' || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
        return;
      if (document.querySelector('dialog[open]')) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
