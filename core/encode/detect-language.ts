/**
 * Which language a text is in, by its letters, by the words that the first text side knows, and by a detector that is
 * loaded when those two do not decide it.
 */

/** What a language is found out by, beside the text. */
export interface Clues {
  /** ISO 639-1 codes of the languages that the caller reads, best first. */
  readonly preferred: readonly string[];
  /** Which share of these words, in lower case, are whole tokens of an English text encoder; 0 to 1. */
  englishShare(words: readonly string[]): Promise<number>;
}

export interface Guess {
  /** ISO 639-1; {@link UNNAMED} for one that is hardly English; null when nothing says. */
  readonly language: string | null;
  /** Another language that it may be as well, or null. */
  readonly also: string | null;
}

/** What callers name a language by: `auto`, or a tag such as de or pt-BR (BCP 47). */
export const LANGUAGE_TAG = /^(auto|[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3})$/;

/** The ISO 639-1 code of a tag, or `auto`; what stands behind it, as in pt-BR, makes no difference. */
export function languageOfTag(tag: string): string {
  return tag.split('-')[0]!.toLowerCase();
}

/** ISO 639's code for a language that nobody can name. */
export const UNNAMED = 'und';
const UNDECIDED: Guess = { language: null, also: null };
const ENGLISH: Guess = { language: 'en', also: null };

/** Scripts with the languages that are written in them, the one with the most readers first. */
const SCRIPTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/[\p{sc=Hiragana}\p{sc=Katakana}]/gu, ['ja']],
  [/\p{sc=Han}/gu, ['zh', 'ja']],
  [/\p{sc=Hangul}/gu, ['ko']],
  [/\p{sc=Arabic}/gu, ['ar', 'fa', 'ur']],
  [/\p{sc=Cyrillic}/gu, ['ru', 'uk', 'bg', 'sr', 'be', 'mk', 'kk', 'mn']],
  [/\p{sc=Devanagari}/gu, ['hi', 'mr', 'ne']],
  [/\p{sc=Greek}/gu, ['el']],
  [/\p{sc=Hebrew}/gu, ['he']],
  [/\p{sc=Thai}/gu, ['th']],
  [/\p{sc=Bengali}/gu, ['bn']],
  [/\p{sc=Tamil}/gu, ['ta']],
  [/\p{sc=Telugu}/gu, ['te']],
  [/\p{sc=Gujarati}/gu, ['gu']],
  [/\p{sc=Kannada}/gu, ['kn']],
  [/\p{sc=Malayalam}/gu, ['ml']],
  [/\p{sc=Gurmukhi}/gu, ['pa']],
  [/\p{sc=Georgian}/gu, ['ka']],
  [/\p{sc=Armenian}/gu, ['hy']],
  [/\p{sc=Ethiopic}/gu, ['am']],
];
const NOT_LATIN = new Set(SCRIPTS.flatMap(([, languages]) => languages));

/** Names of people and brands are in Latin letters in any script; a word of Chinese has few letters. */
const SCRIPT_SHARE = 1 / 4;
/** Texts of so few words tell a detector next to nothing. */
const SHORT = 2;
/** So many of its words are English in one caption of a thousand in French, and in fewer in other languages. */
const SURELY_ENGLISH = 0.9;
/** Measured on captions: see docs/decisions/0049-which-side-answers.md. */
const SHARE_WEIGHT = 0.5;
const USUAL_SHARE = 0.7;
/** The difference of a detector's scores, of 1, that a preference makes up for in a short text. */
const PREFERENCE = 0.15;
/** With less of a lead over the next language a detector names short texts wrongly more often than rightly. */
const LEAD = 0.05;

/** A guess at the language of a text. */
export async function guessLanguage(text: string, clues: Clues): Promise<Guess> {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return UNDECIDED;
  const found = SCRIPTS.map(([script, languages]) => ({ languages, letters: text.match(script)?.length ?? 0 }));
  // Kana stand among Han in Japanese, and nowhere else.
  const [kana, han] = found;
  if (kana!.letters > 0 && (kana!.letters + han!.letters) / letters >= SCRIPT_SHARE) {
    return { language: 'ja', also: null };
  }
  const most = found.reduce((a, b) => (b.letters > a.letters ? b : a));
  if (most.letters / letters >= SCRIPT_SHARE) return ofScript(text, most.languages, clues.preferred);
  return latin(text, clues);
}

async function ofScript(text: string, languages: readonly string[], preferred: readonly string[]): Promise<Guess> {
  const wanted = preferred.find((language) => languages.includes(language));
  if (languages.length === 1 || languages.includes('zh')) return { language: wanted ?? languages[0]!, also: null };
  const ranked = byScore(await detect(text)).filter(([language]) => languages.includes(language));
  const isShort = wordsOf(text).length <= SHORT;
  const [usual] = languages;
  return { language: likeliest(ranked, { isShort, wanted, close: usual!, none: usual! }), also: null };
}

async function latin(text: string, { preferred, englishShare }: Clues): Promise<Guess> {
  const words = wordsOf(text);
  const share = await englishShare(words);
  const isShort = words.length <= SHORT;
  const wanted = preferred.find((language) => !NOT_LATIN.has(language)) ?? 'en';
  if (share >= SURELY_ENGLISH && (!isShort || wanted === 'en')) return ENGLISH;
  const scores = await detect(text);
  if (isShort && wanted !== 'en' && scores.has(wanted)) scores.set(wanted, scores.get(wanted)! + PREFERENCE);
  const english = scores.get('en') ?? 0;
  scores.delete('en');
  const ranked = byScore(scores);
  const [best] = ranked;
  // No detector knows it, and neither does English: a word such as "Katze", or a name.
  const none = preferred.includes('en') ? null : UNNAMED;
  const other = likeliest(ranked, { isShort, wanted: wanted === 'en' ? undefined : wanted, close: UNNAMED, none });
  const isEnglish = english - (best?.[1] ?? 0) + SHARE_WEIGHT * (share - USUAL_SHARE) > 0;
  if (!isShort) return { language: isEnglish ? 'en' : other, also: null };
  if (share === 1 ? isEnglish || (best?.[0] ?? 'en') !== wanted : isEnglish) return { language: 'en', also: other };
  // Pieces of a word that the English side does not know find anything: "Hund" a mountain path.
  return { language: other, also: share === 1 || wanted === 'en' ? 'en' : null };
}

type Ranked = readonly (readonly [language: string, score: number])[];

interface Otherwise<N> {
  readonly isShort: boolean;
  /** The language of who asks. */
  readonly wanted: string | undefined;
  /** What to say where several languages are about as likely, and where there is none. */
  readonly close: string;
  readonly none: N;
}

/** A short text that may be in the language of who asks, or in any, rather is. */
function likeliest<N>(ranked: Ranked, { isShort, wanted, close, none }: Otherwise<N>): string | N {
  const [best, next] = ranked;
  if (best === undefined) return wanted ?? none;
  const isClose = isShort && best[1] - (next?.[1] ?? 0) < LEAD;
  const mayBe = isClose || (isShort && ranked.some(([language]) => language === wanted));
  if (mayBe && wanted !== undefined) return wanted;
  return isClose ? close : best[0];
}

function byScore(scores: ReadonlyMap<string, number>): Ranked {
  return [...scores].sort((a, b) => b[1] - a[1]);
}

function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{M}]+/gu) ?? []
  );
}

/** Scores of Latin and other languages, 0 to 1; languages that it cannot be are absent. */
async function detect(text: string): Promise<Map<string, number>> {
  const { eld } = await import('eld/small');
  return new Map(Object.entries(eld.detect(text).getScores()));
}
