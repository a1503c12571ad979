import { languageName, t } from '../i18n/translate.ts';
import { changeQuery, query } from '../state/navigation.ts';
import { results } from '../state/results.ts';
import { Select } from './select.tsx';

/**
 * Shows the language the query was read in and lets the user change it. Hidden for those who use only English, in the
 * browser and in the query.
 */
export function SpokenLanguage() {
  const { lang } = query.value;
  const read = results.value?.query === query.value ? results.value.language : undefined;
  // Text that is probably not English, in no known language: not a choice anyone would make.
  const found = read === 'und' ? undefined : read;
  const own = navigator.languages.map((tag) => tag.split('-')[0]!);
  const choices = new Set(['en', ...own, ...(found ? [found] : []), ...(lang === undefined ? [] : [lang])]);
  if (results.value?.language === undefined || choices.size === 1) return null;
  const isFound = lang === undefined && found;
  const automatic = isFound ? t('results.languageFound', { language: languageName(found) }) : t('results.languageAuto');
  return (
    <Select
      isQuiet
      label={t('results.language')}
      options={[['', automatic], ...[...choices].map((choice) => [choice, languageName(choice)] as const)]}
      chosen={lang ?? ''}
      choose={(chosen) => changeQuery({ lang: chosen || undefined })}
    />
  );
}
