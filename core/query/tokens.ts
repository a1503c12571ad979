/** The parts of a query as `understand.ts` reads it. */

const QUOTED = /"[^"]+"|“[^”]+”|„[^“”]+[“”]|«[^»]+»/u;
const EVERY_QUOTED = new RegExp(QUOTED, 'gu');
const TOKEN = new RegExp(`${QUOTED.source}|[\\p{L}\\p{M}\\p{N}&/_-]+['’]?|[,;.:!?()，。；]`, 'gu');

export interface Token {
  /** What is in quotes is taken as it is. */
  readonly kind: 'word' | 'quoted' | 'stop';
  /** In lower case. */
  readonly word: string;
  /** Where it stands in the text. */
  readonly from: number;
  readonly to: number;
}

/** Something that is taken out of a text, by where it stands. */
export interface Cut {
  readonly from: number;
  readonly to: number;
  /** It is said in words of one language alone, of those that are understood. */
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

/** A text of the same length in which nothing is in quotes that could be a word. */
export function maskQuoted(text: string): string {
  return text.replaceAll(EVERY_QUOTED, (quoted) => ';'.repeat(quoted.length));
}

/** Words that are parted by spaces. */
export function setOf(words = ''): ReadonlySet<string> {
  return new Set(words.split(/\s+/));
}

/** Whether these words stand at a place, one behind the other. */
export function standAt(words: readonly string[], tokens: readonly Token[], at: number): boolean {
  return words.every((word, i) => tokens[at + i]?.kind === 'word' && tokens[at + i]!.word === word);
}
