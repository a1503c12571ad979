import type { Embedder, Filter, VectorStore } from '../ports.ts';
import { editDistance, wordsNextTo } from '../util/edit-distance.ts';
import { BEGINNING, ownWords, tagWords, wordsOf } from './lexical-terms.ts';

/**
 * Suggests corrections for unknown words: the nearest words in names of pictures, in the captions that the head was
 * trained on, and in the English vocabulary of both encoders (docs/decisions/0026-words-people-type.md).
 */

interface SpellingDeps {
  readonly embedder: Pick<Embedder, 'hasWord' | 'wordRanks' | 'captionWords'>;
  readonly vectors: Pick<VectorStore, 'list' | 'count' | 'facet'>;
}

/** How a text was read. */
interface ReadAs {
  /** ISO 639-1; null when unknown. */
  readonly language: string | null;
  /** Languages that the caller reads. */
  readonly preferred: readonly string[];
}

/** Shorter words have too many neighbours. Characters. */
const LEAST_LENGTH = 4;
const MOST_LENGTH = 24;
/** The language of so few words is a guess; a language that the caller does not read is a wrong guess. */
const FEW_WORDS = 2;
/** Maximum words of a query that are checked. */
const MOST_WORDS = 8;
/** Maximum folders and tags whose words are considered, most frequent first. */
const MOST_FREQUENT = 300;
/**
 * Maximum pictures whose names are considered, of those that begin like the word: in order of ids, so a random sample.
 */
const MOST_NAMED = 100;

export const WORD = /[\p{L}\p{M}]+/gu;
/** Scripts that are written without spaces, or with input methods that offer only whole words. */
const UNSPELLED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}]/u;

/** The text with each unknown word replaced by the nearest known one; null when nothing is replaced. */
export async function respelled(
  deps: SpellingDeps,
  text: string,
  { language, preferred }: ReadAs,
): Promise<string | null> {
  const all = text.match(WORD) ?? [];
  const words = [...new Set(all)].slice(0, MOST_WORDS).filter(isSpelled);
  const isGuess = all.length <= FEW_WORDS && language !== null && !preferred.includes(language);
  const spoken = language === null || isGuess ? 'en' : language;
  // When the language is a guess, a word of any of them is meant as it is: "roter Ball" is no "roger ball".
  const elsewhere = new Set(isGuess ? await deps.embedder.captionWords(null) : []);
  const unknown = words.filter((word) => !elsewhere.has(word.normalize('NFC').toLowerCase()));
  const nearest = await Promise.all(unknown.map((word) => nearestWord(deps, word, spoken)));
  const found = new Map(unknown.flatMap((word, i) => (nearest[i] == null ? [] : [[word, nearest[i]] as const])));
  return found.size === 0 ? null : text.replaceAll(WORD, (word) => found.get(word) ?? word);
}

/** Whether a word has letters to be mistaken, and few enough neighbours. */
export function isSpelled(word: string): boolean {
  return word.length >= LEAST_LENGTH && word.length <= MOST_LENGTH && !UNSPELLED.test(word);
}

/** The replacement; null for a known word, or when no known word is near. */
async function nearestWord(
  { embedder, vectors }: SpellingDeps,
  word: string,
  language: string,
): Promise<string | null> {
  const isEnglish = language === 'en';
  const lower = word.normalize('NFC').toLowerCase();
  const [folded = lower] = wordsOf(word);
  // German nouns have a capital letter, in vocabularies, too.
  const spellings = [lower, lower.charAt(0).toUpperCase() + lower.slice(1)];
  const known = await Promise.all(spellings.map((one) => embedder.hasWord(one)));
  const isNamed = isEnglish && (await embedder.wordRanks([lower]))[0] !== null;
  const captionWords = await embedder.captionWords(language);
  if (isNamed || known.includes(true) || captionWords.includes(lower) || (await vectors.count({ words: [folded] })) > 0)
    return null;
  const named = (await nearestFrequent(vectors, folded)) ?? (await nearestName(vectors, folded));
  if (named !== null && editDistance(folded, named) === 1) return named;
  const said = nearestOf(lower, captionWords);
  if (said !== null && editDistance(lower, said) === 1) return said;
  const common = isEnglish && /^[a-z]+$/.test(lower) ? await nearestCommonWord(embedder, lower) : null;
  return common ?? named;
}

/** How long words of folders and tags are cached: counting them takes longer than a search. */
const FRESH_MS = 60_000;
const frequentWords = new WeakMap<object, { readonly since: number; readonly words: Promise<Set<string>> }>();

/** The nearest word of folders and tags. */
async function nearestFrequent(vectors: SpellingDeps['vectors'], word: string): Promise<string | null> {
  const known = frequentWords.get(vectors);
  if (known !== undefined && performance.now() - known.since < FRESH_MS) return nearestOf(word, await known.words);
  const words = countWords(vectors);
  frequentWords.set(vectors, { since: performance.now(), words });
  words.catch(() => frequentWords.delete(vectors));
  return nearestOf(word, await words);
}

async function countWords(vectors: SpellingDeps['vectors']): Promise<Set<string>> {
  const fields = ['folder', 'tags'] as const;
  const values = await Promise.all(fields.map((field) => vectors.facet(field, {}, MOST_FREQUENT)));
  return new Set(values.flat().flatMap(({ value }) => wordsOf(value)));
}

/** The nearest word in names of pictures that begins with the first half of the word. */
async function nearestName(vectors: SpellingDeps['vectors'], word: string): Promise<string | null> {
  // Cut between characters, not within a surrogate pair.
  const characters = Array.from(word);
  for (let length = characters.length - 1; length >= Math.max(2, Math.floor(characters.length / 2)); length--) {
    const filter: Filter = { words: [`${characters.slice(0, length).join('')}${BEGINNING}`] };
    const { items } = await vectors.list({ filter, limit: MOST_NAMED, order: 'id' });
    const words = new Set(items.flatMap(({ payload }) => [...ownWords(payload), ...tagWords(payload.tags)]));
    const best = nearestOf(word, words);
    if (best !== null) return best;
  }
  return null;
}

/** The nearest word; null when all are further away than a typing slip. */
function nearestOf(word: string, words: Iterable<string>): string | null {
  let [best, least]: [string | null, number] = [null, word.length < 6 ? 2 : 3];
  for (const one of words) {
    const distance = one.length < LEAST_LENGTH - 1 ? least : editDistance(word, one);
    if (distance < least) [best, least] = [one, distance];
  }
  return best;
}

/** The most common word at one slip from it. */
async function nearestCommonWord(embedder: SpellingDeps['embedder'], word: string): Promise<string | null> {
  const next = [...wordsNextTo(word)].filter((one) => one.length >= LEAST_LENGTH - 1);
  const ranks = await embedder.wordRanks(next);
  let best: { word: string; rank: number } | null = null;
  for (const [i, rank] of ranks.entries()) {
    if (rank !== null && (best === null || rank < best.rank)) best = { word: next[i]!, rank };
  }
  return best?.word ?? null;
}
