/**
 * Edit distance between two words: letters inserted, deleted, replaced, or swapped with a neighbour (restricted
 * Damerau-Levenshtein: swapped letters are not edited again).
 */
export function editDistance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isExchanged) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz');

/** Every word at distance one, using the letters a to z and those of the word. */
export function wordsNextTo(word: string): Set<string> {
  const letters = Array.from(word);
  const alphabet = [...new Set([...LETTERS, ...letters])];
  const made = new Set<string>();
  const add = (from: number, to: number, ...middle: string[]) =>
    made.add([...letters.slice(0, from), ...middle, ...letters.slice(to)].join(''));
  for (let at = 0; at <= letters.length; at++) {
    for (const letter of alphabet) add(at, at, letter);
    if (at === letters.length) break;
    add(at, at + 1);
    for (const letter of alphabet) add(at, at + 1, letter);
    if (at + 1 < letters.length) add(at, at + 2, letters[at + 1]!, letters[at]!);
  }
  made.delete(word);
  return made;
}
