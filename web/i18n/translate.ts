import { computed, signal } from '@preact/signals';
import { en, type Key, type Message, type Texts } from './en.ts';

/** The texts of the page: which languages there are, and a text by its key in the one that is shown. */

/** The page's languages, by their own names. English comes with the page, each of the others when it is needed. */
export const languages = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', zh: '简体中文' } as const;
export type Language = keyof typeof languages;

type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<K extends Key> = (typeof en)[K] extends { readonly other: infer Text }
  ? Names<Text> | 'count'
  : Names<(typeof en)[K]>;
/** A text that is not filled with anything. */
export type PlainKey = { readonly [K in Key]: [NamesOf<K>] extends [never] ? K : never }[Key];
/** What a text is filled with; numbers are written the way of its language. */
type Values<K extends Key> = [NamesOf<K>] extends [never]
  ? []
  : [{ readonly [Name in NamesOf<K>]: Name extends 'count' ? number : string | number }];

const loaders: Readonly<Record<Exclude<Language, 'en'>, () => Promise<Texts>>> = {
  de: () => import('./de.ts').then(({ de }) => de),
  fr: () => import('./fr.ts').then(({ fr }) => fr),
  es: () => import('./es.ts').then(({ es }) => es),
  zh: () => import('./zh.ts').then(({ zh }) => zh),
};

const texts = signal<Texts>(en);
/** The BCP 47 tag by which texts, numbers and dates are written: a language, perhaps with the reader's region. */
export const locale = signal('en');
const plurals = computed(() => new Intl.PluralRules(locale.value));
const counts = computed(() => new Intl.NumberFormat(locale.value));

/** Shows the page in a language. Rejects when its texts cannot be loaded; the page stays as it was then. */
export async function translateTo(language: Language, tag: string = language): Promise<void> {
  texts.value = language === 'en' ? en : await loaders[language]();
  locale.value = tag;
}

/** A text in the language of the page; read in a component, it follows when another one is chosen. */
export function t<K extends Key>(key: K, ...[values]: Values<K>): string {
  const message: Message = texts.value[key];
  const filling: Readonly<Record<string, string | number>> = values ?? {};
  const text =
    typeof message === 'string'
      ? message
      : (message[plurals.value.select(Number(filling.count)) as 'other'] ?? message.other);
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = filling[name]!;
    return typeof value === 'number' ? formatCount(value) : value;
  });
}

/** What a language is called in the language of the page. */
export function languageName(code: string): string {
  return new Intl.DisplayNames(locale.value, { type: 'language' }).of(code) ?? code;
}

export function formatCount(count: number): string {
  return counts.value.format(count);
}
