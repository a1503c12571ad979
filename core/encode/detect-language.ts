/**
 * Detects the language of a text by its letters, by the words that the first text side knows, and if these do not
 * decide, by a detector loaded on demand.
 */

/** Clues to the language, in addition to the text. */
export interface Clues {
  /** ISO 639-1 codes of the languages that the caller reads, in order of preference. */
  readonly preferred: readonly string[];
  /** Share of these lower-case words that are single tokens of an English text encoder; 0 to 1. */
  englishShare(words: readonly string[]): Promise<number>;
}

export interface Guess {
  /** ISO 639-1; {@link UNNAMED} when unknown but hardly English; null when unknown. */
  readonly language: string | null;
  /** Another possible language, or null. */
  readonly also: string | null;
  /** Whether both are equally likely. @default false */
  readonly isOpen?: boolean;
}

/** A language as given by callers: `auto`, or a tag such as de or pt-BR (BCP 47). */
export const LANGUAGE_TAG = /^(auto|[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3})$/;

/** The ISO 639-1 code of a tag, or `auto`; the rest, as in pt-BR, is ignored. */
export function languageOfTag(tag: string): string {
  return tag.split('-')[0]!.toLowerCase();
}

/** ISO 639's code for an undetermined language. */
export const UNNAMED = 'und';
const UNDECIDED: Guess = { language: null, also: null };
const ENGLISH: Guess = { language: 'en', also: null };

/** Scripts with their languages, most readers first. */
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

/** Low, because names are in Latin letters in any script, and a Chinese word has few letters. */
const SCRIPT_SHARE = 1 / 4;
/** With so few words, a detector is nearly useless. */
const SHORT = 2;
/** One French caption in a thousand has this share of English words, and fewer in other languages. */
const SURELY_ENGLISH = 0.9;
/** Measured on captions: see docs/decisions/0049-which-side-answers.md. */
const SHARE_WEIGHT = 0.5;
const USUAL_SHARE = 0.7;
/** Bonus of a preferred language in a short text, on the detector's scale of 0 to 1. */
const PREFERENCE = 0.15;
/** With a smaller lead over the next language, a detector is more often wrong than right on short texts. */
const LEAD = 0.05;

const ASCII = /^\p{ASCII}*$/u;

/** What tells of no language: words with digits, such as IMG_0504, and names of files, such as cat.jpg. */
const NAMES = /\S*[\d_]\S*|\S+\.[a-z]{3,4}(?=\s|$)/giu;

/** A guess at the language of a text. */
export async function guessLanguage(text: string, clues: Clues): Promise<Guess> {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return UNDECIDED;
  const found = SCRIPTS.map(([script, languages]) => ({ languages, letters: text.match(script)?.length ?? 0 }));
  // Only Japanese mixes kana with Han.
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

async function latin(given: string, { preferred, englishShare }: Clues): Promise<Guess> {
  const text = given.replace(NAMES, '');
  const words = wordsOf(text);
  if (words.length === 0) return UNDECIDED;
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
  // Unknown to the detector and to English: a word such as "Katze", or a name. English has no accents.
  const none = preferred.includes('en') && ASCII.test(text) ? null : UNNAMED;
  const other = likeliest(ranked, { isShort, wanted: wanted === 'en' ? undefined : wanted, close: UNNAMED, none });
  const isEnglish = english - (best?.[1] ?? 0) + SHARE_WEIGHT * (share - USUAL_SHARE) > 0;
  if (!isShort) return { language: isEnglish ? 'en' : other, also: null };
  if (share === 1 ? isEnglish || (best?.[0] ?? 'en') !== wanted : isEnglish) return { language: 'en', also: other };
  // A name, a slip, or "gato" typed by somebody whose browser is in English.
  if (other === null) return { language: 'en', also: UNNAMED, isOpen: true };
  // If the English side splits an unknown word into pieces, it finds anything: for "Hund" a mountain path.
  return { language: other, also: share === 1 || wanted === 'en' ? 'en' : null };
}

type Ranked = readonly (readonly [language: string, score: number])[];

interface Otherwise<N> {
  readonly isShort: boolean;
  /** The caller's language. */
  readonly wanted: string | undefined;
  /** Results for several almost equally likely languages, and for none. */
  readonly close: string;
  readonly none: N;
}

/** The likeliest language; a short text is more likely to be in the caller's. */
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

/** Scores of languages, 0 to 1; impossible ones are absent. */
async function detect(text: string): Promise<Map<string, number>> {
  const { eld } = await import('eld/small');
  return new Map(Object.entries(eld.detect(text).getScores()));
}
