import { useState } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { maxTextLength } from '../route.ts';
import { changeQuery, query, typeText } from '../state/navigation.ts';
import { forgetQueries, type Suggestion, suggestions } from '../state/suggestions.ts';
import { Icon } from './icon.tsx';

interface SearchInputProps {
  readonly input: { current: HTMLInputElement | null };
  readonly submit: () => void;
}

/** Text field with suggestions. */
export function SearchInput({ input, submit }: SearchInputProps) {
  const list = useSuggestionList(submit);
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
        aria-label={t('search.field')}
        aria-expanded={list.isShown}
        aria-controls="suggestions"
        aria-autocomplete="list"
        aria-activedescendant={list.isShown && list.active >= 0 ? optionId(list.active) : undefined}
        placeholder={t(query.value.chips.length > 0 ? 'search.placeholderMore' : 'search.placeholder')}
        value={query.value.text}
        onInput={(event) => {
          list.open();
          typeText(event.currentTarget.value);
        }}
        onClick={list.open}
        onBlur={list.close}
        onKeyDown={list.onKeyDown}
      />
      <div
        id="suggestions"
        role="listbox"
        aria-label={t('search.suggestions')}
        class="suggestions"
        hidden={!list.isShown}
      >
        {list.isShown ? <Options active={list.active} take={list.take} /> : null}
      </div>
    </div>
  );
}

const optionId = (at: number) => `suggestion-${at}`;

/** Options below the field: suggestions, and an entry that clears the search history. */
function choices(): (Suggestion | 'forget')[] {
  const options = suggestions.value;
  return options.some(({ kind }) => kind === 'recent') ? [...options, 'forget'] : [...options];
}

/** State of the list: whether it is open, and the active option; -1 for the field itself. */
function useSuggestionList(submit: () => void) {
  const [isOpen, setIsOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const options = choices();
  const isShown = isOpen && options.length > 0;
  const show = (shown: boolean) => {
    setIsOpen(shown);
    setActive(-1);
  };
  const take = (option: Suggestion | 'forget') => {
    show(option === 'forget');
    takeSuggestion(option);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Escape' && isShown) show(false);
    else if (step !== 0 && options.length > 0) {
      setIsOpen(true);
      const stops = options.length + 1;
      setActive(((active + step + 1 + stops) % stops) - 1);
    } else if (event.key === 'Enter') {
      const option = isShown ? options[active] : undefined;
      if (option === undefined) submit();
      else takeSuggestion(option);
      show(false);
    } else {
      if (event.key === 'Backspace' && query.value.text === '') changeQuery({ chips: query.value.chips.slice(0, -1) });
      return;
    }
    event.preventDefault();
  };
  return { isShown, active, open: () => show(true), close: () => show(false), take, onKeyDown };
}

function takeSuggestion(option: Suggestion | 'forget'): void {
  const { filter } = query.value;
  if (option === 'forget') forgetQueries();
  else if (option.kind === 'recent') changeQuery({ text: option.text });
  else changeQuery({ text: '', filter: { ...filter, tagsAll: [...(filter.tagsAll ?? []), option.tag.tag] } });
}

/** What a tag's count refers to. */
const nouns = { image: 'pictures', caption: 'captions', any: 'items' } as const;

function Options({ active, take }: { active: number; take: (option: Suggestion | 'forget') => void }) {
  return choices().map((option, at) => (
    <button
      type="button"
      tabIndex={-1}
      key={
        option === 'forget' ? 'forget' : option.kind === 'recent' ? `recent:${option.text}` : `tag:${option.tag.tag}`
      }
      id={optionId(at)}
      role="option"
      aria-selected={at === active}
      class={option === 'forget' ? 'suggestion suggestion-forget' : 'suggestion'}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => take(option)}
    >
      {option === 'forget' ? t('search.forget') : <OptionFace option={option} />}
    </button>
  ));
}

function OptionFace({ option }: { option: Suggestion }) {
  if (option.kind === 'recent') {
    return (
      <>
        <Icon name="undo" />
        <span>{option.text}</span>
      </>
    );
  }
  return (
    <>
      <Icon name="tag" />
      <span>{option.tag.tag}</span>
      <small>{t(nouns[query.value.kind], { count: option.tag.count })}</small>
    </>
  );
}
