import { t } from '../i18n/translate.ts';
import { changeQuery, query } from '../state/navigation.ts';
import { results } from '../state/results.ts';
import { Icon } from './icon.tsx';

/** What the words say beside what is looked for. Each can be taken back: then its words are only words. */
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

/** Puts words of the query into quotes, which keep them as they are. */
function takeLiterally(words: string): void {
  const quoted = (text: string) => text.replace(words, () => `"${words.replaceAll('"', '')}"`);
  const { text, chips } = query.value;
  if (text.includes(words)) return void changeQuery({ text: quoted(text) });
  const at = chips.findIndex((chip) => chip.by === 'text' && chip.weight > 0 && chip.text.includes(words));
  changeQuery({
    chips: chips.map((chip, i) => (i === at && chip.by === 'text' ? { ...chip, text: quoted(chip.text) } : chip)),
  });
}
