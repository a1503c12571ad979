import { signal } from '@preact/signals';
import { type Language, languages, translateTo } from '../i18n/translate.ts';
import { readStorage, writeStorage } from './local-storage.ts';

const name = 'sightline-language';

/** The chosen language, or 'auto' for the browser's. */
export type LanguageSetting = Language | 'auto';

export const language = signal<LanguageSetting>(asLanguage(readStorage(() => localStorage, name)) ?? 'auto');

/** Switches the page to another language and remembers it. Rejects if its texts cannot be loaded. */
export async function setLanguage(value: LanguageSetting): Promise<void> {
  await show(value);
  language.value = value;
  writeStorage(() => localStorage, name, value === 'auto' ? '' : value);
}

/** The initial language; English if its texts cannot be loaded. */
export async function startLanguage(): Promise<void> {
  await show(language.value).catch(() => {});
}

async function show(value: LanguageSetting): Promise<void> {
  const tags = navigator.languages.map((tag) => ({ tag, language: asLanguage(tag.split('-')[0]) }));
  const shown = value === 'auto' ? (tags.find((one) => one.language)?.language ?? 'en') : value;
  // Dates and numbers follow the reader's own region; the Chinese texts use simplified characters.
  const tag = shown === 'zh' ? 'zh-Hans' : (tags.find((one) => one.language === shown)?.tag ?? shown);
  await translateTo(shown, tag);
  document.documentElement.lang = tag;
}

function asLanguage(value: string | undefined): Language | undefined {
  return value !== undefined && Object.hasOwn(languages, value) ? (value as Language) : undefined;
}
