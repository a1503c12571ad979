import { languageName, t } from '../i18n/translate.ts';
import { changeQuery, query } from '../state/navigation.ts';
import { results } from '../state/results.ts';

/**
 * The language that the words were read in, to be changed. Who reads nothing but English and searches in it has no use
 * for it.
 */
export function SpokenLanguage() {
  const { lang } = query.value;
  const read = results.value?.query === query.value ? results.value.language : undefined;
  // Words that are hardly English and of no language that could be named; nobody would choose that.
  const found = read === 'und' ? undefined : read;
  const own = navigator.languages.map((tag) => tag.split('-')[0]!);
  const choices = new Set(['en', ...own, ...(found ? [found] : []), ...(lang === undefined ? [] : [lang])]);
  if (results.value?.language === undefined || choices.size === 1) return null;
  return (
    <select
      class="select-quiet"
      aria-label={t('results.language')}
      title={t('results.language')}
      value={lang ?? ''}
      onChange={({ currentTarget }) => changeQuery({ lang: currentTarget.value || undefined })}
    >
      <option value="">
        {lang === undefined && found
          ? t('results.languageFound', { language: languageName(found) })
          : t('results.languageAuto')}
      </option>
      {[...choices].map((choice) => (
        <option key={choice} value={choice}>
          {languageName(choice)}
        </option>
      ))}
    </select>
  );
}
