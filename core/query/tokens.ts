/** Splits a query into tokens for `understand.ts`. */

const QUOTED = /"[^"]+"|“[^”]+”|„[^“”]+[“”]|«[^»]+»/u;
const EVERY_QUOTED = new RegExp(QUOTED, 'gu');
const TOKEN = new RegExp(`${QUOTED.source}|[\\p{L}\\p{M}\\p{N}&/_-]+['’]?|[,;.:!?()，。；]`, 'gu');

export interface Token {
  /** Quoted text is taken literally. */
  readonly kind: 'word' | 'quoted' | 'stop';
  /** In lower case. */
  readonly word: string;
  /** Position in the text. */
  readonly from: number;
  readonly to: number;
}

/** A part to remove from a text, by position. */
export interface Cut {
  readonly from: number;
  readonly to: number;
  /** Whether its words belong to only one of the supported languages. */
  readonly isSure: boolean;
}

export function tokensOf(text: string): Token[] {
  return Array.from(text.matchAll(TOKEN), ({ 0: token, index }) => {
    const kind = QUOTED.test(token) ? 'quoted' : /^[,;.:!?()，。；]$/.test(token) ? 'stop' : 'word';
    return { kind, word: token.toLowerCase().replace('’', "'"), from: index, to: index + token.length };
  });
}

/** A text without its quotes, in pairs. */
export function unquoted(text: string): string {
  return text.replaceAll(EVERY_QUOTED, (quoted) => quoted.slice(1, -1).trim()).trim();
}

/** A text of the same length with quoted words masked. */
export function maskQuoted(text: string): string {
  return text.replaceAll(EVERY_QUOTED, (quoted) => ';'.repeat(quoted.length));
}

/** The set of words separated by spaces. */
export function setOf(words = ''): ReadonlySet<string> {
  return new Set(words.split(/\s+/));
}

/** Whether these words occur consecutively at a position. */
export function standAt(words: readonly string[], tokens: readonly Token[], at: number): boolean {
  return words.every((word, i) => tokens[at + i]?.kind === 'word' && tokens[at + i]!.word === word);
}
