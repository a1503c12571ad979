import { FIELDS, fieldValue } from '../picture-fields.ts';
import type { Payload } from '../types.ts';

/**
 * Splits names and queries into words, the same way for both stores: case and accents are folded, letters and digits
 * are split, each ideograph and kana is its own word. `IMG_0504.JPG` is img, 0504, 504 and jpg.
 */

/** Fields whose words are searched. Words of tags are stored separately, because tags change on their own. */
const NAMED_FIELDS = FIELDS.filter(({ named }) => named !== undefined);

/** Why a point is found: the place where the query's words occur, or `meaning`. */
export const REASONS = ['name', 'folder', 'tag', 'camera', 'keyword', 'caption', 'meaning'] as const;
export type Reason = (typeof REASONS)[number];

/** Maximum words kept per point, and characters per word. */
const MAX_WORDS = 250;
const MAX_LENGTH = 32;
/** A query with more words is a sentence, not a name. */
export const MAX_QUERY_WORDS = 8;
/** Shorter prefixes would match nearly everything. */
export const MIN_BEGINNING = 2;
/** Suffix of a query word that also matches as a prefix. */
export const BEGINNING = '*';

const IDEOGRAPH = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;
const WORD = /\p{N}+|[\p{L}\p{M}]+/gu;
/** Latin letters that Unicode does not decompose. */
const LETTERS: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ı: 'i' };

/** Stop words of English, German, French and Spanish. */
const BETWEEN = new Set(
  `a an and at by for from in is of on or the to with
  am an auf aus bei das dem den der des die ein eine einem einen einer fur im in ist mit oder und von vor zu zum zur
  au aux avec dans de des du en et la le les ou par pour sur un une
  al con del el en las los para por sin un una y`.split(/\s+/),
);

/** The words of a text in order, without duplicates. */
export function wordsOf(text: string): string[] {
  const folded = text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]+/g, '')
    .normalize('NFC')
    .replace(/[ßæœøłđı]/g, (letter) => LETTERS[letter]!)
    .replace(IDEOGRAPH, ' $& ');
  return [...new Set(Array.from(folded.matchAll(WORD), ([word]) => Array.from(word).slice(0, MAX_LENGTH).join('')))];
}

/** The same for stored text, where numbers are also found without leading zeros. */
function storedWordsOf(text: string): string[] {
  return wordsOf(text).flatMap((word) => (/^0+\d/.test(word) ? [word, word.replace(/^0+(?=\d)/, '')] : [word]));
}

/** The names of a point, by where they occur. */
function namesOf(payload: Payload): { readonly reason: Reason; readonly texts: readonly string[] }[] {
  const named = NAMED_FIELDS.filter(({ ofCaptions }) => payload.kind === 'image' || ofCaptions).map((field) => ({
    reason: field.named!,
    texts: [fieldValue(payload, field) ?? []].flat() as string[],
  }));
  return payload.kind === 'caption' ? [...named, { reason: 'caption', texts: [payload.caption] }] : named;
}

/** The words that a point is found by, except those of its tags. */
export function ownWords(payload: Payload): string[] {
  const texts = namesOf(payload).flatMap(({ reason, texts }) => (reason === 'tag' ? [] : texts));
  return [...new Set(texts.flatMap(storedWordsOf))].slice(0, MAX_WORDS);
}

/** The words that tags are found by. */
export function tagWords(tags: readonly string[]): string[] {
  return [...new Set(tags.flatMap(storedWordsOf))].slice(0, MAX_WORDS);
}

/** Where the words of a query occur in a point, in the order of {@link REASONS}. */
export function reasonsFor(payload: Payload, words: readonly string[]): Reason[] {
  const holds = (text: string) => storedWordsOf(text).some((word) => words.some(isFoundBy(word)));
  const found = namesOf(payload).flatMap(({ reason, texts }) => (texts.some(holds) ? [reason] : []));
  return REASONS.filter((reason) => found.includes(reason));
}

/** Whether it is one word as {@link wordsOf} makes it, perhaps a prefix. */
export function isQueryWord(word: string): boolean {
  const bare = word.endsWith(BEGINNING) ? word.slice(0, -1) : word;
  return wordsOf(bare).join() === bare && (bare === word || Array.from(bare).length >= MIN_BEGINNING);
}

const isFoundBy = (word: string) => (asked: string) =>
  asked.endsWith(BEGINNING) ? word.startsWith(asked.slice(0, -1)) : word === asked;

/** The words of a query to look for in names: without stop words; empty for a whole sentence. */
export function queryWords(texts: readonly string[]): string[] {
  const words = wordsOf(texts.join(' '));
  const telling = words.filter((word) => !BETWEEN.has(word));
  const asked = telling.length > 0 ? telling : words;
  return asked.length <= MAX_QUERY_WORDS ? asked : [];
}
