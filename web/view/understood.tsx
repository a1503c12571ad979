import { t } from '../i18n/translate.ts';
import type { Query } from '../route.ts';
import { changeQuery, query, route, urlOf } from '../state/navigation.ts';
import { results } from '../state/results.ts';
import { Icon } from './icon.tsx';
import { Marked } from './inline-markup.tsx';
import { inPlace } from './link-in-page.ts';

/** Filters found in the query text. Each can be undone: its words are then searched for as plain text. */
export function UnderstoodChips() {
  const shown = results.value;
  if (shown?.understood === undefined || shown.query !== query.value) return null;
  const { without, colours } = shown.understood;
  const chips = [
    ...colours.map(({ colour, words }) => ({ label: t(`colour.${colour}`), words })),
    ...without.map(({ text, words }) => ({ label: t('understood.without', { what: text }), words })),
  ];
  return (
    <ul class="active-filters" aria-label={t('understood.title')}>
      {chips.map(({ label, words }) => (
        <li key={label}>
          <button
            type="button"
            class="option"
            aria-label={t('understood.takeBack', { label, words })}
            title={t('understood.takeBack', { label, words })}
            onClick={() => takeLiterally(words)}
          >
            {label}
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Quotes words of the query, so that they are taken literally. */
function takeLiterally(words: string): void {
  const quoted = (text: string) => text.replace(words, () => `"${words.replaceAll('"', '')}"`);
  const { text, chips } = query.value;
  if (text.includes(words)) return void changeQuery({ text: quoted(text) });
  const at = chips.findIndex((chip) => chip.by === 'text' && chip.weight > 0 && chip.text.includes(words));
  changeQuery({
    chips: chips.map((chip, i) => (i === at && chip.by === 'text' ? { ...chip, text: quoted(chip.text) } : chip)),
  });
}

/** Link to the suggested correction. */
export function DidYouMean() {
  const shown = results.value;
  if (shown?.didYouMean === undefined || shown.query !== query.value) return null;
  const meant = inOtherWords(shown.query, shown.didYouMean);
  return (
    <p class="warning" role="status">
      <Icon name="search" />
      <a href={urlOf({ ...route.value, query: meant })} onClick={inPlace(() => changeQuery(meant))}>
        <Marked text={t('results.didYouMean', { words: shown.didYouMean })} />
      </a>
    </p>
  );
}

/** Replaces the query's single text, in the field or in a term. */
function inOtherWords(asked: Query, words: string): Query {
  if (asked.text.trim() !== '') return { ...asked, text: words };
  const chips = asked.chips.map((chip) => (chip.by === 'text' && chip.weight > 0 ? { ...chip, text: words } : chip));
  return { ...asked, chips };
}
