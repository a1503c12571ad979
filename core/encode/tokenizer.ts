import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers';
import { SightlineError } from '../errors.ts';
import { readModelJson } from './model-json.ts';

/** The only user of the tokenizer library: turns texts into token ids, truncated for the model. */

export interface Tokenizer {
  /**
   * Ids with the special tokens at both ends, at most `maxTokens`. Any string is valid, even '' and malformed ones.
   */
  encode(text: string): number[];
  /** Whether any part of a text has a token. */
  knows(text: string): boolean;
  /** The id of the single token of a lower-case word, with its accents, or null; common words have lower ids. */
  wordRank(word: string): number | null;
  /** The padding token of tokenizer_config.json; null when it has none. */
  readonly padId: number | null;
}

/** The files of a tokenizer, and its expected properties. */
export interface TokenizerFiles {
  readonly tokenizer: string;
  /** tokenizer_config.json */
  readonly config: string;
  /** Including the special tokens. */
  readonly maxTokens: number;
  readonly vocabulary: Vocabulary;
}

/** Number of ids of a tokenizer, and the ids at both ends of a text; null for none. */
export interface Vocabulary {
  readonly size: number;
  readonly start: number | null;
  readonly end: number | null;
}

/**
 * No language has more combining marks in a row (Unicode UAX #15, Stream-Safe Text Format). Normalisation sorts them in
 * quadratic time: 100,000 took 5 s. BERT's normaliser drops them all anyway.
 */
const EXCESS_MARKS = /(\p{M}{30})\p{M}+/gu;

/** The text as well-formed Unicode, without excessive marks. */
export function withoutExcessMarks(text: string): string {
  return text.toWellFormed().replace(EXCESS_MARKS, '$1');
}

/** UTF-16 units of a long text to tokenize first; enough for any 256 tokens of ordinary language. */
const FIRST_WINDOW = 4096;
const WINDOW_GROWTH = 4;

/**
 * Loads a tokenizer from tokenizer.json and tokenizer_config.json.
 * @throws {model-mismatch} when they are not a tokenizer, or have another vocabulary
 */
export async function loadTokenizer(files: TokenizerFiles): Promise<Tokenizer> {
  const json = await readJson(files.tokenizer);
  const config = await readJson(files.config);
  let inner: HfTokenizer;
  try {
    inner = new HfTokenizer(json, config);
    if (inner.encode('a').ids.length < 1) throw new Error('it makes no tokens');
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw new SightlineError(
      'model-mismatch',
      `${files.tokenizer}: expected a tokenizer, got ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  // Special tokens after the text survive truncation.
  const { ends, ...found } = vocabularyOf(inner, json);
  checkVocabulary(files.tokenizer, files.vocabulary, found);
  const encode = (text: string) => inner.encode(text).ids;
  const cuttable = splitsAtSpaces(json);
  const unknown = unknownIdOf(inner, json);
  return {
    padId: padIdOf(inner, config),
    // Without a token for the unknown, a tokenizer falls back to bytes, and knows everything.
    knows: (text) => {
      const bare = inner.encode(text.slice(0, FIRST_WINDOW).toWellFormed(), { add_special_tokens: false }).ids;
      return unknown === null || bare.some((id: number) => id !== unknown);
    },
    wordRank(word) {
      const { ids, tokens } = inner.encode(word, { add_special_tokens: false });
      return ids.length === 1 && ids[0] !== unknown && tokens[0]!.endsWith(word) ? ids[0]! : null;
    },
    encode(text) {
      const clean = withoutExcessMarks(text);
      const ids = cuttable ? encodeStart(clean, files.maxTokens, encode) : encode(clean);
      return ids.length <= files.maxTokens
        ? ids
        : [...ids.slice(0, files.maxTokens - ends), ...ids.slice(ids.length - ends)];
    },
  };
}

/**
 * Tokenizes only as much of a long text as its first `maxTokens` tokens need. A cut is made only in front of an ASCII
 * space, tab or line break: BERT's pre-tokenizer ends words there, no special token contains one, and neither case
 * folding nor normalisation looks across, so the tokens of such a prefix are the first tokens of the whole text. If a
 * prefix gives too few tokens (many characters give none) a longer one is tried; the total work stays linear.
 */
function encodeStart(text: string, maxTokens: number, encode: (text: string) => number[]): number[] {
  for (let window = FIRST_WINDOW; window < text.length; window *= WINDOW_GROWTH) {
    const cut = lastSpace(text, window);
    if (cut <= 0) continue;
    const ids = encode(text.slice(0, cut));
    if (ids.length > maxTokens) return ids;
  }
  return encode(text);
}

function lastSpace(text: string, before: number): number {
  let at = before;
  while (at > 0 && !' \t\n\r'.includes(text[at]!)) at--;
  return at;
}

/** Whether the reasoning of {@link encodeStart} applies; other tokenizers take the whole text. */
function splitsAtSpaces(json: unknown): boolean {
  const { pre_tokenizer: preTokenizer, added_tokens: addedTokens } = json as {
    pre_tokenizer?: { type?: string } | null;
    added_tokens?: { content: string; lstrip?: boolean; rstrip?: boolean }[];
  };
  return (
    preTokenizer?.type === 'BertPreTokenizer' &&
    (addedTokens ?? []).every((token) => !/\s/.test(token.content) && !token.lstrip && !token.rstrip)
  );
}

/** The vocabulary, and the number of special tokens after a text. */
function vocabularyOf(tokenizer: HfTokenizer, json: object): Vocabulary & { readonly ends: number } {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const full = tokenizer.encode('a').ids;
  const ends = Math.max(0, full.length - full.lastIndexOf(bare.at(-1) ?? -1) - 1);
  const starts = full.length - ends - bare.length;
  return {
    size: highestId(json) + 1,
    start: starts > 0 ? (full[0] ?? null) : null,
    end: ends > 0 ? (full.at(-1) ?? null) : null,
    ends,
  };
}

/** WordPiece and BPE store ids by token, Unigram its tokens in the order of their ids. */
function highestId(json: object): number {
  const { model, added_tokens: added = [] } = json as {
    model?: { vocab?: Readonly<Record<string, number>> | readonly unknown[] };
    added_tokens?: readonly { id: number }[];
  };
  const vocab = model?.vocab ?? [];
  let highest = Array.isArray(vocab) ? vocab.length - 1 : -1;
  if (!Array.isArray(vocab)) for (const id of Object.values(vocab)) highest = Math.max(highest, id as number);
  for (const { id } of added) highest = Math.max(highest, id);
  return highest;
}

/**
 * @throws {model-mismatch} for a tokenizer with another vocabulary
 */
export function checkVocabulary(path: string, expected: Vocabulary, got: Vocabulary): void {
  if (expected.size === got.size && expected.start === got.start && expected.end === got.end) return;
  const say = ({ size, start, end }: Vocabulary) =>
    `${size} tokens, ${start ?? 'none'} before and ${end ?? 'none'} behind a text`;
  throw new SightlineError(
    'model-mismatch',
    `${path}: expected the tokenizer of this model (${say(expected)}), got one of another vocabulary (${say(got)})`,
    { details: { file: path, expected: say(expected), got: say(got) } },
  );
}

function unknownIdOf(tokenizer: HfTokenizer, json: object): number | null {
  const { model } = json as { model?: { unk_token?: string | null; unk_id?: number | null } };
  if (typeof model?.unk_token === 'string') return tokenizer.token_to_id(model.unk_token) ?? null;
  return model?.unk_id ?? null;
}

function padIdOf(tokenizer: HfTokenizer, config: object): number | null {
  const { pad_token: token } = config as { pad_token?: string | { content?: string } | null };
  const text = typeof token === 'object' ? token?.content : token;
  return text === undefined ? null : (tokenizer.token_to_id(text) ?? null);
}

/**
 * A JSON object.
 * @throws {model-mismatch}
 */
export async function readJson(path: string): Promise<object> {
  const parsed = await readModelJson(path);
  if (typeof parsed !== 'object' || parsed === null) {
    throw new SightlineError('model-mismatch', `${path}: expected a JSON object, got ${JSON.stringify(parsed)}`);
  }
  return parsed;
}
