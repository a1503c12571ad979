import { readFile } from 'node:fs/promises';
import { SightlineError } from '../errors.ts';
import { checkVocabulary, readJson, type Tokenizer, type TokenizerFiles, withoutExcessMarks } from './tokenizer.ts';

/**
 * SentencePiece's unigram tokenizer (Kudo 2018, "Subword Regularization"), for large multilingual vocabularies: as
 * tokenizer.json one has 10 MB and takes most of a second to load, as pieces and scores 2 MB and far less time.
 *
 * The file: a count (uint32), that many scores (float32, both little endian), then the pieces in UTF-8, one per line,
 * in order of ids.
 */

/** File name suffix. */
export const UNIGRAM_SUFFIX = '.unigram';

/** Replaces the space before a word. */
const SPACE = '\u2581';
/** Penalty of an unknown character relative to the rarest piece (SentencePiece, kUnkPenalty). */
const UNKNOWN_PENALTY = 10;
/** No language has longer words, in UTF-16 units; they are tokenized in parts, so that time stays linear. */
const LONGEST_WORD = 4096;

/** SentencePiece's nmt_nfkc is NFKC, except that invisible joiners and separators become a space, ... */
const SPACES = /[\t\n\f\r\u0085\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;
/** ... and other control characters are dropped. */
const DROPPED = /\p{Cc}/gu;

interface Pieces {
  readonly count: number;
  /** UTF-8 of all pieces, with one byte between them. */
  readonly text: Uint8Array;
  /** Where each piece starts in `text`; piece i ends one byte before piece i + 1 starts. */
  readonly starts: Uint32Array;
  readonly scores: Float32Array;
  /** Hash table with linear probing: id + 1 of a piece, or 0. */
  readonly slots: Uint32Array;
  /** Bytes of the longest piece. */
  readonly longest: number;
}

/**
 * Loads pieces and scores, and the names of special tokens from tokenizer_config.json.
 * @throws {model-mismatch} when they are not a tokenizer, or have another vocabulary
 */
export async function loadUnigram(files: TokenizerFiles): Promise<Tokenizer> {
  const config = (await readJson(files.config)) as Readonly<Record<string, unknown>>;
  const pieces = readPieces(await readFile(files.tokenizer), files.tokenizer);
  const idOf = (text: unknown) => (typeof text === 'string' ? find(pieces, Buffer.from(text)) : -1);
  const [start, end, unknown, padding] = ['bos', 'eos', 'unk', 'pad'].map((name) => idOf(config[`${name}_token`]));
  const found = { size: pieces.count, start: start! < 0 ? null : start!, end: end! < 0 ? null : end! };
  checkVocabulary(files.tokenizer, files.vocabulary, found);
  if (unknown! < 0) throw misfit(files.config, 'an unk_token that is a piece', `${config.unk_token ?? 'none'}`);
  const special = new Set([start!, end!, unknown!, padding!]);
  const viterbi = createViterbi(pieces, unknown!, special);
  const space = find(pieces, Buffer.from(SPACE));
  /** Ids of the text without special tokens, at most `most`. */
  const content = (text: string, most: number): number[] => {
    const ids: number[] = [];
    for (const word of wordsOf(text)) {
      for (let at = 0; at < word.length && ids.length < most; at += LONGEST_WORD) {
        ids.push(...viterbi(word.slice(at, at + LONGEST_WORD)));
      }
    }
    return ids.slice(0, most);
  };
  return {
    padId: padding! < 0 ? null : padding!,
    knows: (text) => content(text, files.maxTokens).some((id) => id !== unknown && id !== space),
    wordRank(word) {
      const id = find(pieces, Buffer.from(SPACE + word));
      return id >= 0 && !special.has(id) ? id : null;
    },
    encode(text) {
      const [head, tail] = [start!, end!].map((id) => (id < 0 ? [] : [id]));
      const most = files.maxTokens - head!.length - tail!.length;
      return [...head!, ...content(text, most), ...tail!];
    },
  };
}

/** Words, each preceded by {@link SPACE}. */
function wordsOf(text: string): string[] {
  const clean = withoutExcessMarks(text).replace(SPACES, ' ').replace(DROPPED, '').normalize('NFKC');
  return clean
    .split(/\p{White_Space}+/u)
    .filter((word) => word !== '')
    .map((word) => SPACE + word);
}

function readPieces(bytes: Buffer, path: string): Pieces {
  const count = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  const from = 4 + 4 * count;
  if (count === 0 || from >= bytes.length) throw misfit(path, 'pieces with scores', `${bytes.length} bytes`);
  // A copy, because float32 needs 4-byte alignment.
  const scores = new Float32Array(new Uint8Array(bytes.subarray(4, from)).buffer);
  const text = bytes.subarray(from);
  const starts = new Uint32Array(count + 1);
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * count)));
  let [id, hash, longest] = [0, HASH_START, 0];
  for (let at = 0; at <= text.length && id < count; at++) {
    if (at < text.length && text[at] !== LINE_BREAK) {
      hash = addToHash(hash, text[at]!);
      continue;
    }
    let slot = hash & (slots.length - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = ++id;
    starts[id] = at + 1;
    longest = Math.max(longest, at - starts[id - 1]!);
    hash = HASH_START;
  }
  if (id < count || starts[count] !== text.length + 1) throw misfit(path, `${count} pieces`, 'another number of them');
  return { count, text, starts, scores, slots, longest };
}

const LINE_BREAK = 0x0a;
/** FNV-1a, 32 bits. */
const HASH_START = 0x811c9dc5;

function addToHash(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** Id of the piece equal to `bytes`, or -1. */
function find(pieces: Pieces, bytes: Uint8Array): number {
  return lookUp(pieces, bytes, 0, bytes.length, bytes.reduce(addToHash, HASH_START));
}

/** Id of the piece equal to bytes `from` to `to` with the given hash, or -1. */
function lookUp({ text, starts, slots }: Pieces, bytes: Uint8Array, from: number, to: number, hash: number): number {
  for (let slot = hash & (slots.length - 1); ; slot = (slot + 1) & (slots.length - 1)) {
    const id = slots[slot]! - 1;
    if (id < 0) return -1;
    const start = starts[id]!;
    if (starts[id + 1]! - 1 - start !== to - from) continue;
    let at = from;
    while (at < to && bytes[at] === text[start + at - from]) at++;
    if (at === to) return id;
  }
}

/** Splits a word into the pieces with the highest total score. */
function createViterbi(pieces: Pieces, unknown: number, special: ReadonlySet<number>): (word: string) => number[] {
  const least = pieces.scores.reduce((low, score) => Math.min(low, score), Infinity) - UNKNOWN_PENALTY;
  return (word) => {
    const bytes = Buffer.from(word);
    // For the best path to each byte: its score, the id of its last piece, and where that starts.
    const scores = new Float64Array(bytes.length + 1).fill(-Infinity);
    const ids = new Int32Array(bytes.length + 1);
    const froms = new Int32Array(bytes.length + 1);
    scores[0] = 0;
    const offer = (from: number, to: number, id: number, score: number) => {
      if (scores[from]! + score <= scores[to]!) return;
      scores[to] = scores[from]! + score;
      ids[to] = id;
      froms[to] = from;
    };
    for (let from = 0; from < bytes.length; from = characterEnd(bytes, from)) {
      let hash = HASH_START;
      const end = Math.min(bytes.length, from + pieces.longest);
      for (let to = from; to < end; ) {
        const next = characterEnd(bytes, to);
        for (; to < next; to++) hash = addToHash(hash, bytes[to]!);
        const id = lookUp(pieces, bytes, from, next, hash);
        if (id >= 0 && !special.has(id)) offer(from, next, id, pieces.scores[id]!);
      }
      offer(from, characterEnd(bytes, from), unknown, least);
    }
    const found: number[] = [];
    for (let at = bytes.length; at > 0; at = froms[at]!) {
      // Adjacent unknown characters are one token.
      if (ids[at] !== unknown || found.at(-1) !== unknown) found.push(ids[at]!);
    }
    return found.reverse();
  };
}

/** The end of the UTF-8 character that starts at `at`. */
function characterEnd(bytes: Uint8Array, at: number): number {
  let end = at + 1;
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end++;
  return end;
}

function misfit(path: string, expected: string, got: string): SightlineError {
  return new SightlineError('model-mismatch', `${path}: expected ${expected}, got ${got}`, { details: { file: path } });
}
