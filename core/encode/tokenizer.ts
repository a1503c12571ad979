import { readFile } from 'node:fs/promises';
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers';
import { SightlineError } from '../errors.ts';

/** The one door to the tokenizer library: texts to token ids, truncated as the model wants them. */

export interface Tokenizer {
  /** Ids with the special tokens at both ends, at most `maxTokens` of them. Any string is fine, also '' and broken ones. */
  encode(text: string): number[];
}

/**
 * More combining marks in a row are in no language (Unicode UAX #15, Stream-Safe Text Format). Sorting them, which
 * normalisation does, takes quadratic time: 100,000 took 5 s. BERT's normaliser drops them all anyway.
 */
const EXCESS_MARKS = /(\p{M}{30})\p{M}+/gu;

/** UTF-16 units that are tokenized first of a long text; enough for any 256 tokens of ordinary language. */
const FIRST_WINDOW = 4096;
const WINDOW_GROWTH = 4;

/**
 * Loads a tokenizer from tokenizer.json and tokenizer_config.json. Throws `model-mismatch` when they are no tokenizer.
 */
export async function loadTokenizer(files: {
  tokenizer: string;
  config: string;
  /** Including the special tokens. */
  maxTokens: number;
}): Promise<Tokenizer> {
  const json = await readJson(files.tokenizer);
  let inner: HfTokenizer;
  try {
    inner = new HfTokenizer(json, await readJson(files.config));
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
  // Special tokens behind the text: they survive truncation.
  const ends = trailingTokens(inner);
  const encode = (text: string) => inner.encode(text).ids;
  const cuttable = splitsAtSpaces(json);
  return {
    encode(text) {
      const clean = text.toWellFormed().replace(EXCESS_MARKS, '$1');
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
 * folding nor normalisation looks across, so the tokens of such a prefix are the first tokens of the whole text. When a
 * prefix makes too few tokens (many characters make none) a longer one is tried; the sum of the work stays linear.
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

/** Only for these is the argument of {@link encodeStart} true; others tokenize the whole text. */
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

function trailingTokens(tokenizer: HfTokenizer): number {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const full = tokenizer.encode('a').ids;
  return Math.max(0, full.length - full.lastIndexOf(bare.at(-1) ?? -1) - 1);
}

async function readJson(path: string): Promise<object> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SightlineError('model-mismatch', `${path}: expected JSON, got ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (typeof parsed !== 'object' || parsed === null) {
    throw new SightlineError('model-mismatch', `${path}: expected a JSON object, got ${JSON.stringify(parsed)}`);
  }
  return parsed;
}
